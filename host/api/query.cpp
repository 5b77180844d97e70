#include "api/query.hpp"

#include <charconv>
#include <limits>

#include "api/json_reader.hpp"
#include "api/json_writer.hpp"
#include "base/text.hpp"

namespace tocsin::api {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_json(std::string_view content_type) {
  std::string type = base::lower(base::trim(content_type.substr(0, content_type.find(';'))));
  return type == "application/json" || (type.starts_with("application/") && type.ends_with("+json"));
}

Problem wrong_type(std::string_view key, std::string_view wanted, std::string_view got) {
  return Problem(400,
                 "member \"" + std::string(key) + "\": expected " + std::string(wanted) + ", got " + std::string(got))
      .with("parameter", json_text(key));
}

Problem unknown_key(std::string_view key, std::initializer_list<std::string_view> keys) {
  std::vector<std::string> known(keys.begin(), keys.end());
  std::string near = base::nearest(key, known), valid;
  for (const std::string& k : known) valid += (valid.empty() ? "" : ", ") + k;
  std::string hint = near.empty() ? "" : " (did you mean \"" + near + "\"?)";
  return Problem(400, "member \"" + std::string(key) + "\" is not known here" + hint + "; valid: " + valid)
      .with("parameter", json_text(key));
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text, bool form) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && form) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
      if (low < 0) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return out;
}

Checked<Query> Query::parse(std::string_view text) {
  Query query;
  for (std::string_view part : base::split(text, '&')) {
    if (part.empty()) continue;
    std::size_t equals = std::min(part.find('='), part.size());
    std::optional<std::string> name = percent_decode(part.substr(0, equals), true);
    std::optional<std::string> value = percent_decode(part.substr(std::min(equals + 1, part.size())), true);
    if (!name || !value || !base::valid_utf8(*name) || !base::valid_utf8(*value)) {
      return std::unexpected(Problem(
          400,
          "the query string holds a broken percent escape or bytes that are not UTF-8: \"" + std::string(part) + "\""));
    }
    query.items_.emplace_back(std::move(*name), std::move(*value));
  }
  return query;
}

const std::string* Query::find(std::string_view name) const {
  for (const auto& [key, value] : items_) {
    if (key == name && !value.empty()) return &value;
  }
  return nullptr;
}

std::string Query::text(std::string_view name) const {
  const std::string* value = find(name);
  return value == nullptr ? std::string() : *value;
}

std::vector<std::string> Query::repeated(std::string_view name) const {
  std::vector<std::string> out;
  for (const auto& [key, value] : items_) {
    if (key == name && !value.empty()) out.push_back(value);
  }
  return out;
}

std::vector<std::string> Query::list(std::string_view name) const {
  std::vector<std::string> out;
  for (const std::string& value : repeated(name)) {
    for (std::string_view part : base::split(value, ',')) {
      if (part = base::trim(part); !part.empty()) out.emplace_back(part);
    }
  }
  return out;
}

Checked<std::size_t> Query::count(std::string_view name, std::size_t fallback, std::size_t most) const {
  const std::string* given = find(name);
  if (given == nullptr) return fallback;
  std::size_t value = 0;
  auto [end, ec] = std::from_chars(given->data(), given->data() + given->size(), value);
  if (ec != std::errc() || end != given->data() + given->size() || value == 0 || value > most) {
    return std::unexpected(bad_parameter(name, *given, "1 to " + std::to_string(most)));
  }
  return value;
}

Checked<Page> Query::page() const {
  CHECKED(std::size_t limit, count("limit", 100, 1000));
  return Page{limit, text("after")};
}

Checked<base::Time> Query::time(std::string_view name, base::Time now) const {
  const std::string* given = find(name);
  if (given == nullptr) return base::no_time;
  base::Result<base::Time> parsed = base::parse_instant(*given, now);
  if (!parsed) {
    return std::unexpected(bad_parameter(
        name, *given,
        "RFC 3339 (2026-11-20T10:00:00Z), epoch seconds or milliseconds, now, or a span back such as -1h"));
  }
  return *parsed;
}

Checked<base::Duration> Query::wait() const {
  constexpr base::Duration longest = std::chrono::seconds(60);
  const std::string* given = find("wait");
  if (!given) return base::Duration::zero();
  const auto wait = base::parse_duration(*given);
  if (wait && *wait >= base::Duration::zero() && *wait <= longest) return *wait;
  return std::unexpected(bad_parameter("wait", *given, "a duration from 0s to 60s"));
}

