#include "hand_over.hpp"

#include <algorithm>

namespace tocsin_plugins::amqp {
namespace {

/// What is on its way has to be known when it comes again.
std::size_t window(const tsn::Config& config) {
  const auto remember = static_cast<std::size_t>(config.integer("remember", 1000));
  return remember == 0 ? 0 : std::max(remember, static_cast<std::size_t>(config.integer("prefetch", 200)));
}

std::string origin_of(const Delivery& message) {
  return " (exchange \"" + message.exchange + "\", routing key \"" + message.routing_key + "\"" +
         (message.message_id.empty() ? ")" : ", message_id \"" + message.message_id + "\")");
}

}  // namespace

HandOver::HandOver(tsn::Context ctx, const tsn::Config& config)
    : ctx_(ctx), reader_(ctx, config), id_header_(config.str("id_header")), ids_(window(config)) {}

tsn::Status HandOver::work(std::deque<Delivery>& pending, Settler& settler) {
  for (;;) {
    while (!pending.empty() && !reader_.full() && !refused_) {
      judge(pending.front());
      pending.pop_front();
    }
    if (held_.empty() || !submit()) return tsn::ok;
    if (auto status = settle(settler); !status) return status;
    if (pending.empty()) return tsn::ok;
  }
}

void HandOver::judge(Delivery& message) {
  ++counts_.messages;
  if (message.redelivered) ++counts_.redelivered;
  const auto key = IdWindow::key_of(message, id_header_);
  if (key && ids_.knows(key)) {
    ++counts_.duplicates;
    held_.push_back({message.tag, false});
    return;
  }
  const auto poison = reader_.take(message);
  held_.push_back({message.tag, poison.has_value()});
  if (poison)
    reader_.refuse(poison->type, poison->reason + origin_of(message), {}, message.body);
  else if (key)
    ids_.add(key);
}

/// False: the agent takes nothing in; everything is kept, and nothing more is judged until it does.
bool HandOver::submit() {
  auto& batch = reader_.batch();
  if (!batch.empty()) {
    batch.cursor(ids_.cursor());
    const auto done = batch.submit();
    if (done.status.value() == TSN_RETRY || done.status.value() == TSN_FAILED) {
      if (!std::exchange(refused_, true)) ++counts_.refusals;
      return false;
    }
    if (!done.status) {
      // The host will not take these rows ever: their messages go where those go that cannot be read.
      ctx_.error("amqp: the host refused what " + std::to_string(held_.size()) +
                 " messages gave: " + std::string(done.status.text()));
      for (auto& held : held_) held.rejected = true;
      ids_.roll_back();
    }
  }
  refused_ = false;
  reader_.submitted();
  ids_.commit();
  return true;
}

tsn::Status HandOver::settle(Settler& settler) {
  std::uint64_t last = 0;
  for (const auto& held : held_) {
    if (held.rejected) {
      if (auto status = settler.reject(held.tag); !status) return status;
      ++counts_.rejected;
    } else {
      last = held.tag;
      ++counts_.acknowledged;
    }
  }
  held_.clear();
  reader_.report_refusals();
  return last ? settler.acknowledge(last) : tsn::Status(tsn::ok);
}

void HandOver::forget() {
  held_.clear();
  reader_.clear();
  ids_.roll_back();
  refused_ = false;
}

}  // namespace tocsin_plugins::amqp
