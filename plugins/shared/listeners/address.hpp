// Where a source listens, as its user writes it.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace tocsin_plugins::net {

/// The address of a socket, ours or the other side's.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  sockaddr* raw() noexcept { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* raw() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
  /// "10.0.0.7", "2001:db8::7"; "local" of a Unix socket. An IPv4 address within IPv6 is written as IPv4.
  std::string host() const;
  std::uint16_t port() const noexcept;
  bool is_loopback() const noexcept;  ///< Unix sockets are
};

struct ListenAddress {
  enum class Kind { udp, tcp, tls, unix_datagram, unix_stream };
  Kind kind = Kind::udp;
  std::string text;  ///< as written
  std::string path;  ///< of a Unix socket
  SocketAddress socket;

  bool is_datagram() const noexcept { return kind == Kind::udp || kind == Kind::unix_datagram; }
  bool is_unix() const noexcept { return kind == Kind::unix_datagram || kind == Kind::unix_stream; }

  /// `udp://`, `tcp://` or `tls://` with a numeric address or `localhost`, and a port (0: any free one);
  /// `unixgram://` or `unix://` with an absolute path. Throws tsn::Failure (invalid); `where` begins its text.
  static ListenAddress parse(std::string_view text, std::string_view where);
};

}  // namespace tocsin_plugins::net
