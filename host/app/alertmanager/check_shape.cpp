#include <charconv>

#include "alertmanager/shape.hpp"
#include "alertmanager/words.hpp"

namespace tocsin::alertmanager {
namespace {

using base::Value;
using config::Diagnostics;
using config::error_at;

class ShapeChecker {
 public:
  explicit ShapeChecker(Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

  void object(const Value& value, const Shape& shape, const std::string& path) {
    if (value.is_null()) return;
    if (!value.table()) return wrong(value, path, "a map of keys and values");
    for (const Value::Member& member : *value.table()) {
      const Key* key = shape.find(member.key);
      if (key) {
        check(member.value, *key, path.empty() ? member.key : path + "." + member.key);
        continue;
      }
      std::vector<std::string> known;
      for (const Key& each : shape.keys) known.emplace_back(each.name);
      error_at(diagnostics_, member.key_place,
               (path.empty() ? "" : path + ": ") + "unknown key \"" + member.key + "\"" +
                   config::did_you_mean(member.key, known));
    }
  }

 private:
  void check(const Value& value, const Key& key, const std::string& path) {
    if (value.is_null()) return;  // as if the key were not there
    switch (key.kind) {
      case Kind::object:
        return object(value, *key.shape, path);
      case Kind::objects:
        return each(value, path, [&](const Value& item, const std::string& at) { object(item, *key.shape, at); });
      case Kind::texts:
        return each(value, path, [&](const Value& item, const std::string& at) { scalar(item, Kind::text, at); });
      case Kind::labels:
        return each(value, path, [&](const Value& item, const std::string& at) { name(item, at); });
      case Kind::matchers:
        return each(value, path, [&](const Value& item, const std::string& at) { matcher(item, at); });
      case Kind::text_map:
      case Kind::label_map:
      case Kind::regex_map:
        return map(value, key.kind, path);
      default:
        return scalar(value, key.kind, path);
    }
  }

  template <class One>
  void each(const Value& value, const std::string& path, One&& one) {
    if (!value.array()) return wrong(value, path, "a list");
    for (std::size_t i = 0; i < value.array()->size(); ++i) {
      const Value& item = (*value.array())[i];
      const std::string at = path + "[" + std::to_string(i) + "]";
      if (item.is_null())
        error_at(diagnostics_, item.place, at + ": is empty");
      else
        one(item, at);
    }
  }

  void map(const Value& value, Kind kind, const std::string& path) {
    if (!value.table()) return wrong(value, path, "a map of keys and values");
    for (const Value::Member& member : *value.table()) {
      const std::string at = path + "." + member.key;
      if (kind != Kind::text_map && !label_name(member.key))
        error_at(diagnostics_, member.key_place, at + ": \"" + member.key + "\" is no label name");
      if (member.value.is_null()) {
        if (kind == Kind::regex_map) error_at(diagnostics_, member.value.place, at + ": is empty");
        continue;
      }
      scalar(member.value, Kind::text, at);
      if (kind != Kind::regex_map || !member.value.string()) continue;
      said(member.value, at, model::Matcher::make(member.key, model::MatchOp::match, *member.value.string()));
    }
  }

  void name(const Value& item, const std::string& path) {
    scalar(item, Kind::text, path);
    if (item.string() && !label_name(*item.string()))
      error_at(diagnostics_, item.place, path + ": \"" + *item.string() + "\" is no label name");
  }

  void matcher(const Value& item, const std::string& path) {
    scalar(item, Kind::text, path);
    if (!item.string()) return;
    if (auto parsed = parse_matchers(*item.string()); !parsed)
      error_at(diagnostics_, item.place, path + ": " + parsed.error().message());
  }

  void scalar(const Value& value, Kind kind, const std::string& path) {
    if (!value.string()) return wrong(value, path, kind == Kind::flag ? "true or false" : "a text");
    const std::string& text = *value.string();
    switch (kind) {
      case Kind::flag:
        if (!parse_flag(text))
          error_at(diagnostics_, value.place, path + ": expected true or false, got " + quoted(text));
        return;
      case Kind::integer:
        return integer(value, path);
      case Kind::duration:
        return said(value, path, parse_duration(text));
      case Kind::go_duration:
        return said(value, path, parse_go_duration(text));
      case Kind::url:
        return said(value, path, parse_url(text));
      case Kind::secret_url:
        // The status page shows secrets as `<secret>`; what was copied from there is read again.
        return text == "<secret>" ? void() : said(value, path, parse_url(text));
      case Kind::host_port:
        return host_port(value, path);
      default:
        return;
    }
  }

  void integer(const Value& value, const std::string& path) {
    const std::string& text = *value.string();
    std::int64_t number = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (problem == std::errc() && end == text.data() + text.size()) return;
    error_at(diagnostics_, value.place, path + ": expected a whole number, got " + quoted(text));
  }

  void host_port(const Value& value, const std::string& path) {
    const std::string& text = *value.string();
    const std::size_t colon = text.rfind(':');
    const bool bracketed = text.starts_with('[');
    const bool good = text.empty() || (colon != text.npos && colon + 1 < text.size() &&
                                       (bracketed ? colon > 0 && text[colon - 1] == ']' : text.find(':') == colon));
    if (!good) error_at(diagnostics_, value.place, path + ": expected HOST:PORT, got " + quoted(text));
  }

  template <class T>
  void said(const Value& value, const std::string& path, const base::Result<T>& parsed) {
    if (!parsed) error_at(diagnostics_, value.place, path + ": " + parsed.error().message());
  }

  static std::string quoted(const std::string& text) { return "\"" + text + "\""; }

  void wrong(const Value& value, const std::string& path, const std::string& expected) {
    const char* got = value.table() ? "a map" : value.array() ? "a list" : "a text";
    error_at(diagnostics_, value.place,
             (path.empty() ? std::string("the file") : path) + ": expected " + expected + ", got " + got);
  }

  Diagnostics& diagnostics_;
};

}  // namespace

void check_shape(const Value& root, Diagnostics& diagnostics) {
  ShapeChecker(diagnostics).object(root, file_shape(), "");
}

}  // namespace tocsin::alertmanager
