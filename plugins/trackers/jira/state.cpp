#include "state.hpp"

namespace tocsin_plugins::jira {

State::State(tsn::Context ctx, Writes writes)
    : ctx_(ctx), durable_(writes == Writes::kept && static_cast<bool>(ctx.kv())) {}

std::optional<std::string> State::get(std::string_view key) const {
  if (!durable_) {
    const std::lock_guard lock(mutex_);
    if (const auto found = memory_.find(key); found != memory_.end()) return found->second;
  }
  const auto kv = ctx_.kv();
  return kv ? kv.get(key) : std::nullopt;
}

void State::put(std::string_view key, std::string value) {
  if (durable_) return ctx_.kv().put(key, value);
  const std::lock_guard lock(mutex_);
  memory_.insert_or_assign(std::string(key), std::move(value));
}

void State::remove(std::string_view key) {
  if (durable_) return ctx_.kv().remove(key);
  const std::lock_guard lock(mutex_);
  memory_.insert_or_assign(std::string(key), std::nullopt);
}

}  // namespace tocsin_plugins::jira
