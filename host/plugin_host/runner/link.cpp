#include "plugin_host/runner/link.hpp"

#include <bit>

namespace tocsin::plugin_host::runner {
namespace {

constexpr std::size_t padding(std::size_t bytes) {
  return (8 - bytes % 8) % 8;
}
/// What a message's buffer keeps; a larger one is given back after use.
constexpr std::size_t kept_words = 64 * 1024;

}  // namespace

Link::Link(Side side, Region& region)
    : side_(side),
      region_(region),
      mine_(side == Side::agent ? region.calls : region.asks),
      theirs_(side == Side::agent ? region.asks : region.calls),
      writer_(side == Side::agent ? region.down : region.up, side == Side::agent ? region.down_data : region.up_data,
              closed_),
      reader_(side == Side::agent ? region.up : region.down, side == Side::agent ? region.up_data : region.down_data,
              closed_, side == Side::agent ? Wait::patient : Wait::eager) {}

bool Link::write(const Frame& frame, Parts content, SteadyTime deadline) {
  static constexpr char zeros[8] = {};
  std::lock_guard lock(write_mutex_);
  if (closed()) return false;
  PipeEnd end = writer_.write({reinterpret_cast<const char*>(&frame), sizeof frame}, deadline);
  for (auto part = content.begin(); end == PipeEnd::done && part != content.end(); ++part)
    end = writer_.write(*part, deadline);
  if (end == PipeEnd::done) end = writer_.write({zeros, padding(frame.bytes)}, deadline);
  writer_.flush();
  if (end == PipeEnd::done) return true;
  // A message that was cut short leaves a stream that nobody can read.
  broken_ = end != PipeEnd::closed;
  close();
  return false;
}

namespace {

std::uint32_t total(Link::Parts content) {
  std::size_t bytes = 0;
  for (const std::string_view part : content) bytes += part.size();
  return bytes <= max_frame_bytes ? static_cast<std::uint32_t>(bytes) : 0;
}

}  // namespace

bool Link::send(Kind kind, std::uint32_t instance, std::uint64_t id, Parts content, SteadyTime deadline) {
  return write({total(content), static_cast<std::uint16_t>(kind), 0, id, instance, 0}, content, deadline);
}

Link::End Link::call(Kind kind, std::uint32_t instance, std::uint64_t id, Parts content, SteadyTime deadline,
                     std::string& answer) {
  const std::uint16_t number = take_slot(deadline);
  if (number == 0) return closed() ? End::closed : End::late;
  Slot& slot = mine_[number - 1];
  slot.bytes.store(0, std::memory_order_relaxed);
  slot.state.store(slot_waiting, std::memory_order_release);
  if (!write({total(content), static_cast<std::uint16_t>(kind), number, id, instance, 0}, content, deadline))
    return End::closed;
  std::uint32_t state = slot_waiting;
  const auto answered = [&] {
    state = slot.state.load(std::memory_order_seq_cst);
    return state == slot_answered || state == slot_by_pipe;
  };
  bool there = Spin::until(side_ == Side::agent ? Wait::eager : Wait::patient, answered);
  while (!there) {
    const std::int64_t left = left_ns(deadline);
    if (closed() || left == 0) break;
    futex_wait(slot.state, slot_waiting, left);
    there = answered();
    if (!there && state != slot_waiting && !closed()) {  // neither side of ours writes such a word
      broken_ = true;
      close();
    }
  }
  if (!there) return closed() ? End::closed : End::late;
  if (!read_answer(slot, id, answer)) {
    broken_ = true;
    close();
    return End::closed;
  }
  give_slot(number);
  return End::answered;
}

bool Link::read_answer(Slot& slot, std::uint64_t id, std::string& answer) {
  if (slot.state.load(std::memory_order_acquire) == slot_answered) {
    const std::uint32_t bytes = slot.bytes.load(std::memory_order_relaxed);
    if (bytes > slot_bytes) return false;
    answer.assign(slot.data, bytes);
    return true;
  }
  std::lock_guard lock(answers_mutex_);
  const auto it = answers_.find(id);
  if (it == answers_.end()) return false;
  answer = std::move(it->second);
  answers_.erase(it);
  return true;
}

void Link::answer(const Frame& to, std::string_view content) {
  if (to.slot == 0 || to.slot > slot_count) return;
  if (content.size() > slot_bytes) {
    write({static_cast<std::uint32_t>(content.size()), static_cast<std::uint16_t>(Kind::answer), to.slot, to.id,
           to.instance, 0},
          {content}, never);
    return;
  }
  Slot& slot = theirs_[to.slot - 1];
  // The caller read the last answer before it let another call have the slot; from here on it is this one's.
  (void)slot.state.load(std::memory_order_acquire);
  // The content is there before the word says so; a slot whose caller has gone is written to all the same.
  std::memcpy(slot.data, content.data(), content.size());
  slot.bytes.store(static_cast<std::uint32_t>(content.size()), std::memory_order_relaxed);
  slot.state.store(slot_answered, std::memory_order_seq_cst);
  futex_wake(slot.state);
}

bool Link::next(Frame& frame, Content& content) {
  for (;;) {
    if (content.words.size() > kept_words) content.words = {};
    PipeEnd end = reader_.read(&frame, sizeof frame);
    if (end == PipeEnd::done && frame.bytes > max_frame_bytes) end = PipeEnd::broken;
    if (end == PipeEnd::done) {
      content.bytes = frame.bytes;
      const std::size_t words = (std::size_t{frame.bytes} + 7) / 8;
      if (content.words.size() < words) content.words.resize(words);
      end = reader_.read(content.words.data(), words * 8);
    }
    if (end != PipeEnd::done) {
      if (end == PipeEnd::broken) broken_ = true;
      close();
      return false;
    }
    if (static_cast<Kind>(frame.kind) != Kind::answer) return true;
    if (frame.slot == 0 || frame.slot > slot_count) {
      broken_ = true;
      close();
      return false;
    }
    {
      std::lock_guard lock(answers_mutex_);
      if (answers_.size() < slot_count) answers_[frame.id] = content.view();
    }
    Slot& slot = mine_[frame.slot - 1];
    slot.state.store(slot_by_pipe, std::memory_order_seq_cst);
    futex_wake(slot.state);
  }
}

void Link::close() {
  if (closed_.exchange(true, std::memory_order_seq_cst)) return;
  ring_all(region_.down);
  ring_all(region_.up);
  {
    std::lock_guard lock(slots_mutex_);
    slot_free_.notify_all();
  }
  // Who waits sees `closed` after the wake; the word itself must change, or a waiter that is about to sleep would.
  for (std::uint32_t i = 0; i < slot_count; ++i) {
    std::uint32_t waiting = slot_waiting;
    mine_[i].state.compare_exchange_strong(waiting, slot_waiting + 16);
    futex_wake(mine_[i].state);
  }
}

std::uint16_t Link::take_slot(SteadyTime deadline) {
  constexpr std::uint32_t all = slot_count == 32 ? ~0u : (1u << slot_count) - 1;
  std::unique_lock lock(slots_mutex_);
  const auto ready = [&] { return closed() || slots_taken_ != all; };
  if (deadline == never) {
    slot_free_.wait(lock, ready);
  } else if (!slot_free_.wait_until(lock, deadline, ready)) {
    return 0;
  }
  if (closed()) return 0;
  const int index = std::countr_one(slots_taken_);
  slots_taken_ |= 1u << index;
  return static_cast<std::uint16_t>(index + 1);
}

void Link::give_slot(std::uint16_t number) {
  std::lock_guard lock(slots_mutex_);
  slots_taken_ &= ~(1u << (number - 1));
  slot_free_.notify_one();
}

}  // namespace tocsin::plugin_host::runner
