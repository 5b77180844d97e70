#include "json.hpp"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <ctime>

#include "http_client/http_client.hpp"

namespace tocsin_plugins::jira {

using nlohmann::json;

json parsed(const std::string& body) {
  return nests_deep(body) ? json(json::value_t::discarded) : json::parse(body, nullptr, false);
}

std::string printed(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

const json& member(const json& from, std::initializer_list<const char*> path) {
  static const json none;
  const json* at = &from;
  for (const char* key : path) {
    if (!at->is_object()) return none;
    const auto found = at->find(key);
    if (found == at->end()) return none;
    at = &*found;
  }
  return *at;
}

std::string text_at(const json& from, std::initializer_list<const char*> path) {
  const auto& value = member(from, path);
  return value.is_string() ? value.get<std::string>() : std::string();
}

std::string id_at(const json& from, std::initializer_list<const char*> path) {
  const auto& value = member(from, path);
  std::string text;
  if (value.is_string()) text = value.get<std::string>();
  if (value.is_number_unsigned())
    text = std::to_string(value.get<std::uint64_t>());
  else if (value.is_number_integer() && value.get<std::int64_t>() >= 0)
    text = std::to_string(value.get<std::int64_t>());
  const bool fine = text.size() <= 64 && std::ranges::all_of(text, [](unsigned char c) {
                      return std::isalnum(c) || c == '-' || c == '_' || c == '.' || c == ':';
                    });
  return fine ? text : std::string();
}

std::int64_t number_at(const json& from, std::initializer_list<const char*> path, std::int64_t fallback) {
  const auto& value = member(from, path);
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX) return fallback;
  return value.is_number_integer() ? value.get<std::int64_t>() : fallback;
}

const json& list_at(const json& from, std::initializer_list<const char*> path) {
  static const json none = json::array();
  const auto& value = member(from, path);
  return value.is_array() ? value : none;
}

tsn::Time time_of(const std::string& text) {
  std::tm utc{};
  const char* rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &utc);
  if (!rest) return 0;
  tsn::Time fraction = 0;
  if (*rest == '.') {
    tsn::Time unit = 100'000'000;
    for (++rest; *rest >= '0' && *rest <= '9'; ++rest, unit /= 10) fraction += (*rest - '0') * unit;
  }
  std::tm zone{};
  const char* end = strptime(rest, "%z", &zone);
  const long offset = end ? zone.tm_gmtoff : 0;
  tsn::Time ns = 0;  // a year that nanoseconds cannot tell is no time
  const bool too_far = __builtin_mul_overflow(static_cast<tsn::Time>(timegm(&utc)) - offset, 1'000'000'000, &ns) ||
                       __builtin_add_overflow(ns, fraction, &ns);
  return too_far ? 0 : ns;
}

bool is_issue_key(std::string_view text) {
  const auto dash = text.rfind('-');
  if (text.size() > 64 || dash == text.npos || dash == 0 || dash + 1 == text.size()) return false;
  return std::ranges::all_of(text.substr(0, dash), [](unsigned char c) { return std::isalnum(c) || c == '_'; }) &&
         std::ranges::all_of(text.substr(dash + 1), [](unsigned char c) { return c >= '0' && c <= '9'; });
}

}  // namespace tocsin_plugins::jira
