// What templates of messages may name, and a message as it. docs/guides/templates.md lists the names for people.
#pragma once

#include <deque>
#include <string>

#include "template/datum.hpp"
#include "template/template.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

/// The names of every template of a notifier.
Schema message_schema();

/// What the channel lets people do; {{reply}} and {{digits}} tell templates of it while there is something to do.
struct ChannelWays {
  bool replies = false, digits = false;
};

/// A message's values. Borrows the message's texts.
class MessageData {
 public:
  MessageData(const tsn::Message& message, tsn::Time now, ChannelWays ways = {});
  const Datum& root() const { return root_; }

  /// Of more alerts only the first are listed; {{more_alerts}} counts the others.
  static constexpr std::size_t most_alerts = 500, most_entries = 50, most_links = 50;

 private:
  std::string_view keep(std::string text) { return kept_.emplace_back(std::move(text)); }
  void add_summary(const tsn::Message& message, tsn::Time now, ChannelWays ways);
  void add_alerts(const tsn::Message& message);
  void add_links(const tsn::Message& message);
  void add_parties(const tsn::Message& message);

  Datum root_ = Datum::of_kind(Datum::Kind::object);
  std::deque<std::string> kept_;
};

/// Fills a template of message_schema() with a message.
Filled filled_message(const Template& text, const tsn::Message& message, tsn::Time now, ChannelWays ways = {},
                      const TemplateBudget& budget = {});

}  // namespace tocsin_plugins
