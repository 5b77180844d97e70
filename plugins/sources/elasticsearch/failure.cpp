#include "failure.hpp"

#include <algorithm>
#include <optional>

#include "answer_json.hpp"

namespace tocsin_plugins::elasticsearch {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t longest_reason = 110;

/// The part of an error that says most: the first root cause, or what caused the whole.
struct Cause {
  std::string type, reason;
  std::int64_t line = 0, column = 0;
};

std::string one_line(std::string_view text, std::size_t most) {
  text = text.substr(0, text.find('\n'));
  std::string out(text.substr(0, tsn::detail::fitting(text, most)));
  std::replace_if(out.begin(), out.end(), [](unsigned char c) { return c < 0x20; }, ' ');
  return out;
}

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != text.npos;
}

Cause cause_in(dom::object error) {
  Cause out;
  std::string_view text;
  if (error.at_key("type").get_string().get(text) == simdjson::SUCCESS) out.type = one_line(text, 80);
  if (error.at_key("reason").get_string().get(text) == simdjson::SUCCESS) out.reason = text;
  if (error.at_key("line").get_int64().get(out.line) != simdjson::SUCCESS) out.line = 0;
  if (error.at_key("col").get_int64().get(out.column) != simdjson::SUCCESS) out.column = 0;
  return out;
}

/// What is at the end of a chain of causes says most, where a root cause is no more than "Failed to parse".
void add_deepest(dom::object error, Cause& to) {
  Cause deepest;
  dom::object next = error;
  for (int depth = 0; depth < 16 && next.at_key("caused_by").get_object().get(next) == simdjson::SUCCESS; ++depth)
    deepest = cause_in(next);
  const auto more = one_line(deepest.reason, 60);
  if (!more.empty() && to.reason.find(more) == to.reason.npos) to.reason = one_line(to.reason, 60) + " (" + more + ")";
}

/// Nothing: the body is no error of this API, as a proxy's page.
std::optional<Cause> cause_of(const std::string& body) {
  if (nests_deep(body)) return std::nullopt;
  dom::parser parser;
  dom::element root;
  dom::object error;
  std::string_view text;
  if (body.empty() || parser.parse(body).get(root) != simdjson::SUCCESS) return std::nullopt;
  if (root.at_key("error").get_string().get(text) == simdjson::SUCCESS) return Cause{"error", std::string(text)};
  if (root.at_key("error").get_object().get(error) != simdjson::SUCCESS) return std::nullopt;
  dom::array roots;
  dom::object inner;
  if (error.at_key("root_cause").get_array().get(roots) == simdjson::SUCCESS && roots.size() > 0 &&
      roots.at(0).get_object().get(inner) == simdjson::SUCCESS) {
    auto cause = cause_in(inner);
    // Of these the text is looked at.
    if (!has(cause.reason, "fielddata=true")) add_deepest(error, cause);
    return cause;
  }
  if (error.at_key("caused_by").get_object().get(inner) == simdjson::SUCCESS) return cause_in(inner);
  return cause_in(error);
}

/// The piece of our one-line body that ends where the server stopped to read.
std::string place_of(const Cause& cause, std::string_view body) {
  if (cause.line != 1 || cause.column < 1 || body.empty()) return {};
  constexpr std::size_t around = 24;
  const auto at = std::min(static_cast<std::size_t>(cause.column), body.size());
  auto begin = at > around ? at - around : 0;
  while (begin > 0 && (static_cast<unsigned char>(body[begin]) & 0xc0) == 0x80) --begin;
  const auto piece = body.substr(begin);
  return ", near " + one_line(piece, around + 8);
}

std::string between(std::string_view text, std::string_view open, std::string_view close) {
  const auto begin = text.find(open);
  if (begin == text.npos) return {};
  const auto end = text.find(close, begin + open.size());
  if (end == text.npos) return {};
  return one_line(text.substr(begin + open.size(), end - begin - open.size()), 64);
}

