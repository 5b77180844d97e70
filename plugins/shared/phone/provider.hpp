// A provider of one's own as its TOML describes it: the tables send, status, callback and reply of an instance.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "phone/auth.hpp"
#include "phone/fill.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

/// What became of a message, in the provider's words.
enum class Outcome { on_its_way, delivered, failed, no_answer };
struct Words {
  std::vector<std::string> delivered, failed, no_answer;
  bool with_detail = false;  ///< a word is what stands before ": "
  /// Any case; what no list has is on its way.
  Outcome outcome(std::string_view word) const;
};

/// A request with {{fields}}.
struct RequestPattern {
  std::string method, url, body;
  std::vector<std::pair<std::string, std::string>> headers;
  Place body_place = Place::plain;
};

struct SendTable {
  RequestPattern request;
  std::vector<long> ok, permanent;  ///< ok empty: 200–299
  std::string id;                   ///< JSON Pointers here and below; empty: none
};
struct StatusTable {
  RequestPattern request;
  std::string state;
  std::chrono::nanoseconds every{};
};
struct CallbackTable {
  std::string path, id, state, digits;
  CallbackAuth auth;
};
struct ReplyTable {
  std::string path, from, text, id;
  CallbackAuth auth;
};

struct Provider {
  std::optional<SendTable> send;
  std::optional<StatusTable> status;
  std::optional<CallbackTable> callback;
  std::optional<ReplyTable> reply;
  Words words;
};

/// Reads the four tables; one without entries counts as not there. `calls`: words for "no answer", and digits, exist.
/// Throws a Failure that names the key.
Provider read_provider(const tsn::Config& config, const Words& defaults, bool calls);
/// The same beside an adapter: no requests, but paths, credentials and how often to ask. `asks`: the script has status;
/// `reads`: it has callback, so that no JSON Pointers are needed; without it the provider's words come from callbacks.
Provider read_adapter_provider(const tsn::Config& config, const Words& defaults, bool calls, bool asks, bool reads);

/// Throws at the first key of `table` that is none of `known`, and names the nearest.
void only_keys(const tsn::Config& table, std::initializer_list<std::string_view> known);
/// "90s", "5m", "1h", "500ms".
std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text);

}  // namespace tocsin_plugins
