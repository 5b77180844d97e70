// Passes requests on to the agent that decides, and its answers back: one thread with an event loop, started by the
// first of them. Nothing here holds a thread while it waits.
#pragma once

#include <functional>
#include <memory>

#include "api/dispatcher.hpp"
#include "api/server.hpp"
#include "telemetry/metrics.hpp"

namespace tocsin::api {

class Passer {
 public:
  /// Backend and metrics outlive the passer.
  Passer(const ServerSettings& settings, Backend& backend, telemetry::Metrics& metrics);
  ~Passer();

  /// One request on its way.
  struct Passage {
    const Route& route;
    const Request& request;  ///< valid until the responder has the answer
    std::shared_ptr<Responder> responder;
    std::function<void()> here;  ///< answers it here, where it turns out that this agent decides after all
  };
  /// Any thread.
  void pass(Passage passage);
  /// Backend::decider(); what it throws is an error. Any thread.
  base::Result<std::string> decider();
  /// Requests that wait for somebody who decides are answered 503 from now on.
  void retire();
  /// Ends all; what is unanswered is answered 503. Idempotent.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tocsin::api
