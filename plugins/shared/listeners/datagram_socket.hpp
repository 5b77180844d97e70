// One datagram socket, read many datagrams a call. What the kernel dropped because nobody read in time is known from
// SO_RXQ_OVFL, a counter that comes with each datagram.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "listeners/address.hpp"

namespace tocsin_plugins::net {

/// Counts since the last look.
struct DatagramCounts {
  std::uint64_t datagrams = 0, bytes = 0;
  std::uint64_t dropped = 0;  ///< by the kernel: the socket's buffer was full
  std::uint64_t cut = 0;      ///< longer than 64 KiB (Unix sockets): not taken
};

/// A bound socket of `address`; its Unix path is replaced where no one listens on it any more, and readable and
/// writable for all, as a port on loopback is. Throws tsn::Failure with address, reason and remedy.
int open_socket(const ListenAddress& address);
/// Closes and, of a Unix socket, removes its path.
void close_socket(const ListenAddress& address, int descriptor) noexcept;
/// What the socket is bound to.
SocketAddress bound_address(int descriptor);

class DatagramSocket {
 public:
  /// `buffer`: bytes the kernel is asked to keep for us; granted() is what it gives.
  DatagramSocket(const ListenAddress& address, std::uint64_t buffer);
  ~DatagramSocket();
  DatagramSocket(const DatagramSocket&) = delete;

  int descriptor() const noexcept { return descriptor_; }
  std::uint64_t granted() const noexcept { return granted_; }

  using Take = std::function<void(std::string_view bytes, const SocketAddress& from)>;
  /// Reads what is there, a few at a time. True: there may be more.
  bool read(const Take& take, DatagramCounts& counts);

 private:
  static constexpr unsigned at_once = 16;
  static constexpr std::size_t most_bytes = 64 * 1024;
  void count_drops(msghdr& header, DatagramCounts& counts);

  ListenAddress address_;
  int descriptor_;
  std::uint64_t granted_ = 0;
  std::uint32_t drops_seen_ = 0;
  std::unique_ptr<char[]> buffers_;
};

}  // namespace tocsin_plugins::net
