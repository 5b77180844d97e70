// Everything an instance listens on. All calls and callbacks are the instance's [seq].
//
// Backpressure: after each round of reading Receiver::round() is called, in which a source hands over what came. When
// the agent takes nothing, there or in between, the source calls pause(), after which at most what was read already
// comes, tries again by a timer of its own, and then calls resume(). Meanwhile streams wait in the kernels of both
// sides; datagrams beyond the socket's buffer are dropped by the kernel and counted.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <vector>

#include "listeners/datagram_socket.hpp"
#include "listeners/networks.hpp"
#include "listeners/stream.hpp"
#include "listeners/tls.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins::net {

class Receiver {
 public:
  virtual ~Receiver() = default;
  virtual void datagram(std::string_view bytes, const SocketAddress& from) = 0;
  virtual std::unique_ptr<StreamSink> stream(const SocketAddress& from) = 0;
  /// A round of reading ended.
  virtual void round() = 0;
};

struct ListenSettings {
  std::vector<ListenAddress> addresses;
  Networks allow;
  std::uint64_t buffer = 4u << 20;  ///< bytes the kernel is asked to keep per datagram socket
  std::size_t connections = 256;    ///< open at a time
  TlsSettings tls;

  /// The options `listen`, `allow`, `insecure`, `buffer`, `connections`, `tls`, as far as the source declares them. An
  /// address that others reach needs `allow` or `insecure = true`, except tls:// with `client_ca`. Throws tsn::Failure
  /// (invalid).
  static ListenSettings read(const tsn::Config& config);
};

struct ListenCounts : DatagramCounts {
  std::uint64_t not_allowed = 0;          ///< datagrams and connections from outside `allow`
  std::uint64_t connections = 0;          ///< accepted
  std::uint64_t connections_refused = 0;  ///< there were too many
  std::uint64_t connections_failed = 0;   ///< TLS that was not agreed on, and connections that broke
};

class Listeners {
 public:
  Listeners(tsn::Context ctx, ListenSettings settings, Receiver& receiver);
  ~Listeners();

  /// Binds everything or throws tsn::Failure; then nothing is bound.
  void open();
  /// Reads what already lies in the sockets (not while paused), then closes all. round() is not called.
  void close();
  void pause() noexcept { paused_ = true; }
  void resume();
  bool paused() const noexcept { return paused_; }
  ListenCounts take_counts() { return std::exchange(counts_, {}); }
  /// Connections open now.
  std::size_t open_connections() const noexcept { return connections_.size(); }

 private:
  struct Port;        ///< a datagram socket or a listening one
  struct Connection;  ///< an accepted one
  using ConnectionRef = std::list<std::unique_ptr<Connection>>::iterator;

  void open_port(const ListenAddress& address);
  void watch(Port& port);
  void watch(ConnectionRef connection);
  void take_datagrams(Port& port);
  void read_datagrams(Port& port);
  void accept(Port& port);
  bool make_room();
  void begin(Port& port, int descriptor, const SocketAddress& from);
  /// False: it is closed.
  bool read(ConnectionRef connection);
  void complain(const std::string& what, const std::string& text);

  tsn::Context ctx_;
  const ListenSettings settings_;
  Receiver& receiver_;
  std::unique_ptr<TlsServer> tls_;
  std::vector<std::unique_ptr<Port>> ports_;
  std::list<std::unique_ptr<Connection>> connections_;
  std::unique_ptr<char[]> buffer_;
  bool paused_ = false;
  ListenCounts counts_;
  std::vector<std::string> complained_;  ///< each said once
};

}  // namespace tocsin_plugins::net
