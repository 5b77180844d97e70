#include "config/schema.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/text.hpp"

namespace tocsin::config {
namespace {

using base::Option;
using base::OptionType;
using base::Value;

std::string quoted(std::string_view text) {
  return "\"" + std::string(text) + "\"";
}

std::string_view expected(OptionType type) {
  switch (type) {
    case OptionType::boolean:
      return "true or false";
    case OptionType::integer:
      return "an integer";
    case OptionType::number:
      return "a number";
    case OptionType::string:
      return "a string";
    case OptionType::array:
      return "an array";
    case OptionType::table:
      return "a table";
    case OptionType::duration:
      return "a duration such as \"30s\" or \"1h30m\"";
    case OptionType::size:
      return "a size such as \"64KiB\" or \"10MB\"";
    case OptionType::any:
      return "a value";
  }
  return "a value";
}

std::string got(const Value& value) {
  const std::string_view name = value.type_name();
  return std::string(std::string_view("aei").find(name[0]) == std::string_view::npos ? "a " : "an ") +
         std::string(name);
}

/// An option's TOML text (a default, a bound) as a value. What is no TOML counts as a bare string: `30s`.
Value toml_text(const std::string& text) {
  Diagnostics unimportant;
  auto parsed = parse_toml("v = " + text, "", Environment(), unimportant);
  Value value = parsed && parsed->find("v") ? *parsed->find("v") : Value(text);
  value.place = {};
  return value;
}

const Option* find_option(std::span<const Option> options, std::string_view key) {
  auto found = std::ranges::find(options, key, &Option::key);
  if (found == options.end()) found = std::ranges::find(options, "*", &Option::key);
  return found == options.end() ? nullptr : &*found;
}

class Validator {
 public:
  Validator(std::string where, Diagnostics& diagnostics) : where_(std::move(where)), diagnostics_(diagnostics) {}

  /// `path` leads from the section to this table: "", "tls", "match".
  Value table(const Value& from, std::span<const Option> options, const std::string& path) {
    Value::Table out;
    for (const Value::Member& member : *from.table()) {
      const Option* option = find_option(options, member.key);
      if (!option) {
        unknown(member, options, path);
      } else if (auto value = coerce(member.value, *option, join(path, member.key))) {
        value->place = member.value.place;
        out.push_back({member.key, std::move(*value), member.key_place});
      }
    }
    Value result(std::move(out));
    result.place = from.place;
    for (const Option& option : options) add_missing(result, from, option, path);
    return result;
  }

 private:
  static std::string join(const std::string& path, const std::string& key) {
    return path.empty() ? key : path + "." + key;
  }

  void complain(const base::Place& place, const std::string& path, const std::string& what) {
    error_at(diagnostics_, place, where_ + " " + (path.empty() ? "" : path + ": ") + what);
  }

  void unknown(const Value::Member& member, std::span<const Option> options, const std::string& path) {
    std::vector<std::string> known;
    for (const Option& option : options) known.push_back(option.key);
    std::string hint = did_you_mean(member.key, known);
    if (hint.empty()) hint = list_of(known);
    complain(member.key_place, path, "unknown key " + quoted(member.key) + hint);
  }

  static std::string list_of(const std::vector<std::string>& known) {
    if (known.empty()) return "; it takes no keys";
    std::string list = "; known are";
    for (const std::string& key : known) list += (&key == &known.front() ? " " : ", ") + key;
    return list;
  }

  void add_missing(Value& result, const Value& from, const Option& option, const std::string& path) {
    if (option.key == "*" || option.key == "[]" || result.find(option.key)) return;
    if (!option.fallback.empty()) {
      if (auto value = coerce(toml_text(option.fallback), option, join(path, option.key)))
        result.set(option.key, std::move(*value));
    } else if (option.required && !from.find(option.key)) {
      complain(from.place, path, "needs " + quoted(option.key) + (option.doc.empty() ? "" : ": " + option.doc));
    }
  }

  std::optional<Value> wrong(const Value& value, const Option& option, const std::string& path) {
    std::string what = "expected " + std::string(expected(option.type)) + ", got " + got(value);
    if (option.type == OptionType::array && value.string() && !option.secret)
      what += "; write [" + quoted(*value.string()) + "]";
    complain(value.place, path, what);
    return std::nullopt;
  }

  std::optional<Value> coerce(const Value& value, const Option& option, const std::string& path) {
    switch (option.type) {
      case OptionType::boolean:
        return value.boolean() ? value : wrong(value, option, path);
      case OptionType::integer:
        if (!value.integer()) return wrong(value, option, path);
        return within(value, option, path, value.number());
      case OptionType::number:
        return number(value, option, path);
      case OptionType::string:
        return string(value, option, path);
      case OptionType::array:
        return array(value, option, path);
      case OptionType::table:
        return value.table() ? children(value, option, path) : wrong(value, option, path);
      case OptionType::duration:
        return duration(value, option, path);
      case OptionType::size:
        return size(value, option, path);
      case OptionType::any:
        return any(value, option, path);
    }
    return value;
  }

  std::optional<Value> number(const Value& value, const Option& option, const std::string& path) {
    if (!value.integer() && !(value.real() && std::isfinite(*value.real()))) return wrong(value, option, path);
    return within(Value(value.number()), option, path, value.number(), value.place);
  }

