// HTTP calls that do not wait for each other: many under way on one thread and on kept connections, each answered once.
#pragma once

#include <functional>
#include <memory>

#include "http_client/http_client.hpp"

namespace tocsin_plugins {

class HttpSender {
 public:
  /// On the sender's thread: what HttpClient::perform() would have returned and written. Must not throw.
  using Done = std::function<void(const tsn::Status&, const HttpAnswer&)>;

  /// `most` calls are under way at once, each on a connection of its own; further ones wait for their turn, within
  /// their deadlines. Its thread is the host's ("http"), started by the first call.
  HttpSender(tsn::Context ctx, HttpSettings settings, std::size_t most);
  ~HttpSender();  ///< stops
  /// For the plugin's stop(): starts nothing more, gives what is under way a moment to be answered, then ends it:
  /// TSN_UNKNOWN where it may have arrived, else TSN_FAILED. Idempotent.
  void stop();

  /// Takes the call over and returns at once. [any]
  void send(HttpRequest request, tsn::Deadline deadline, Done done);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tocsin_plugins
