#include "alertmanager/words.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <tuple>

#include "base/text.hpp"

namespace tocsin::alertmanager {

using base::fail;
using base::Fault;
using base::Result;
using base::Value;

Result<base::Duration> parse_duration(std::string_view text) {
  struct Unit {
    std::string_view name;
    std::int64_t ns;
  };
  constexpr std::int64_t second = 1'000'000'000;
  static constexpr std::array<Unit, 7> units = {Unit{"y", 365 * 24 * 3600 * second},
                                                {"w", 7 * 24 * 3600 * second},
                                                {"d", 24 * 3600 * second},
                                                {"h", 3600 * second},
                                                {"m", 60 * second},
                                                {"s", second},
                                                {"ms", 1'000'000}};
  const auto bad = [&] {
    return fail(Fault::invalid, "expected a duration such as 30s, 5m or 1h30m, got \"" + std::string(text) + "\"");
  };
  if (text == "0") return base::Duration::zero();
  if (text.empty()) return bad();
  std::int64_t total = 0;
  std::size_t next = 0;
  for (std::string_view rest = text; !rest.empty();) {
    std::int64_t number = 0;
    const auto [end, problem] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (problem != std::errc() || rest.front() == '-') return bad();
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    const std::string_view unit = rest.substr(0, rest.starts_with("ms") ? 2 : 1);
    const auto found = std::find_if(units.begin() + static_cast<std::ptrdiff_t>(next), units.end(),
                                    [&](const Unit& u) { return u.name == unit; });
    if (found == units.end()) return bad();
    next = static_cast<std::size_t>(found - units.begin()) + 1;
    rest.remove_prefix(unit.size());
    if (number > (std::numeric_limits<std::int64_t>::max() - total) / found->ns) return bad();
    total += number * found->ns;
  }
  return base::Duration(total);
}

Result<base::Duration> parse_go_duration(std::string_view text) {
  struct Unit {
    std::string_view name;
    double ns;
  };
  static constexpr std::array<Unit, 7> units = {Unit{"ns", 1}, {"us", 1e3}, {"µs", 1e3},  {"ms", 1e6},
                                                {"s", 1e9},    {"m", 6e10}, {"h", 3.6e12}};
  const auto bad = [&] {
    return fail(Fault::invalid, "expected a duration such as 30s, 15m or 120h, got \"" + std::string(text) + "\"");
  };
  std::string_view rest = text;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  if (rest == "0") return base::Duration::zero();
  if (rest.empty()) return bad();
  double total = 0;
  while (!rest.empty()) {
    const std::size_t digits = std::min(rest.find_first_not_of("0123456789."), rest.size());
    double number = 0;
    const auto [end, problem] = std::from_chars(rest.data(), rest.data() + digits, number);
    if (digits == 0 || problem != std::errc() || end != rest.data() + digits) return bad();
    rest.remove_prefix(digits);
    const std::string_view word = rest.substr(0, rest.find_first_of("0123456789."));
    const auto unit = std::ranges::find(units, word, &Unit::name);
    if (unit == units.end()) return bad();
    total += number * unit->ns;
    rest.remove_prefix(word.size());
  }
  if (total > 9e18) return bad();
  return base::Duration(static_cast<std::int64_t>(negative ? -total : total));
}

std::optional<bool> parse_flag(std::string_view text) {
  for (std::string_view word : {"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"}) {
    if (text == word) return true;
  }
  for (std::string_view word : {"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"}) {
    if (text == word) return false;
  }
  return std::nullopt;
}

Result<model::Matchers> parse_matchers(std::string_view line) {
  line = base::trim(line);
  if (line.starts_with('{')) line.remove_prefix(1);
  if (line.ends_with('}')) line.remove_suffix(1);
  model::Matchers out;
  bool quoted = false, escaped = false;
  std::size_t begin = 0;
  const auto take = [&](std::size_t end, bool last) -> Result<void> {
    const std::string_view one = line.substr(begin, end - begin);
    begin = end + 1;
    if (last && base::trim(one).empty()) return {};
    TRY(model::Matcher matcher, model::Matcher::parse(one));
    if (!label_name(matcher.label()))
      return fail(Fault::invalid, "matcher " + std::string(one) + ": \"" + matcher.label() + "\" is no label name");
    out.push_back(std::move(matcher));
    return {};
  };
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == ',' && !quoted) {
      TRY_VOID(take(i, false));
    } else if (c == '"' && !escaped) {
      quoted = !quoted;
    }
    escaped = c == '\\' && !escaped;
  }
  TRY_VOID(take(line.size(), true));
  return out;
}