  std::optional<Value> string(const Value& value, const Option& option, const std::string& path) {
    if (!value.string()) return wrong(value, option, path);
    if (option.required && value.string()->empty()) {
      complain(value.place, path, "must not be empty");
      return std::nullopt;
    }
    return chosen(*value.string(), value, option, path) ? std::optional(value) : std::nullopt;
  }

  bool chosen(const std::string& word, const Value& value, const Option& option, const std::string& path) {
    if (option.choices.empty() || std::ranges::find(option.choices, word) != option.choices.end()) return true;
    std::string list;
    for (const std::string& choice : option.choices) list += (list.empty() ? "" : ", ") + quoted(choice);
    complain(value.place, path,
             "expected one of " + list + ", got " + quoted(word) + did_you_mean(word, option.choices));
    return false;
  }

  std::optional<Value> array(const Value& value, const Option& option, const std::string& path) {
    if (!value.array()) return wrong(value, option, path);
    auto item_option = std::ranges::find(option.children, "[]", &Option::key);
    Value::Array out;
    for (const Value& item : *value.array()) {
      if (item_option != option.children.end()) {
        if (auto good = coerce(item, *item_option, path)) out.push_back(placed(std::move(*good), item.place));
      } else if (!option.children.empty()) {
        if (item.table())
          out.push_back(table(item, option.children, path));
        else
          complain(item.place, path, "expected tables in the array, got " + got(item));
      } else if (!item.string() || chosen(*item.string(), item, option, path)) {
        out.push_back(item);
      }
    }
    return placed(Value(std::move(out)), value.place);
  }

  std::optional<Value> any(const Value& value, const Option& option, const std::string& path) {
    if (value.table()) return children(value, option, path);
    if (value.array() && std::ranges::all_of(*value.array(), [](const Value& item) { return item.table(); }))
      return array(value, option, path);
    return value;
  }

  std::optional<Value> children(const Value& value, const Option& option, const std::string& path) {
    return option.children.empty() ? value : table(value, option.children, path);
  }

  std::optional<Value> duration(const Value& value, const Option& option, const std::string& path) {
    if (value.integer() && *value.integer() == 0) return within(value, option, path, 0);
    if (!value.string()) return wrong(value, option, path);
    auto parsed = base::parse_duration(*value.string());
    if (!parsed) return unreadable(value, option, path);
    return within(Value(static_cast<std::int64_t>(parsed->count())), option, path, static_cast<double>(parsed->count()),
                  value.place);
  }

  std::optional<Value> size(const Value& value, const Option& option, const std::string& path) {
    if (value.integer() && *value.integer() >= 0) return within(value, option, path, value.number());
    if (!value.string()) return wrong(value, option, path);
    auto parsed = base::parse_size(*value.string());
    if (!parsed || *parsed > static_cast<std::uint64_t>(INT64_MAX)) return unreadable(value, option, path);
    return within(Value(static_cast<std::int64_t>(*parsed)), option, path, static_cast<double>(*parsed), value.place);
  }

  std::optional<Value> unreadable(const Value& value, const Option& option, const std::string& path) {
    complain(value.place, path, "expected " + std::string(expected(option.type)) + ", got " + quoted(*value.string()));
    return std::nullopt;
  }

  std::optional<Value> within(const Value& value, const Option& option, const std::string& path, double number) {
    return within(value, option, path, number, value.place);
  }

  std::optional<Value> within(Value value, const Option& option, const std::string& path, double number,
                              const base::Place& place) {
    const bool below = !option.min.empty() && number < bound(option.min, option.type);
    const bool above = !option.max.empty() && number > bound(option.max, option.type);
    if (!below && !above) return placed(std::move(value), place);
    complain(place, path, below ? "must be at least " + option.min : "must be at most " + option.max);
    return std::nullopt;
  }

  static double bound(const std::string& text, OptionType type) {
    const Value value = toml_text(text);
    if (!value.string()) return value.number();
    if (type == OptionType::duration) {
      auto parsed = base::parse_duration(*value.string());
      return parsed ? static_cast<double>(parsed->count()) : 0;
    }
    auto parsed = base::parse_size(*value.string());
    return parsed ? static_cast<double>(*parsed) : 0;
  }

  static Value placed(Value value, const base::Place& place) {
    value.place = place;
    return value;
  }

  const std::string where_;
  Diagnostics& diagnostics_;
};

}  // namespace

std::string_view type_name(OptionType type) {
  static constexpr std::string_view names[] = {"boolean", "integer",  "number", "string", "array",
                                               "table",   "duration", "size",   "any"};
  return names[static_cast<std::size_t>(type)];
}

Value validate(const Value& table, std::span<const Option> options, const std::string& where,
               Diagnostics& diagnostics) {
  Value empty{Value::Table()};
  empty.place = table.place;
  if (table.table() || table.is_null())
    return Validator(where, diagnostics).table(table.table() ? table : empty, options, "");
  error_at(diagnostics, table.place, where + " expected a table, got " + got(table));
  Diagnostics unimportant;  // that its required keys are missing too
  return Validator(where, unimportant).table(empty, options, "");
}

}  // namespace tocsin::config
