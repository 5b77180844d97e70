// The instance's small durable state, "tsn.kv/1"; in memory where the host has none, and for a dry run, which reads
// what is kept and writes nothing.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "tocsin/context.hpp"

namespace tocsin_plugins::jira {

/// Keys in use: doubt/ID, poll, seen, inbox and inbox/N, brought, users, new/PROJECT, collect/ID, collecting and
/// collecting/KEY. [any]
class State {
 public:
  enum class Writes { kept, forgotten };
  explicit State(tsn::Context ctx, Writes writes = Writes::kept);

  /// Nothing: there is no such key.
  std::optional<std::string> get(std::string_view key) const;
  void put(std::string_view key, std::string value);
  void remove(std::string_view key);

 private:
  tsn::Context ctx_;
  bool durable_ = false;  ///< writes reach the host
  mutable std::mutex mutex_;
  std::map<std::string, std::optional<std::string>, std::less<>> memory_;  ///< nothing: removed
};

}  // namespace tocsin_plugins::jira
