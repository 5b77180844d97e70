#include "plugin_host/tokens.hpp"

namespace tocsin::plugin_host {

std::string_view to_string(CallKind kind) {
  switch (kind) {
    case CallKind::pull:
      return "pull";
    case CallKind::deliver:
      return "deliver";
    case CallKind::upsert:
      return "upsert";
    case CallKind::handle:
      return "handle";
    case CallKind::query:
      return "query";
  }
  return "call";
}

tsn_token TokenTable::open(Call call) {
  std::lock_guard lock(mutex_);
  return calls_.put(std::move(call));
}

std::optional<Call> TokenTable::take(tsn_token token) {
  std::lock_guard lock(mutex_);
  auto out = calls_.take(token);
  if (out) changed_.notify_all();
  return out;
}

std::optional<base::Time> TokenTable::deadline_of(tsn_token token) {
  std::lock_guard lock(mutex_);
  Call* call = calls_.find(token);
  return call == nullptr ? std::nullopt : std::optional(call->deadline);
}

bool TokenTable::set_timer(tsn_token token, runtime::Reactor::Id timer) {
  std::lock_guard lock(mutex_);
  Call* call = calls_.find(token);
  if (call != nullptr) call->timer = timer;
  return call != nullptr;
}

std::vector<tsn_token> TokenTable::open_tokens() const {
  std::lock_guard lock(mutex_);
  return calls_.handles();
}

bool TokenTable::wait_empty(base::Duration limit) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, limit, [&] { return calls_.size() == 0; });
}

}  // namespace tocsin::plugin_host
