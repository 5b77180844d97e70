// The messages a provider has, until their end is known, and what was called back before it was known which message it
// is about. Kept in the instance's kv, so that a restart forgets nothing; bounded, so that a provider that never says
// how things ended costs no more than its newest few hundred messages.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "phone/fill.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

struct SentMessage {
  std::string id, key, address;
  tsn::Time sent = 0, poll_at = 0, repeat_at = 0;  ///< 0: not to be polled, not to be called again
  int polls = 0, repeats = 0;
  std::string word;  ///< the provider's last
  bool final = false;
  std::vector<std::pair<std::string, std::string>> fields;  ///< to call again with; empty: never
};

/// A callback whose message is not known yet.
struct EarlyWord {
  std::string id, state, digits;
  tsn::Time at = 0;
  int tries = 0;
};

/// The caller locks.
class Book {
 public:
  explicit Book(const tsn::Context& ctx) : ctx_(ctx) {}
  void load();
  /// Never throws: what cannot be kept is logged, since a message that went out must not go out again for it.
  void save();

  void add(SentMessage message);
  SentMessage* find(std::string_view id);
  void keep_early(EarlyWord word);

  std::deque<SentMessage> messages;  ///< the oldest first
  std::deque<EarlyWord> early;

  static constexpr std::size_t most_messages = 300, most_early = 100, most_bytes = 60 * 1024;

 private:
  void drop_one();
  const tsn::Context& ctx_;
};

}  // namespace tocsin_plugins
