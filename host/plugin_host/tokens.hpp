// Asynchronous calls on their way: each token is completed exactly once, by whoever takes it out of the table.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "plugin_host/handles.hpp"
#include "plugin_host/session.hpp"
#include "runtime/executor.hpp"

namespace tocsin::plugin_host {

enum class CallKind : std::uint8_t { pull, deliver, upsert, handle, query };
std::string_view to_string(CallKind kind);

/// What came of a call; one shape for all kinds, a pull or a request fills only status and text.
using Answer = Instance::Sent;

struct Call {
  CallKind kind = CallKind::pull;
  base::Time deadline{};
  std::function<void(Answer)> done;
  std::shared_ptr<void> response;  ///< handle, query: what the plugin still writes to
  runtime::Reactor::Id timer = 0;  ///< of its deadline; 0: not armed
};

/// Any thread.
class TokenTable {
 public:
  explicit TokenTable(std::uint32_t generation) : calls_(generation) {}

  tsn_token open(Call call);
  /// The right to finish the call; none if somebody has it already or the token is stale or foreign.
  std::optional<Call> take(tsn_token token);
  /// The deadline of a call still open.
  std::optional<base::Time> deadline_of(tsn_token token);
  /// Notes the timer of a call still open; false: it is finished, the timer is the caller's to cancel.
  bool set_timer(tsn_token token, runtime::Reactor::Id timer);
  std::vector<tsn_token> open_tokens() const;
  /// Waits until no call is open; false: some still were after `limit`.
  bool wait_empty(base::Duration limit);

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  HandleTable<Call> calls_;
};

}  // namespace tocsin::plugin_host
