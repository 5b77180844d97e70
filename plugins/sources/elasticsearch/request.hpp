// A question as a request of the search API: its path, and its body in one line.
#pragma once

#include <optional>
#include <string>

#include "question.hpp"

namespace tocsin_plugins::elasticsearch {

struct Request {
  std::string path;  ///< with its parameters; begins with a slash
  std::string body;  ///< JSON; empty: a GET
};

/// Milliseconds since 1970. A window is (from, to]; of buckets it is [from, to).
struct Span {
  std::int64_t from = 0, to = 0;
};

/// Names of the aggregations in a request; group_by's are g0, g1, ….
inline constexpr std::string_view time_name = "t", metric_name = "m";
std::string group_name(std::size_t level);

/// Nothing for `span`: documents of all times.
Request request_for(const Question& question, const Limits& limits, const std::optional<Span>& span,
                    std::chrono::milliseconds timeout);

/// Asks how the fields are mapped; each also as NAME.keyword.
Request fields_request(const Question& question, const Limits& limits);

}  // namespace tocsin_plugins::elasticsearch
