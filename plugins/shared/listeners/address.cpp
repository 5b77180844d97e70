#include "listeners/address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <charconv>
#include <cstring>
#include <utility>

#include "tocsin/plugin.hpp"

namespace tocsin_plugins::net {
namespace {

[[noreturn]] void refuse_address(std::string_view text, std::string_view where, std::string_view why) {
  std::string message(where);
  message.append(": \"").append(text).append("\" ").append(why);
  throw tsn::Failure(tsn::invalid(message.append(
      "; expected udp://127.0.0.1:PORT, tcp://127.0.0.1:PORT, tls://ADDRESS:PORT, unixgram:///PATH or unix:///PATH")));
}

/// The IPv4 address in an IPv6 one (::ffff:10.0.0.7); null: it has none.
const void* mapped_ipv4(const sockaddr_in6& address) {
  return IN6_IS_ADDR_V4MAPPED(&address.sin6_addr) ? address.sin6_addr.s6_addr + 12 : nullptr;
}

bool put_ip(std::string host, std::uint16_t port, SocketAddress& to) {
  if (host == "localhost") host = "127.0.0.1";
  sockaddr_in four{};
  if (inet_pton(AF_INET, host.c_str(), &four.sin_addr) == 1) {
    four.sin_family = AF_INET;
    four.sin_port = htons(port);
    std::memcpy(&to.storage, &four, to.length = sizeof four);
    return true;
  }
  sockaddr_in6 six{};
  if (inet_pton(AF_INET6, host.c_str(), &six.sin6_addr) != 1) return false;
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(port);
  std::memcpy(&to.storage, &six, to.length = sizeof six);
  return true;
}

void read_ip(std::string_view rest, std::string_view where, ListenAddress& to) {
  const auto colon = rest.rfind(':');
  if (colon == rest.npos) refuse_address(to.text, where, "has no port");
  const auto port_text = rest.substr(colon + 1);
  auto host = rest.substr(0, colon);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (!bracketed && host.find(':') != host.npos) refuse_address(to.text, where, "needs [ ] around its IPv6 address");
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(port_text.data(), port_text.data() + port_text.size(), port);
  if (error != std::errc() || end != port_text.data() + port_text.size())
    refuse_address(to.text, where, "has no port between 0 and 65535");
  if (!put_ip(std::string(host), port, to.socket))
    refuse_address(to.text, where, "names no address of this machine: names are not looked up");
}

void read_path(std::string_view path, std::string_view where, ListenAddress& to) {
  sockaddr_un local{};
  if (!path.starts_with('/')) refuse_address(to.text, where, "has no absolute path");
  if (path.size() >= sizeof local.sun_path) refuse_address(to.text, where, "has a path longer than 107 bytes");
  local.sun_family = AF_UNIX;
  std::memcpy(local.sun_path, path.data(), path.size());
  to.path = path;
  to.socket.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  std::memcpy(&to.socket.storage, &local, sizeof local);
}

}  // namespace

std::string SocketAddress::host() const {
  char text[INET6_ADDRSTRLEN] = {};
  const void* from = nullptr;
  int family = storage.ss_family;
  if (family == AF_INET) {
    from = &reinterpret_cast<const sockaddr_in*>(&storage)->sin_addr;
  } else if (family == AF_INET6) {
    const auto& six = *reinterpret_cast<const sockaddr_in6*>(&storage);
    from = mapped_ipv4(six);
    if (from) family = AF_INET;
    if (!from) from = &six.sin6_addr;
  }
  if (!from || !inet_ntop(family, from, text, sizeof text)) return "local";
  return text;
}

std::uint16_t SocketAddress::port() const noexcept {
  if (storage.ss_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
  if (storage.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port);
  return 0;
}

bool SocketAddress::is_loopback() const noexcept {
  if (storage.ss_family == AF_INET)
    return (ntohl(reinterpret_cast<const sockaddr_in*>(&storage)->sin_addr.s_addr) >> 24) == 127;
  if (storage.ss_family == AF_INET6) {
    const auto& six = *reinterpret_cast<const sockaddr_in6*>(&storage);
    if (const auto* four = static_cast<const unsigned char*>(mapped_ipv4(six))) return four[0] == 127;
    return IN6_IS_ADDR_LOOPBACK(&six.sin6_addr);
  }
  return storage.ss_family == AF_UNIX;
}

ListenAddress ListenAddress::parse(std::string_view text, std::string_view where) {
  constexpr std::pair<std::string_view, Kind> schemes[] = {{"udp://", Kind::udp},
                                                           {"tcp://", Kind::tcp},
                                                           {"tls://", Kind::tls},
                                                           {"unixgram://", Kind::unix_datagram},
                                                           {"unix://", Kind::unix_stream}};
  ListenAddress made;
  made.text = text;
  for (const auto& [scheme, kind] : schemes) {
    if (!text.starts_with(scheme)) continue;
    made.kind = kind;
    const auto rest = text.substr(scheme.size());
    made.is_unix() ? read_path(rest, where, made) : read_ip(rest, where, made);
    return made;
  }
  refuse_address(text, where, "has no scheme that is known");
}

}  // namespace tocsin_plugins::net
