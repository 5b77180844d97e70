// Errors as RFC 9457 problem documents: application/problem+json with type, title, status, detail, instance, and where
// they help the members parameter, given, valid, nearest and valid_transitions.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/message.hpp"
#include "base/result.hpp"

namespace tocsin::api {

struct Problem {
  unsigned status = 500;
  std::string detail;
  std::vector<std::pair<std::string, std::string>> members;  ///< further members: name, JSON text
  std::vector<std::pair<std::string, std::string>> headers;

  Problem(unsigned status_code, std::string text) : status(status_code), detail(std::move(text)) {}
  Problem(const base::Error& error);
  Problem& with(std::string name, std::string json) {
    members.emplace_back(std::move(name), std::move(json));
    return *this;
  }
};

/// What a handler gives: an answer, or a problem. base::Error converts, so TRY works.
using Outcome = std::expected<Reply, Problem>;
template <class T>
using Checked = std::expected<T, Problem>;

/// invalid 400, not_found 404, conflict 409, denied 403, unavailable and cancelled 503, deadline 504, exhausted 429,
/// unsupported 501, corrupt and internal 500.
unsigned status_of(base::Fault fault);

/// "parameter limit: 5000 given; valid: 1 to 1000".
Problem bad_parameter(std::string_view name, std::string_view given, std::string_view valid);

/// `instance` is the path of the request.
Reply to_reply(const Problem& problem, std::string_view instance);

}  // namespace tocsin::api

// Like TRY, where the function returns an Outcome or a Checked<T>.
#define CHECK_IMPL_(tmp, declaration, ...)                                          \
  auto tmp = (__VA_ARGS__);                                                         \
  if (!tmp) return std::unexpected<::tocsin::api::Problem>(std::move(tmp).error()); \
  declaration = std::move(*tmp)
#define CHECKED(declaration, ...) CHECK_IMPL_(TOCSIN_CAT(check_result_, __LINE__), declaration, __VA_ARGS__)
