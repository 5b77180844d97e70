#include "base/id.hpp"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <mutex>
#include <random>

namespace tocsin::base {
namespace {

constexpr char hex_digits[] = "0123456789abcdef";

/// Bits nobody can foresee. getrandom() is only short or interrupted before the kernel's pool is ready.
std::array<unsigned char, 16> random_bytes() {
  std::array<unsigned char, 16> bytes{};
  std::size_t have = 0;
  while (have < bytes.size()) {
    ssize_t got = ::getrandom(bytes.data() + have, bytes.size() - have, 0);
    if (got > 0)
      have += static_cast<std::size_t>(got);
    else if (errno != EINTR)
      break;
  }
  if (have < bytes.size()) {  // a kernel without the call
    std::random_device device;
    for (; have < bytes.size(); ++have) bytes[have] = static_cast<unsigned char>(device());
  }
  return bytes;
}

struct Stamp {
  std::uint64_t ms = 0;
  std::uint32_t counter = 0;  ///< 12 bits
};

/// RFC 9562 section 6.2, method 1: the 12 bits after the version are a counter that begins at a random place in its
/// lower half; a clock that steps back a little keeps the last millisecond, one that steps back far is believed.
Stamp next_stamp(std::uint64_t ms, std::uint32_t random) {
  constexpr std::uint64_t tolerated_step_back = 10'000;
  static std::mutex mutex;
  static Stamp last;
  std::lock_guard lock(mutex);
  bool fresh = ms > last.ms || last.ms - ms > tolerated_step_back;
  if (fresh)
    last = {ms, random & 0x7ffu};
  else if (last.counter < 0xfffu)
    ++last.counter;
  else
    last = {last.ms + 1, random & 0x7ffu};
  return last;
}

}  // namespace

std::string uuid_v7(Time now) {
  std::array<unsigned char, 16> bytes = random_bytes();
  std::int64_t ms = to_ns(now) / 1'000'000;
  Stamp stamp = next_stamp(ms > 0 ? static_cast<std::uint64_t>(ms) : 0, bytes[0] | (bytes[1] << 8));
  for (int i = 0; i < 6; ++i) bytes[i] = static_cast<unsigned char>(stamp.ms >> (40 - 8 * i));
  bytes[6] = static_cast<unsigned char>(0x70u | (stamp.counter >> 8));
  bytes[7] = static_cast<unsigned char>(stamp.counter);
  bytes[8] = static_cast<unsigned char>(0x80u | (bytes[8] & 0x3fu));
  std::string text;
  text.reserve(36);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += hex_digits[bytes[i] >> 4];
    text += hex_digits[bytes[i] & 15];
  }
  return text;
}

std::string hex16(std::uint64_t value) {
  std::string text(16, '0');
  for (std::size_t i = 16; i-- > 0; value >>= 4) text[i] = hex_digits[value & 15];
  return text;
}

}  // namespace tocsin::base
