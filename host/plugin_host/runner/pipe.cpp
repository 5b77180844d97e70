#include "plugin_host/runner/pipe.hpp"

#include <algorithm>
#include <cstring>

namespace tocsin::plugin_host::runner {

std::int64_t left_ns(SteadyTime deadline) {
  if (deadline == never) return -1;
  const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(deadline - std::chrono::steady_clock::now());
  return std::max<std::int64_t>(left.count(), 0);
}

void ring_all(PipeState& state) {
  for (auto* bell : {&state.data_bell, &state.room_bell}) {
    bell->fetch_add(1);
    futex_wake(*bell);
  }
}

PipeEnd PipeWriter::write(std::string_view bytes, SteadyTime deadline) {
  while (!bytes.empty()) {
    const std::uint64_t used = written_ - state_.taken.load(std::memory_order_acquire);
    if (used > pipe_bytes) return PipeEnd::broken;
    const std::size_t at = written_ % pipe_bytes;
    const std::size_t n = std::min({bytes.size(), std::size_t{pipe_bytes} - used, std::size_t{pipe_bytes} - at});
    if (n == 0) {
      flush();
      if (const PipeEnd end = wait_for_room(deadline); end != PipeEnd::done) return end;
      continue;
    }
    std::memcpy(data_ + at, bytes.data(), n);
    written_ += n;
    bytes.remove_prefix(n);
  }
  return PipeEnd::done;
}

void PipeWriter::flush() {
  state_.written.store(written_, std::memory_order_seq_cst);
  if (state_.reader_waits.load(std::memory_order_seq_cst) == 0) return;
  state_.data_bell.fetch_add(1);
  futex_wake(state_.data_bell);
}

PipeEnd PipeWriter::wait_for_room(SteadyTime deadline) {
  const auto room = [&] { return written_ - state_.taken.load(std::memory_order_seq_cst) < pipe_bytes; };
  if (Spin::until(Wait::patient, room)) return PipeEnd::done;
  for (;;) {
    const std::uint32_t bell = state_.room_bell.load();
    state_.writer_waits.store(1, std::memory_order_seq_cst);
    if (room()) break;
    if (closed_.load(std::memory_order_seq_cst)) return PipeEnd::closed;
    const std::int64_t left = left_ns(deadline);
    if (left == 0) return PipeEnd::late;
    futex_wait(state_.room_bell, bell, left);
  }
  state_.writer_waits.store(0);
  return PipeEnd::done;
}

PipeEnd PipeReader::read(void* to, std::size_t n) {
  char* out = static_cast<char*>(to);
  while (n > 0) {
    const std::uint64_t there = state_.written.load(std::memory_order_acquire) - taken_;
    if (there > pipe_bytes) return PipeEnd::broken;
    if (there == 0) {
      if (const PipeEnd end = wait_for_data(); end != PipeEnd::done) return end;
      continue;
    }
    const std::size_t at = taken_ % pipe_bytes;
    const std::size_t piece = std::min({n, static_cast<std::size_t>(there), std::size_t{pipe_bytes} - at});
    std::memcpy(out, data_ + at, piece);
    out += piece;
    n -= piece;
    taken_ += piece;
    state_.taken.store(taken_, std::memory_order_seq_cst);
    if (state_.writer_waits.load(std::memory_order_seq_cst) != 0) {
      state_.room_bell.fetch_add(1);
      futex_wake(state_.room_bell);
    }
  }
  return PipeEnd::done;
}

PipeEnd PipeReader::wait_for_data() {
  const auto data = [&] { return state_.written.load(std::memory_order_seq_cst) != taken_; };
  if (Spin::until(manner_, data)) return PipeEnd::done;
  for (;;) {
    const std::uint32_t bell = state_.data_bell.load();
    state_.reader_waits.store(1, std::memory_order_seq_cst);
    if (data()) break;
    if (closed_.load(std::memory_order_seq_cst)) return PipeEnd::closed;
    futex_wait(state_.data_bell, bell, -1);
  }
  state_.reader_waits.store(0);
  return PipeEnd::done;
}

}  // namespace tocsin::plugin_host::runner
