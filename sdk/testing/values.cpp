#include "tocsin/testing/values.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "tocsin/status.hpp"

namespace tsn::testing {
namespace {

[[noreturn]] void bad(const std::string& text) {
  throw std::invalid_argument(text);
}

Value of_json(const nlohmann::json& json) {
  using Kind = nlohmann::json::value_t;
  switch (json.type()) {
    case Kind::boolean:
      return Value(json.get<bool>());
    case Kind::number_integer:
    case Kind::number_unsigned:
      return Value(json.get<std::int64_t>());
    case Kind::number_float:
      return Value(json.get<double>());
    case Kind::string:
      return Value(json.get<std::string>());
    case Kind::array: {
      auto made = Value::array();
      for (const auto& item : json) made.push(of_json(item));
      return made;
    }
    case Kind::object: {
      auto made = Value::table();
      for (const auto& [key, item] : json.items()) made.set(key, of_json(item));
      return made;
    }
    default:
      return Value();
  }
}

/// Inline TOML values: strings, numbers, booleans, arrays, inline tables.
class TomlReader {
 public:
  explicit TomlReader(std::string_view text) : text_(text) {}
  Value whole() {
    auto value = read();
    skip();
    if (at_ != text_.size()) fail("the end");
    return value;
  }

 private:
  Value read() {
    skip();
    if (at_ == text_.size()) fail("a value");
    switch (text_[at_]) {
      case '"':
      case '\'':
        return Value(quoted());
      case '[':
        return list();
      case '{':
        return inline_table();
      default:
        return bare();
    }
  }
  std::string quoted() {
    const char quote = text_[at_++];
    std::string out;
    while (at_ < text_.size() && text_[at_] != quote) {
      if (quote == '"' && text_[at_] == '\\' && at_ + 1 < text_.size()) {
        const char escaped = text_[++at_];
        out += escaped == 'n' ? '\n' : escaped == 't' ? '\t' : escaped;
      } else {
        out += text_[at_];
      }
      ++at_;
    }
    if (at_++ >= text_.size()) fail("a closing quote");
    return out;
  }
  Value list() {
    auto made = Value::array();
    ++at_;
    while (!taken(']')) {
      made.push(read());
      if (!taken(',') && peek() != ']') fail("\",\" or \"]\"");
    }
    return made;
  }
  Value inline_table() {
    auto made = Value::table();
    ++at_;
    while (!taken('}')) {
      auto key = peek() == '"' ? quoted() : std::string(word());
      if (!taken('=')) fail("\"=\"");
      made.set(std::move(key), read());
      if (!taken(',') && peek() != '}') fail("\",\" or \"}\"");
    }
    return made;
  }
  Value bare() {
    const auto text = word();
    if (text == "true" || text == "false") return Value(text == "true");
    std::string digits;
    std::copy_if(text.begin(), text.end(), std::back_inserter(digits), [](char c) { return c != '_'; });
    std::int64_t integer = 0;
    const auto* end = digits.data() + digits.size();
    if (auto [p, ec] = std::from_chars(digits.data(), end, integer); ec == std::errc() && p == end)
      return Value(integer);
    double number = 0;
    if (auto [p, ec] = std::from_chars(digits.data(), end, number); ec == std::errc() && p == end) return Value(number);
    fail("a TOML value");
  }
  std::string_view word() {
    skip();
    const auto from = at_;
    while (at_ < text_.size() && std::string_view(" \t\n,]}=").find(text_[at_]) == std::string_view::npos) ++at_;
    return text_.substr(from, at_ - from);
  }
  void skip() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n')) ++at_;
  }
  char peek() { return skip(), at_ < text_.size() ? text_[at_] : '\0'; }
  bool taken(char c) { return peek() == c ? (++at_, true) : false; }
  [[noreturn]] void fail(const std::string& expected) {
    bad("TOML value `" + std::string(text_) + "`: expected " + expected + " at byte " + std::to_string(at_));
  }
  std::string_view text_;
  std::size_t at_ = 0;
};

std::int64_t with_units(std::string_view text, std::initializer_list<std::pair<std::string_view, double>> units) {
  double sum = 0;
  auto rest = text;
  while (!rest.empty()) {
    double number = 0;
    const auto [p, ec] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (ec != std::errc()) bad("`" + std::string(text) + "`: expected a number with a unit");
    rest.remove_prefix(static_cast<std::size_t>(p - rest.data()));
    const auto length = std::min(rest.find_first_of("0123456789."), rest.size());
    const auto unit = rest.substr(0, length);
    const auto* found =
        std::find_if(units.begin(), units.end(), [&](const auto& known) { return known.first == unit; });
    if (found == units.end()) bad("`" + std::string(text) + "`: unknown unit `" + std::string(unit) + "`");
    sum += number * found->second;
    rest.remove_prefix(length);
  }
  return static_cast<std::int64_t>(std::llround(sum));
}

Value converted(const Value& value, tsn_value_type wanted, const std::string& key) {
  const auto is = value.type();
  if (wanted == TSN_ANY || is == wanted || (wanted == TSN_FLOAT && is == TSN_INT)) return value;
  if (wanted == TSN_DURATION) return is == TSN_STRING ? Value(parse_duration(value.text())) : value;
  if (wanted == TSN_SIZE) return is == TSN_STRING ? Value(parse_size(value.text())) : value;
  bad("option \"" + key + "\" has the wrong type");
}

}  // namespace

