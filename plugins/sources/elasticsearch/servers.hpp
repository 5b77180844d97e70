// The servers of one cluster: who asks, over which of the addresses, and with how many connections.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "failure.hpp"
#include "http_client/http_client.hpp"
#include "request.hpp"

namespace tocsin_plugins::elasticsearch {

struct ServerSettings {
  std::vector<std::string> urls;  ///< without a slash at the end
  std::string username, password;
  std::string authorization;  ///< the header's value; empty: none, or basic
  std::string opaque_id;      ///< X-Opaque-Id: by it a cluster's slow log names who asked
  std::size_t most_bytes = 16u << 20;
  HttpSettings http;
};

/// Any thread.
class Servers {
 public:
  Servers(const tsn::Context& ctx, ServerSettings settings) : ctx_(ctx), settings_(std::move(settings)) {}

  /// Asks the address that answered last, then the others, which share what is left of the time. The body of a 200, or
  /// throws tsn::Failure.
  std::string ask(const Request& request, const std::string& index, tsn::Deadline deadline);
  /// Asks one of them, whatever the others do.
  std::string ask_one(std::size_t which, const Request& request, const std::string& index, tsn::Deadline deadline);

  const std::vector<std::string>& urls() const { return settings_.urls; }
  /// Ends the connections that are not in use.
  void close();

 private:
  class Borrowed;
  /// ok: there is an answer; its status is yet to be judged.
  tsn::Status perform(std::size_t which, const Request& request, tsn::Deadline deadline, HttpAnswer& answer);

  const tsn::Context& ctx_;
  const ServerSettings settings_;
  std::atomic<std::size_t> preferred_{0};
  std::mutex mutex_;
  std::vector<std::unique_ptr<HttpClient>> idle_;  ///< under mutex_
};

}  // namespace tocsin_plugins::elasticsearch
