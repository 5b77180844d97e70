// What a section of agent.toml says, read and checked once.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "answer.hpp"
#include "http_client/http_client.hpp"
#include "tocsin/context.hpp"

namespace tocsin_plugins::prometheus {

/// The server and how it is asked.
struct ApiSettings {
  std::string url;  ///< without "/api/v1" and a slash at its end
  std::vector<std::string> headers;
  std::string username, password, bearer;
  std::size_t most_bytes = 64u << 20, most_samples = 100'000;
  bool allow_partial = false;
  HttpSettings http;
  std::vector<std::string> secrets;  ///< what no text may show
};

/// One [[query]].
struct QuerySettings {
  std::string name, expr;
  std::string signal;  ///< empty: each result's `__name__`
  Labels labels;
  std::chrono::nanoseconds every{0}, delay{0};
  std::chrono::nanoseconds range{0}, step{0};  ///< 0: an instant query
};

/// Both throw tsn::Failure (invalid) that names the key and the remedy.
ApiSettings read_api(const tsn::Config& config);
std::vector<QuerySettings> read_queries(const tsn::Config& config);

/// "90s", "1h30m", "250ms"; throws for anything else. Durations inside of tables come as they stand in the file.
std::chrono::nanoseconds read_duration(std::string_view text, const std::string& where);

inline constexpr std::size_t most_queries = 256, longest_name = 128, longest_expr = 64 * 1024;
/// Points that Prometheus gives for a series at most.
inline constexpr std::int64_t most_steps = 11'000;

}  // namespace tocsin_plugins::prometheus
