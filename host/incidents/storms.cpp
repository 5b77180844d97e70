#include "incidents/storms.hpp"

#include <utility>

#include "base/id.hpp"

namespace tocsin::incidents {
namespace {

std::string recipient_of(const model::Delivery& message) {
  return message.instance + "\n" + message.recipient + "\n" + message.address;
}

}  // namespace

bool Storms::gather(model::Delivery& message, bool at_once, base::Time at, base::Time until) {
  const std::string recipient = recipient_of(message);
  const auto open = open_.find(recipient);
  bool storm = open != open_.end() || until != base::no_time;
  if (settings_.after > 0) {
    auto& lately = lately_[recipient];
    while (lately.size() > settings_.after) lately.pop_front();
    storm = storm || (lately.size() == settings_.after && lately.front() > at - settings_.window);
    lately.push_back(at);
  }
  if (!storm || at_once) return false;
  if (open != open_.end()) {
    const model::Delivery& first = gathered_.at(open->second).front();
    message.digest = first.digest;
    message.next_attempt_at = first.next_attempt_at;
  } else {
    message.next_attempt_at = until != base::no_time ? until : at + settings_.every;
    message.digest = "d:" + base::hex16(base::Fnv1a().add(recipient).value()) + ":" +
                     std::to_string(base::to_ns(message.next_attempt_at));
    open_[recipient] = message.digest;
  }
  gathered_[message.digest].push_back(message);
  return true;
}

bool Storms::gathers(const std::string& digest) const {
  const auto messages = gathered_.find(digest);
  if (messages == gathered_.end() || messages->second.empty()) return false;
  const auto open = open_.find(recipient_of(messages->second.front()));
  return open != open_.end() && open->second == digest;
}

void Storms::move(const std::string& digest, base::Time to) {
  const auto messages = gathered_.find(digest);
  if (messages == gathered_.end()) return;
  for (model::Delivery& message : messages->second) message.next_attempt_at = to;
}

const Storms::Messages& Storms::close(const std::string& digest) {
  const Messages& messages = gathered_.at(digest);
  open_.erase(recipient_of(messages.front()));
  return messages;
}

Storms::Messages Storms::ended(const std::string& digest) {
  auto found = gathered_.extract(digest);
  return found ? std::move(found.mapped()) : Messages{};
}

bool Storms::learn(const model::Delivery& message, bool sent) {
  Messages& messages = gathered_[message.digest];
  messages.push_back(message);
  if (messages.size() > 1 || sent) return false;
  open_[recipient_of(message)] = message.digest;
  return true;
}

}  // namespace tocsin::incidents
