// From Jira to here: the poll on its timer, the webhook, and what waits in the inbox.
#pragma once

#include <mutex>
#include <optional>

#include "poll.hpp"
#include "tocsin/http.hpp"

namespace tocsin_plugins::jira {

class Inward {
 public:
  Inward(const Settings& settings, tsn::Context ctx, const Rest& rest, Incoming& incoming, Inbox& inbox, Poll& poll)
      : settings_(settings), ctx_(ctx), rest_(rest), incoming_(incoming), inbox_(inbox), poll_(poll) {}

  void start();
  void stop();
  /// One pass now. [seq]
  tsn::Status sync(tsn::Deadline deadline);
  /// A webhook. What it tells is kept before it is answered, and taken on the instance's own thread. [any]
  void handle(const tsn::Request& request, tsn::Response& response);

 private:
  bool signed_right(const tsn::Request& request) const;
  void take(const tsn::Request& request, tsn::Response& response);
  void log(const tsn::Request& request, std::string_view ticket, std::uint32_t status, std::string_view error) const;
  void arm();
  void tick();
  void poll_now();
  void poll_at(tsn::Time at);

  const Settings& settings_;
  tsn::Context ctx_;
  const Rest& rest_;
  Incoming& incoming_;
  Inbox& inbox_;
  Poll& poll_;
  std::mutex mutex_;
  std::optional<tsn_timer> timer_;
  tsn::Time poll_due_ = INT64_MAX;
  bool running_ = false;
  bool failing_ = false;  ///< [seq]
};

}  // namespace tocsin_plugins::jira
