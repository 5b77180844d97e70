// One Lua state with a provider's script in it: its functions are called by name, under the sandbox's budgets, and what
// they raise becomes a status. What a script may call is in adapter_functions.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http_client/http_client.hpp"
#include "lua_sandbox/sandbox.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

using NamedTexts = std::vector<std::pair<std::string, std::string>>;

struct AdapterSettings {
  std::string file;    ///< as messages name it
  std::string text;    ///< the script
  NamedTexts secrets;  ///< what secret(NAME) answers
  LuaBudgets budgets{};
};

/// One call at a time. The context must be able to log for as long as the script lives.
class AdapterScript {
 public:
  /// Runs the script's chunk. `client` null: `http` is not offered. Throws a Failure with file and line.
  AdapterScript(const tsn::Context& ctx, const AdapterSettings& settings, HttpClient* client);

  bool has(const char* function);
  /// Calls a global function of the script. `push` pushes its arguments and returns how many; `take` reads its two
  /// results at the top of the stack. Both may raise Lua errors.
  ///
  /// What is raised: a table with `permanent = true` is TSN_INVALID, with `retry_after = SECONDS` TSN_RETRY, of a lost
  /// answer TSN_UNKNOWN; everything else, a text too, is TSN_FAILED.
  tsn::Status call(const char* function, const std::function<int(lua_State*)>& push,
                   const std::function<tsn::Status(lua_State*)>& take, tsn::Deadline deadline);

  // --- for the functions that a script calls ---
  static AdapterScript& of(lua_State* lua);
  const tsn::Context& ctx() const { return ctx_; }
  HttpClient* client() const { return running_ ? client_ : nullptr; }
  tsn::Deadline deadline() const { return deadline_; }
  /// Counts a request; false: there were too many in this call.
  bool one_more_request() { return ++requests_ <= most_requests; }
  const NamedTexts& secrets() const { return secrets_; }
  /// `text` with each secret replaced by "***": nothing of a script is shown that has not gone through this.
  std::string masked(std::string text) const;

  /// The request that a callback reads, during its call only: scripts may keep what shows its headers.
  const tsn::Request* request = nullptr;

  static constexpr int most_requests = 20;

 private:
  void push_function(lua_State* lua, const char* name) const;
  tsn::Status raised(lua_State* lua);
  std::string named(std::string error) const;

  const tsn::Context& ctx_;
  HttpClient* client_;
  NamedTexts secrets_;
  std::string file_, chunk_;  ///< the chunk's name is short, so that Lua does not shorten it
  LuaSandbox lua_;
  int environment_ = LUA_NOREF;
  tsn::Deadline deadline_{};
  int requests_ = 0;
  bool running_ = false;
};

/// Adds what an adapter may call to the shared globals: http, json, form, log, secret, hmac_sha256, sha256, base64,
/// url_encode, now, utc. In a protected call.
void add_adapter_functions(lua_State* lua, LuaSandbox& sandbox);

}  // namespace tocsin_plugins