Value from_json(std::string_view text) {
  try {
    return of_json(nlohmann::json::parse(text));
  } catch (const nlohmann::json::exception& error) {
    bad(error.what());
  }
}

Value from_toml(std::string_view text) {
  return TomlReader(text).whole();
}

Value copy(const tsn_value& value) {
  const Config from(&value);
  Value made;
  switch (value.type) {
    case TSN_BOOL:
      made = Value(from.as_boolean());
      break;
    case TSN_INT:
      made = Value(value.i);
      break;
    case TSN_FLOAT:
      made = Value(value.f);
      break;
    case TSN_STRING:
      made = Value(view(value.s));
      break;
    case TSN_ARRAY:
      made = Value::array();
      for (const auto& item : from) made.push(copy(*item.raw()));
      break;
    case TSN_TABLE:
      made = Value::table();
      for (std::uint32_t i = 0; i < from.count(); ++i) made.set(std::string(from.key(i)), copy(*from.at(i).raw()));
      break;
    default:
      break;
  }
  made.at_line(value.line);
  return made;
}

namespace {

/// As the host does: with a script for the option `adapter` its text is handed over too, and nothing else is required.
bool takes_adapter(const tsn_type& type) {
  for (std::uint32_t i = 0; i < type.option_count; ++i)
    if (view(detail::read_element(type.options, type.option_stride, i).key) == "adapter") return true;
  return false;
}

}  // namespace

Value completed_query(const Value& query, const tsn_type& type) {
  auto made = Value::table();
  const auto source = type.source ? detail::read_struct(type.source) : tsn_source_vtable{};
  std::vector<std::string> known;
  for (std::uint32_t i = 0; i < source.query_option_count; ++i) {
    const auto option = detail::read_element(source.query_options, source.query_option_stride, i);
    const std::string& key = known.emplace_back(view(option.key));
    if (const auto* given = query.find(key))
      made.set(key, converted(*given, option.type, key));
    else if (option.fallback.n)
      made.set(key, converted(from_toml(view(option.fallback)), option.type, key));
    else if (option.flags & TSN_OPT_REQUIRED)
      bad("key \"" + key + "\" of a query to " + std::string(view(type.id)) + " is required");
  }
  Value whole = query;
  const Config all(whole.view());
  for (std::uint32_t i = 0; i < all.count(); ++i)
    if (std::find(known.begin(), known.end(), all.key(i)) == known.end())
      bad("unknown key \"" + std::string(all.key(i)) + "\" of a query to " + std::string(view(type.id)));
  return made;
}

Value completed(const Value& config, const tsn_type& type) {
  auto made = Value::table();
  std::size_t known = 0;
  const bool adapted = takes_adapter(type) && config.find("adapter");
  if (const auto* script = adapted ? config.find("adapter_text") : nullptr) ++known, made.set("adapter_text", *script);
  for (std::uint32_t i = 0; i < type.option_count; ++i) {
    const auto option = detail::read_element(type.options, type.option_stride, i);
    const std::string key(view(option.key));
    if (const auto* given = config.find(key)) {
      ++known;
      made.set(key, converted(*given, option.type, key));
    } else if (option.fallback.n) {
      made.set(key, converted(from_toml(view(option.fallback)), option.type, key));
    } else if (!adapted && (option.flags & TSN_OPT_REQUIRED)) {
      bad("option \"" + key + "\" of " + std::string(view(type.id)) + " is required");
    }
  }
  Value whole = config;
  const Config all(whole.view());
  for (std::uint32_t i = 0; known < all.count() && i < all.count(); ++i)
    if (!made.find(all.key(i)))
      bad("unknown option \"" + std::string(all.key(i)) + "\" of " + std::string(view(type.id)));
  return made;
}

std::int64_t parse_duration(std::string_view text) {
  return with_units(
      text,
      {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}, {"d", 86400e9}, {"w", 604800e9}});
}

std::int64_t parse_size(std::string_view text) {
  return with_units(text, {{"B", 1},
                           {"", 1},
                           {"kB", 1e3},
                           {"KB", 1e3},
                           {"MB", 1e6},
                           {"GB", 1e9},
                           {"KiB", 1024},
                           {"MiB", 1024 * 1024},
                           {"GiB", 1073741824.0}});
}

}  // namespace tsn::testing