Checked<Body> Body::parse(const Request& request, std::initializer_list<std::string_view> keys) {
  Body body;
  std::string_view type = request.header("content-type");
  if (!type.empty() && !request.body.empty() && !is_json(type)) {
    return std::unexpected(Problem(415, "Content-Type is \"" + std::string(type) +
                                            "\"; this route takes JSON: send Content-Type: application/json"));
  }
  if (base::trim(request.body).empty()) return body;
  TRY(body.root_, read_json(request.body));
  const base::Value::Table* table = body.root_.table();
  if (table == nullptr) {
    return std::unexpected(
        Problem(400, "the JSON body: expected an object, got " + std::string(body.root_.type_name())));
  }
  for (const base::Value::Member& member : *table) {
    if (std::find(keys.begin(), keys.end(), member.key) == keys.end()) {
      return std::unexpected(unknown_key(member.key, keys));
    }
  }
  return body;
}

Checked<std::string> Body::text(std::string_view key) const {
  const base::Value* value = root_.find(key);
  if (value == nullptr || value->is_null()) return std::string();
  if (const std::string* text = value->string()) return *text;
  return std::unexpected(wrong_type(key, "a string", value->type_name()));
}

Checked<std::string> Body::required(std::string_view key) const {
  CHECKED(std::string value, text(key));
  if (base::trim(value).empty()) {
    return std::unexpected(
        Problem(400, "member \"" + std::string(key) + "\" is missing or empty").with("parameter", json_text(key)));
  }
  return value;
}

Checked<std::vector<std::string>> Body::texts(std::string_view key) const {
  std::vector<std::string> out;
  const base::Value* value = root_.find(key);
  if (value == nullptr || value->is_null()) return out;
  if (value->array() == nullptr) return std::unexpected(wrong_type(key, "an array of strings", value->type_name()));
  for (const base::Value& item : *value->array()) {
    if (item.string() == nullptr) return std::unexpected(wrong_type(key, "an array of strings", item.type_name()));
    out.push_back(*item.string());
  }
  return out;
}

Checked<double> Body::number(std::string_view key) const {
  const base::Value* value = root_.find(key);
  if (value == nullptr || value->is_null()) return std::numeric_limits<double>::quiet_NaN();
  if (value->integer() == nullptr && value->real() == nullptr) {
    return std::unexpected(wrong_type(key, "a number", value->type_name()));
  }
  return value->number();
}

Checked<base::Duration> Body::duration(std::string_view key) const {
  CHECKED(std::string given, text(key));
  if (given.empty()) return base::Duration::zero();
  base::Result<base::Duration> parsed = base::parse_duration(given);
  if (parsed && *parsed > base::Duration::zero()) return *parsed;
  return std::unexpected(bad_parameter(key, given, "a duration such as 30m or 1h30m"));
}

Checked<model::Labels> Body::labels(std::string_view key) const {
  model::Labels out;
  const base::Value* value = root_.find(key);
  if (value == nullptr || value->is_null()) return out;
  if (value->table() == nullptr) return std::unexpected(wrong_type(key, "an object of strings", value->type_name()));
  for (const base::Value::Member& member : *value->table()) {
    const std::string* text = member.value.string();
    if (text == nullptr) return std::unexpected(wrong_type(key, "an object of strings", member.value.type_name()));
    if (!text->empty()) out.set(member.key, *text);
  }
  return out;
}

Checked<std::size_t> pick(std::string_view parameter, std::string_view given, std::span<const std::string> valid) {
  std::string words;
  for (std::size_t i = 0; i < valid.size(); ++i) {
    if (base::equal_without_case(given, valid[i])) return i;
    words += (i == 0 ? "" : " ") + valid[i];
  }
  return std::unexpected(bad_parameter(parameter, given, words));
}

Checked<std::size_t> slice_start(const Page& page) {
  if (page.after.empty()) return std::size_t{0};
  std::size_t start = 0;
  auto [end, ec] = std::from_chars(page.after.data(), page.after.data() + page.after.size(), start);
  if (ec != std::errc() || end != page.after.data() + page.after.size()) {
    return std::unexpected(bad_parameter("after", page.after, "the \"next\" of an earlier answer"));
  }
  return start;
}

}  // namespace tocsin::api