/// An aggregation on analysed text: "set fielddata=true on [msg] in order to load field data …".
std::string text_field_of(const Cause& cause) {
  return has(cause.reason, "fielddata=true") ? between(cause.reason, "fielddata=true on [", "]") : std::string();
}

std::string privilege_for(const std::string& action, const std::string& index) {
  if (action.starts_with("cluster:")) return "the cluster privilege `monitor`";
  const bool about = has(action, "admin/") || has(action, "field_caps");
  const std::string on = index.empty() ? "" : " on " + index;
  return about ? "the index privilege `view_index_metadata` (or `read`)" + on : "the index privilege `read`" + on;
}

tsn::Status denied(int code, const std::optional<Cause>& cause, const Asked& asked) {
  if (code == 401)
    return tsn::denied(asked.host +
                       ": HTTP 401: who asks is not known there; check username and password, api_key or "
                       "bearer");
  auto action = cause ? between(cause->reason, "action [", "]") : "";
  if (action.empty() && cause) action = between(cause->reason, "no permissions for [", "]");
  const auto why = cause ? cause->type : std::string("refused");
  return tsn::denied(asked.host + ": HTTP 403 " + why + ": the account lacks " + privilege_for(action, asked.index) +
                     (action.empty() ? "" : " for " + action));
}

bool is_too_many_buckets(const Cause& cause) {
  return has(cause.type, "too_many_buckets");
}

tsn::Status overloaded(const std::string& text, const HttpAnswer& answer, tsn::Time now) {
  return tsn::retry_later(text, std::max<std::chrono::milliseconds>(answer.retry_after(now), 1s));
}

tsn::Status status_for(const HttpAnswer& answer, const Cause& cause, const Asked& asked, tsn::Time now) {
  const int code = static_cast<int>(answer.status);
  const auto text = asked.host + ": HTTP " + std::to_string(code) + " " + cause.type + ": " +
                    one_line(cause.reason, longest_reason) + place_of(cause, asked.body);
  if (const auto field = text_field_of(cause); !field.empty())
    return tsn::invalid(asked.host + ": the field \"" + field +
                        "\" is mapped as text, which cannot be grouped or measured; use \"" + field +
                        ".keyword\" where the mapping has it");
  if (is_too_many_buckets(cause))
    return tsn::invalid(asked.host +
                        ": the question makes more buckets than the server allows (search.max_buckets); "
                        "lower max_groups, group by fewer fields, or narrow it");
  if (code == 404 && has(cause.type, "index_not_found"))
    return tsn::fail(asked.host + ": there is no index " + asked.index +
                     "; check `index`, or set allow_missing_index = true where it comes later");
  if (code == 429) return overloaded(text, answer, now);
  if (code == 503) return overloaded(text, answer, now);
  if (code >= 500 || code == 408 || code == 404) return tsn::fail(text);
  return tsn::invalid(text);
}

}  // namespace

tsn::Status failure_of(const HttpAnswer& answer, const Asked& asked, tsn::Time now) {
  const int code = static_cast<int>(answer.status);
  const auto cause = cause_of(answer.body);
  if (code == 401 || code == 403) return denied(code, cause, asked).with_code(code);
  if (cause) return status_for(answer, *cause, asked, now).with_code(code);
  const auto status = status_of(answer, asked.host, now);
  // A page of a proxy: nothing of the question can be wrong.
  if (status == tsn::Code::invalid) return tsn::fail(status.text()).with_code(code);
  if (code == 429 || code == 503) return overloaded(status.text(), answer, now).with_code(code);
  if (status.is_ok())
    return tsn::fail(asked.host + ": HTTP " + std::to_string(code) + ", which is no answer").with_code(code);
  return status;
}

bool is_another_turn(const HttpAnswer& answer) {
  if (answer.status != 502 && answer.status != 503 && answer.status != 504) return false;
  const auto cause = cause_of(answer.body);
  return !cause || !is_too_many_buckets(*cause);
}

}  // namespace tocsin_plugins::elasticsearch
