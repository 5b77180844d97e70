// What is known of each incident's message in a channel: where it stands, and which notifications it has told. Kept in
// the instance's kv, so that after a restart, or a crash between Slack's answer and the host's commit, nothing is
// posted twice.
//
// Order. A message carries no number that says which of two is newer, and its instants cannot: an acknowledgement that
// expires takes its instant back. So the order is that of first attempts, by idempotency key: the host makes them in
// the order in which things happened. A retry keeps the place of its first attempt, and what is older than what the
// message shows never changes it.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

struct SlackThread {
  struct Notification {
    std::string key;    ///< a hash of the idempotency key
    bool told = false;  ///< Slack has all of it
  };
  std::string id;                           ///< a hash of place and incident
  std::string channel, ts;                  ///< empty: no message yet
  std::vector<Notification> notifications;  ///< in the order of their first attempts
  std::size_t shown = 0;                    ///< the message shows the state as of this one, from 1; 0: of none known
  std::size_t mine = 0;                     ///< the one that is being delivered, from 1

  bool exists() const { return !ts.empty(); }
  bool told() const { return notifications.at(mine - 1).told; }
  void tell() { notifications.at(mine - 1).told = true; }
  /// What is being delivered is shown already, or is older than what is shown.
  bool shows_it_or_newer() const { return shown >= mine; }
  void show() { shown = mine; }
};

/// One call at a time.
class SlackThreads {
 public:
  explicit SlackThreads(const tsn::Context& ctx) : ctx_(ctx) {}
  /// The thread of an incident at a place, with the notification `key` entered as the newest unless it is known.
  SlackThread open(std::string_view place, std::string_view incident, std::string_view key) const;
  /// Never throws: a message that went out must not go out again for want of a note.
  void keep(const SlackThread& thread);

  static constexpr std::size_t most_in_shelf = 40, most_notifications = 16;

 private:
  std::vector<SlackThread> read(const std::string& shelf) const;
  std::string text_of(const std::string& shelf) const;

  const tsn::Context& ctx_;
  std::map<std::string, std::string> memory_;  ///< where the host has no kv
};

}  // namespace tocsin_plugins
