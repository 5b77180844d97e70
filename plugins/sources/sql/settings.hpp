// What a section of agent.toml says, read and checked once.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "tocsin/context.hpp"

namespace tocsin_plugins::sql {

struct LoaderSettings {
  std::string name;
  std::string query;  ///< as written, without the semicolon at its end
  std::string signal;
  std::string cursor;        ///< name of a column; empty: every run takes all rows
  std::string cursor_start;  ///< what {{cursor}} is as long as no row was seen
  std::chrono::nanoseconds every{0};
  std::size_t max_rows = 0;
};

/// The loaders of a section: its own `query`, or the entries of `loader`; none where it has neither. Throws
/// tsn::Failure (invalid) that names the loader, the key and the remedy.
std::vector<LoaderSettings> read_loaders(const tsn::Config& config, const std::string& instance);

/// "90s", "1h30m", "250ms"; throws for anything else. Durations inside of tables come as they stand in the file.
std::chrono::nanoseconds read_duration(std::string_view text, const std::string& where);

inline constexpr std::string_view cursor_place = "{{cursor}}";
inline constexpr std::size_t most_loaders = 64, longest_name = 128, longest_cursor = 512;

}  // namespace tocsin_plugins::sql
