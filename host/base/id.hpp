// Identity: UUIDs, hashes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace tocsin::base {

/// RFC 9562 version 7: sorted by time, unique across agents. Any thread.
std::string uuid_v7(Time now);

/// FNV-1a, 64 bit (Fowler, Noll, Vo; offset 14695981039346656037, prime 1099511628211).
class Fnv1a {
 public:
  constexpr Fnv1a& add(std::string_view bytes) {
    for (char c : bytes) add_byte(static_cast<unsigned char>(c));
    return *this;
  }
  constexpr Fnv1a& add_byte(unsigned char c) {
    hash_ = (hash_ ^ c) * 1099511628211ull;
    return *this;
  }
  constexpr std::uint64_t value() const { return hash_; }

 private:
  std::uint64_t hash_ = 14695981039346656037ull;
};

/// 16 lower-case hex digits.
std::string hex16(std::uint64_t value);

}  // namespace tocsin::base
