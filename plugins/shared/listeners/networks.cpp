#include "listeners/networks.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <charconv>
#include <cstring>

namespace tocsin_plugins::net {
namespace {

constexpr unsigned char mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

bool Networks::bits_of(const SocketAddress& address, Bits& to) noexcept {
  if (address.storage.ss_family == AF_INET) {
    std::memcpy(to.data(), mapped_prefix, 12);
    std::memcpy(to.data() + 12, &reinterpret_cast<const sockaddr_in*>(&address.storage)->sin_addr, 4);
    return true;
  }
  if (address.storage.ss_family != AF_INET6) return false;
  std::memcpy(to.data(), &reinterpret_cast<const sockaddr_in6*>(&address.storage)->sin6_addr, 16);
  return true;
}

Networks Networks::read(const tsn::Config& list, std::string_view where) {
  Networks made;
  for (const auto& entry : list) {
    const std::string text(entry.as_str());
    const auto slash = text.find('/');
    const std::string address = text.substr(0, slash);
    Range range;
    unsigned most = 128;
    in_addr four;
    if (inet_pton(AF_INET, address.c_str(), &four) == 1) {
      std::memcpy(range.begin.data(), mapped_prefix, 12);
      std::memcpy(range.begin.data() + 12, &four, 4);
      most = 32;
    } else if (inet_pton(AF_INET6, address.c_str(), range.begin.data()) != 1) {
      most = 0;
    }
    range.length = most;
    bool good = most > 0;
    if (good && slash != text.npos) {
      const char *begin = text.data() + slash + 1, *stop = text.data() + text.size();
      const auto [end, error] = std::from_chars(begin, stop, range.length);
      good = error == std::errc() && end == stop && range.length <= most;
    }
    if (!good)
      throw tsn::Failure(tsn::invalid(std::string(where) + ": \"" + text +
                                      "\" is no network; expected one like \"10.0.0.0/8\" or \"2001:db8::/32\""));
    range.length += 128 - most;
    made.ranges_.push_back(range);
  }
  return made;
}

bool Networks::hold(const SocketAddress& address) const noexcept {
  if (address.is_loopback()) return true;
  Bits bits;
  if (!bits_of(address, bits)) return true;
  for (const auto& range : ranges_) {
    const unsigned whole = range.length / 8, rest = range.length % 8;
    if (std::memcmp(bits.data(), range.begin.data(), whole) != 0) continue;
    if (rest == 0 || ((bits[whole] ^ range.begin[whole]) >> (8 - rest)) == 0) return true;
  }
  return false;
}

}  // namespace tocsin_plugins::net
