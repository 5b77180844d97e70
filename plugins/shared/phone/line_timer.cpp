// What the line does by itself: words that came early, questions for the state, calls made again.
#include "phone/line.hpp"

#include <algorithm>

#include "message_text/text.hpp"
#include "phone/verdict.hpp"

namespace tocsin_plugins {
namespace {

constexpr tsn::Time given_up_after = std::chrono::nanoseconds(std::chrono::hours(24)).count();
constexpr tsn::Time slowest_poll = std::chrono::nanoseconds(std::chrono::minutes(10)).count();
constexpr tsn::Time second = 1'000'000'000;
constexpr int most_tries = 5;  ///< of a word that the host knows no message for

NamedTexts fields_again(const SentMessage& message) {
  auto out = message.fields;
  for (auto& [key, value] : out)
    if (key == "key") value += "-" + std::to_string(message.repeats + 1);
  return out;
}

}  // namespace

/// When the earliest thing is to be done; INT64_MAX: nothing is. The caller locks.
tsn::Time PhoneLine::next_due() {
  tsn::Time next = INT64_MAX;
  for (const auto& m : book_.messages) {
    if (m.poll_at && !m.final && provider_.status) next = std::min(next, m.poll_at);
    if (m.repeat_at) next = std::min(next, m.repeat_at);
  }
  for (const auto& w : book_.early)
    if (book_.find(w.id)) next = std::min(next, w.tries ? w.at + (second << w.tries) : 0);
  return next;
}

/// Timers are made and cancelled under no lock. Two that arm at once leave a timer too many, which finds nothing to do.
void PhoneLine::arm() {
  tsn::Time next = INT64_MAX;
  std::optional<tsn_timer> before;
  {
    std::lock_guard lock(mutex_);
    if (!stopped_) next = next_due();
    before = std::exchange(timer_, std::nullopt);
  }
  if (before) ctx_.cancel_timer(*before);
  if (next == INT64_MAX) return;
  const auto after = std::max<tsn::Time>(next - ctx_.now(), 1'000'000);
  try {
    const auto timer = ctx_.timer(std::chrono::nanoseconds(after), [this] { tick(); });
    std::lock_guard lock(mutex_);
    timer_ = timer;
  } catch (const tsn::Failure& failure) {  // a message that went out stays one that went out
    ctx_.warn(std::string("states are not asked for until the next message: ") + failure.what());
  }
}

/// One request at most, so that a provider that hangs holds deliveries up no longer than one of its answers may take.
void PhoneLine::tick() {
  std::optional<SentMessage> ask, again;
  {
    std::lock_guard lock(mutex_);
    timer_.reset();
    const auto now = ctx_.now();
    for (const auto& m : book_.messages) {
      if (!again && m.repeat_at && m.repeat_at <= now) again = m;
      if (!ask && m.poll_at && !m.final && provider_.status && m.poll_at <= now) ask = m;
    }
  }
  if (!apply_early()) {
    if (again)
      call_again(std::move(*again));
    else if (ask)
      poll(std::move(*ask));
  }
  arm();
}

/// What came before its message; false: there was none that could be told now.
bool PhoneLine::apply_early() {
  std::optional<EarlyWord> word;
  {
    std::lock_guard lock(mutex_);
    const auto due = [&](const EarlyWord& w) {
      return book_.find(w.id) && (w.tries == 0 || w.at + (second << w.tries) <= ctx_.now());
    };
    const auto at = std::find_if(book_.early.begin(), book_.early.end(), due);
    if (at == book_.early.end()) return false;
    word = *at;
    book_.early.erase(at);
  }
  const auto status = apply(*word);
  std::lock_guard lock(mutex_);
  if (!status && ++word->tries < most_tries)
    book_.early.push_back(std::move(*word));
  else if (!status)
    ctx_.warn("what the provider said of " + cut(word->id, 60) + " is dropped: " + status.text());
  book_.save();
  return true;
}

std::optional<std::string> PhoneLine::ask_state(const SentMessage& message) {
  const tsn::Deadline deadline{ctx_.now() + 5 * second};
  if (adapter_) {
    std::string state;
    const auto status = adapter_->status(message.id, deadline, state);
    if (status) return state;
    ctx_.warn(std::string(kind_.name) + ": the state of " + cut(one_line(message.id), 60) + ": " + status.text());
    return std::nullopt;
  }
  const auto& table = *provider_.status;
  const HttpRequest request = request_of(table.request, {{"id", message.id}});
  HttpAnswer answer;
  if (!client_.perform(request, deadline, answer) || answer.status / 100 != 2) return std::nullopt;
  const auto type = answer.headers.find("content-type");
  return Document(answer.body, type == answer.headers.end() ? "" : type->second).at(table.state);
}

void PhoneLine::poll(SentMessage message) {
  const auto& table = *provider_.status;
  const auto state = ask_state(message);
  if (!state) ctx_.count("polls_failed");
  if (state && !apply({message.id, cut(one_line(*state), 80), "", ctx_.now(), 0})) ctx_.count("receipts_refused");
  std::lock_guard lock(mutex_);
  if (auto* found = book_.find(message.id); found && !found->final) {
    const auto wait = std::min(table.every.count() << std::min(found->polls, 6), slowest_poll);
    ++found->polls;
    found->poll_at = ctx_.now() - found->sent > given_up_after ? 0 : ctx_.now() + std::max(wait, table.every.count());
    if (found->repeat_at) found->poll_at = 0;  // that call is over
    book_.save();
  }
}

/// Nobody answered: the same message once more, under a key of its own, so that the provider does not take it for the
/// first one.
void PhoneLine::call_again(SentMessage message) {
  SentMessage next = message;
  next.repeats = message.repeats + 1;
  next.repeat_at = next.poll_at = 0, next.polls = 0, next.word.clear(), next.id.clear(), next.sent = ctx_.now();
  const auto status = hand_over(fields_again(message), tsn::Deadline{ctx_.now() + 10 * second}, next.id);
  ctx_.count("calls_again");
  const bool try_later = !status && status.value() != TSN_INVALID && next.repeats < retries_;
  {
    std::lock_guard lock(mutex_);
    if (auto* found = book_.find(message.id)) {
      found->repeat_at = try_later ? ctx_.now() + retry_after_.count() : 0;
      found->repeats = next.repeats;
      found->final = !try_later;
      if (!try_later) found->fields.clear();
      book_.save();
    }
  }
  if (!status && !try_later) give_up(message, status.text());
  if (status && !next.id.empty()) note(std::move(next));
}

void PhoneLine::give_up(const SentMessage& message, const std::string& why) {
  const auto detail = message.word + ", calling again failed: " + why;
  const auto told = without_service(ctx_.feedback().receipt(
      {.state = TSN_RECEIPT_FAILED, .key = message.key, .provider_id = message.id, .detail = cut(detail, 200)}));
  if (!told) ctx_.warn("that nobody answered could not be told: " + told.text());
}

}  // namespace tocsin_plugins