void sort(model::Matchers& matchers) {
  const auto key = [](const model::Matcher& m) { return std::tuple(m.label(), m.value(), m.op()); };
  std::ranges::stable_sort(matchers, {}, key);
}

bool label_name(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  if (name.empty() || !letter(name.front())) return false;
  return std::ranges::all_of(name, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

Result<Url> parse_url(std::string_view text) {
  const std::size_t scheme = text.find("://");
  const std::string name = scheme == text.npos ? "" : base::lower(text.substr(0, scheme));
  if (name != "http" && name != "https") return fail(Fault::invalid, "expected http://… or https://…");
  const std::size_t begin = scheme + 3, end = std::min(text.find_first_of("/?#", begin), text.size());
  const std::string_view authority = text.substr(begin, end - begin);
  const std::size_t at = authority.rfind('@');
  const std::string_view host = at == authority.npos ? authority : authority.substr(at + 1);
  if (host.empty() || host.front() == ':') return fail(Fault::invalid, "the URL names no host");
  if (text.find_first_of(std::string_view(" \t\r\n\0", 5)) != text.npos)
    return fail(Fault::invalid, "a URL holds no white space");
  Url out;
  out.without_user = name + "://" + std::string(host) + std::string(text.substr(end));
  if (at == authority.npos) return out;
  out.has_user = true;
  const std::string_view user = authority.substr(0, at);
  const std::size_t colon = user.find(':');
  out.user = percent_decoded(user.substr(0, colon));
  if (colon != user.npos) out.password = percent_decoded(user.substr(colon + 1));
  return out;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    const char* begin = text.data() + i + 1;
    const bool triple =
        text[i] == '%' && i + 2 < text.size() && std::from_chars(begin, begin + 2, value, 16).ptr == begin + 2;
    out += triple ? static_cast<char>(value) : text[i];
    if (triple) i += 2;
  }
  return out;
}

std::string text_of(const Value& table, std::string_view key) {
  const Value* value = table.find(key);
  return value && value->string() ? *value->string() : std::string();
}

bool flag_of(const Value& table, std::string_view key, bool fallback) {
  const Value* value = table.find(key);
  return value && value->string() ? parse_flag(*value->string()).value_or(fallback) : fallback;
}

std::optional<base::Duration> duration_of(const Value& table, std::string_view key) {
  const Value* value = table.find(key);
  if (!value || !value->string()) return std::nullopt;
  const auto parsed = parse_duration(*value->string());
  return parsed ? std::optional(*parsed) : std::nullopt;
}

std::vector<std::string> texts_of(const Value& table, std::string_view key) {
  std::vector<std::string> out;
  const Value* list = table.find(key);
  if (!list || !list->array()) return out;
  for (const Value& item : *list->array()) {
    if (item.string()) out.push_back(*item.string());
  }
  return out;
}

std::vector<const Value*> objects_of(const Value& table, std::string_view key) {
  std::vector<const Value*> out;
  const Value* list = table.find(key);
  if (!list || !list->array()) return out;
  for (const Value& item : *list->array()) {
    if (item.table()) out.push_back(&item);
  }
  return out;
}

const Value* object_of(const Value& table, std::string_view key) {
  const Value* value = table.find(key);
  return value && value->table() ? value : nullptr;
}

base::Place place_of(const Value& table, std::string_view key) {
  const Value* value = table.find(key);
  return value ? value->place : table.place;
}

void put(Value& table, std::string key, Value value, const base::Place& place) {
  value.place = place;
  table.table()->push_back({std::move(key), std::move(value), place});
}

model::Matchers matchers_of(const Value& table, const std::string& prefix) {
  model::Matchers out;
  const auto add = [&](Result<model::Matcher> matcher) {
    if (matcher) out.push_back(std::move(*matcher));
  };
  if (const Value* match = object_of(table, prefix + "match")) {
    for (const Value::Member& m : *match->table())
      add(model::Matcher::make(m.key, model::MatchOp::equal, m.value.string() ? *m.value.string() : ""));
  }
  if (const Value* match = object_of(table, prefix + "match_re")) {
    // Alertmanager anchors these in the text too, and the text is part of a group's key.
    for (const Value::Member& m : *match->table())
      add(model::Matcher::make(m.key, model::MatchOp::match,
                               "^(?:" + (m.value.string() ? *m.value.string() : "") + ")$"));
  }
  for (const std::string& line : texts_of(table, prefix + "matchers")) {
    if (auto parsed = parse_matchers(line)) std::ranges::move(*parsed, std::back_inserter(out));
  }
  sort(out);
  return out;
}

}  // namespace tocsin::alertmanager
