// A provider whose requests a Lua script makes: send(message) → id, status(id) → state, and, where it reads callbacks
// itself, callback(request) → what they say.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "phone/adapter_script.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

/// What a callback or a reply said.
struct CalledBack {
  std::string id, state, digits;  ///< of a message
  std::string from, text;         ///< of a reply; `id` is its own then
};

class LuaAdapter {
 public:
  /// Null: the instance's configuration names none. Throws a Failure with file, line and what was expected. `calls`:
  /// "no_answer" is a state.
  static std::unique_ptr<LuaAdapter> of(const tsn::Context& ctx, HttpClient& client, bool calls);
  LuaAdapter(const tsn::Context& ctx, HttpClient& client, AdapterSettings settings, bool calls);

  bool has_status() const { return has_status_; }
  bool has_callback() const { return reading_ != nullptr; }

  /// One call at a time, not beside status(). `fields` become the members of `message`; "incident.title" is `title` of
  /// its table `incident`. `id` stays empty where the script returns none.
  tsn::Status send(const NamedTexts& fields, tsn::Deadline deadline, std::string& id);
  /// `state` is "delivered", "failed", "pending" or "no_answer", then perhaps ": " and the provider's words.
  tsn::Status status(const std::string& id, tsn::Deadline deadline, std::string& state);
  /// Any thread. Nothing: the request says nothing.
  tsn::Status callback(const tsn::Request& request, std::optional<CalledBack>& out);

 private:
  tsn::Status state_in(lua_State* lua, int index, std::string& state) const;

  const tsn::Context& ctx_;
  const bool calls_;
  AdapterScript sending_;
  /// Callbacks are read in a state of their own, which has no http: none waits for a provider that hangs.
  std::unique_ptr<AdapterScript> reading_;
  std::mutex reading_mutex_;
  bool has_status_ = false;
};

/// What an adapter gets of a message beyond the fields that every provider gets.
NamedTexts adapter_fields(const tsn::Message& message);

}  // namespace tocsin_plugins
