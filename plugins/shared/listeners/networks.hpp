// Networks that a source takes messages from.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "listeners/address.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins::net {

class Networks {
 public:
  /// A list of "10.0.0.0/8", "2001:db8::/32", or single addresses. Throws tsn::Failure (invalid).
  static Networks read(const tsn::Config& list, std::string_view where);
  bool empty() const noexcept { return ranges_.empty(); }
  /// Unix sockets and loopback always are.
  bool hold(const SocketAddress& address) const noexcept;

 private:
  using Bits = std::array<unsigned char, 16>;  ///< IPv4 as ::ffff:a.b.c.d
  struct Range {
    Bits begin{};
    unsigned length = 0;
  };
  static bool bits_of(const SocketAddress& address, Bits& to) noexcept;
  std::vector<Range> ranges_;
};

}  // namespace tocsin_plugins::net
