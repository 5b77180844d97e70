// What a section of agent.toml says, read and checked once.
#pragma once

#include <string>
#include <vector>

#include "question.hpp"
#include "servers.hpp"

namespace tocsin_plugins::elasticsearch {

/// One [[query]]: a question on a schedule.
struct QuerySettings {
  std::string name;
  Question question;
  std::string signal;
  Labels labels;  ///< of each of its rows
  std::chrono::nanoseconds every{0};
  std::chrono::nanoseconds since{0};  ///< with buckets: how far back the first run begins
};

struct Settings {
  ServerSettings servers;
  Limits limits;
  Question defaults;  ///< what a question of a rule or of the schedule does not say; its index may be empty
  std::vector<QuerySettings> queries;
};

/// Throws tsn::Failure (invalid) that names the query, the key and the remedy.
Settings read_settings(const tsn::Config& config, const std::string& instance);

inline constexpr std::size_t most_queries = 64, longest_name = 128;

}  // namespace tocsin_plugins::elasticsearch
