#include "doubts.hpp"

#include <charconv>

namespace tocsin_plugins::jira {
namespace {

std::string key_of(std::string_view correlation_id) {
  return "doubt/" + std::string(correlation_id.substr(0, 200));
}

}  // namespace

std::string Doubts::get(std::string_view correlation_id) const {
  const auto key = key_of(correlation_id);
  if (const auto kv = ctx_.kv()) return kv.get(key).value_or("");
  const auto found = memory_.find(key);
  return found == memory_.end() ? "" : found->second;
}

void Doubts::put(std::string_view correlation_id, std::string value) {
  const auto key = key_of(correlation_id);
  if (const auto kv = ctx_.kv())
    kv.put(key, value);
  else
    memory_[key] = std::move(value);
}

void Doubts::raise(std::string_view correlation_id) {
  put(correlation_id, "0");
}

bool Doubts::any(std::string_view correlation_id) const {
  return !get(correlation_id).empty();
}

std::chrono::nanoseconds Doubts::found_nothing(std::string_view correlation_id, std::chrono::nanoseconds settle) {
  const auto kept = get(correlation_id);
  const tsn::Time now = ctx_.now();
  tsn::Time first = 0;
  std::from_chars(kept.data(), kept.data() + kept.size(), first);
  // A clock set back begins anew rather than counting a time that did not pass.
  if (first == 0 || first > now) {
    put(correlation_id, std::to_string(now));
    return settle;
  }
  return std::max(settle - std::chrono::nanoseconds(now - first), std::chrono::nanoseconds(0));
}

void Doubts::clear(std::string_view correlation_id) {
  if (get(correlation_id).empty()) return;
  if (const auto kv = ctx_.kv())
    kv.remove(key_of(correlation_id));
  else
    memory_.erase(key_of(correlation_id));
}

}  // namespace tocsin_plugins::jira
