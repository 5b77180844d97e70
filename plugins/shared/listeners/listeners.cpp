#include "listeners/listeners.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace tocsin_plugins::net {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t read_size = 64 * 1024;
constexpr int datagram_reads_a_round = 64;
constexpr int reads_a_round = 16;                         ///< of one connection, before the others have their turn
constexpr tsn::Time silent_long_enough = 60'000'000'000;  ///< ns; such a connection gives its place to a new one
constexpr auto accept_pause = 1s;                         ///< where no descriptor was to be had
constexpr std::size_t most_complaints = 32;

/// A peer whose machine vanished is found out after about two minutes, so that it holds no place for ever.
void keep_alive(int descriptor) {
  const int on = 1, idle = 60, interval = 10, count = 6;
  ::setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

std::string shown(const ListenAddress& address, const SocketAddress& bound) {
  if (address.is_unix()) return address.text;
  const auto scheme = address.text.substr(0, address.text.find("://") + 3);
  const auto host = bound.host();
  return scheme + (host.find(':') == host.npos ? host : "[" + host + "]") + ":" + std::to_string(bound.port());
}

}  // namespace

ListenSettings ListenSettings::read(const tsn::Config& config) {
  ListenSettings made;
  const auto list = config.array("listen");
  for (std::uint32_t i = 0; i < list.count(); ++i)
    made.addresses.push_back(ListenAddress::parse(list.at(i).as_str(), "listen"));
  if (made.addresses.empty()) throw tsn::Failure(tsn::invalid("listen: expected at least one address"));
  made.allow = Networks::read(config.array("allow"), "allow");
  made.buffer = config.size("buffer", made.buffer);
  made.connections = static_cast<std::size_t>(config.integer("connections", 256));
  made.tls = TlsSettings::read(config.table("tls"), "tls");
  const bool insecure = config.boolean("insecure");
  for (const auto& address : made.addresses) {
    const bool tls = address.kind == ListenAddress::Kind::tls;
    if (tls && made.tls.cert.empty())
      throw tsn::Failure(tsn::invalid("listen: \"" + address.text +
                                      "\" needs tls = { cert = \"FILE\", key = \"FILE\" }, the certificate to show"));
    const bool known_peers = !made.allow.empty() || (tls && !made.tls.client_ca.empty());
    if (!address.socket.is_loopback() && !known_peers && !insecure)
      throw tsn::Failure(
          tsn::invalid("listen: others reach \"" + address.text +
                       "\", and anybody could send: set allow = [\"10.0.0.0/8\"], the networks that may, " +
                       (tls ? "or tls.client_ca, " : "") + "or insecure = true"));
  }
  return made;
}

struct Listeners::Port {
  ListenAddress address;
  std::unique_ptr<DatagramSocket> datagrams;
  int listening = -1;
  tsn_watch watched = 0;

  ~Port() { close_socket(address, listening); }
  int descriptor() const { return datagrams ? datagrams->descriptor() : listening; }
};

struct Listeners::Connection {
  std::unique_ptr<Channel> channel;
  std::unique_ptr<StreamSink> sink;
  std::string peer;
  tsn_watch watched = 0;
  tsn::Time heard = 0;
};

Listeners::Listeners(tsn::Context ctx, ListenSettings settings, Receiver& receiver)
    : ctx_(ctx), settings_(std::move(settings)), receiver_(receiver) {}

Listeners::~Listeners() = default;

void Listeners::open() {
  try {
    if (!settings_.tls.cert.empty()) tls_ = std::make_unique<TlsServer>(settings_.tls);
    for (const auto& address : settings_.addresses) open_port(address);
  } catch (...) {
    ports_.clear();
    throw;
  }
  buffer_.reset(new char[read_size]);
  paused_ = false;
  for (auto& port : ports_) watch(*port);
}

void Listeners::open_port(const ListenAddress& address) {
  auto port = std::make_unique<Port>();
  port->address = address;
  if (address.is_datagram()) {
    port->datagrams = std::make_unique<DatagramSocket>(address, settings_.buffer);
    const auto given = port->datagrams->granted();
    if (given < settings_.buffer)
      ctx_.info(address.text + ": the kernel keeps " + std::to_string(given) + " bytes instead of " +
                std::to_string(settings_.buffer) + "; to lose less in bursts raise net.core.rmem_max");
  } else {
    port->listening = open_socket(address);
  }
  ctx_.info("listening on " + shown(address, bound_address(port->descriptor())));
  ports_.push_back(std::move(port));
}

void Listeners::close() {
  for (auto& port : ports_) {
    if (port->watched) ctx_.unwatch(std::exchange(port->watched, 0));
    if (port->datagrams && !paused_) take_datagrams(*port);
  }
  for (auto at = connections_.begin(); at != connections_.end();) {
    const auto connection = at++;
    if ((*connection)->watched) ctx_.unwatch(std::exchange((*connection)->watched, 0));
    if (paused_ || read(connection)) (*connection)->sink->end();
  }
  connections_.clear();
  ports_.clear();
}

void Listeners::resume() {
  if (!std::exchange(paused_, false)) return;
  for (auto& port : ports_)
    if (!port->watched) watch(*port);
  for (auto at = connections_.begin(); at != connections_.end(); ++at)
    if (!(*at)->watched) watch(at);
}

void Listeners::watch(Port& port) {
  port.watched = ctx_.watch_fd(port.descriptor(), 1, [this, &port](std::uint32_t) {
    port.watched = 0;
    port.datagrams ? read_datagrams(port) : accept(port);
  });
}

void Listeners::take_datagrams(Port& port) {
  const auto take = [&](std::string_view bytes, const SocketAddress& from) {
    if (settings_.allow.empty() || settings_.allow.hold(from))
      receiver_.datagram(bytes, from);
    else
      ++counts_.not_allowed;
  };
  for (int i = 0; i < datagram_reads_a_round && !paused_; ++i)
    if (!port.datagrams->read(take, counts_)) return;
}

void Listeners::read_datagrams(Port& port) {
  take_datagrams(port);
  receiver_.round();
  if (!paused_ && !port.watched) watch(port);
}

void Listeners::accept(Port& port) {
  for (int i = 0; i < 64; ++i) {
    SocketAddress from;
    from.length = sizeof from.storage;
    const int descriptor = ::accept4(port.listening, from.raw(), &from.length, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (descriptor < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) break;
      complain(port.address.text, std::string("cannot accept: ") + std::strerror(errno));
      ctx_.timer(accept_pause, [this, &port] {
        if (!paused_ && !port.watched) watch(port);
      });
      return;
    }
    if (port.address.is_unix()) from.storage.ss_family = AF_UNIX;
    begin(port, descriptor, from);
  }
  if (!paused_) watch(port);
}

/// Where there are too many, the one that has been silent longest goes, if it has been for a minute.
bool Listeners::make_room() {
  if (connections_.size() < settings_.connections) return true;
  auto quietest = std::min_element(connections_.begin(), connections_.end(),
                                   [](const auto& a, const auto& b) { return a->heard < b->heard; });
  if (quietest == connections_.end() || ctx_.now() - (*quietest)->heard < silent_long_enough) return false;
  if ((*quietest)->watched) ctx_.unwatch((*quietest)->watched);
  (*quietest)->sink->end();
  connections_.erase(quietest);
  return true;
}

void Listeners::begin(Port& port, int descriptor, const SocketAddress& from) {
  const bool allowed = settings_.allow.empty() || settings_.allow.hold(from);
  if (!allowed || !make_room()) {
    ++(allowed ? counts_.connections_refused : counts_.not_allowed);
    ::close(descriptor);
    return;
  }
  if (!port.address.is_unix()) keep_alive(descriptor);
  auto connection = std::make_unique<Connection>();
  std::string complaint;
  if (port.address.kind == ListenAddress::Kind::tls)
    connection->channel = tls_->accept(descriptor, complaint);
  else
    connection->channel = std::make_unique<Channel>(descriptor);
  if (!complaint.empty()) complain("tls", complaint);
  connection->peer = from.host();
  connection->sink = receiver_.stream(from);
  connection->heard = ctx_.now();
  connections_.push_front(std::move(connection));
  ++counts_.connections;
  if (!paused_) watch(connections_.begin());
}

void Listeners::watch(ConnectionRef connection) {
  auto& it = **connection;
  it.watched = ctx_.watch_fd(it.channel->descriptor(), it.channel->wants(), [this, connection](std::uint32_t) {
    (*connection)->watched = 0;
    const bool goes_on = read(connection);
    receiver_.round();
    if (goes_on && !paused_ && !(*connection)->watched) watch(connection);
  });
}

bool Listeners::read(ConnectionRef connection) {
  auto& it = **connection;
  for (int i = 0; i < reads_a_round && !paused_; ++i) {
    std::size_t got = 0;
    const auto outcome = it.channel->read(buffer_.get(), read_size, got);
    if (outcome == Channel::Got::nothing_now) return true;
    bool over = outcome != Channel::Got::bytes;
    if (outcome == Channel::Got::bytes) {
      it.heard = ctx_.now();
      over = !it.sink->take({buffer_.get(), got});
    } else if (outcome == Channel::Got::end) {
      it.sink->end();
    } else {
      ++counts_.connections_failed;
      complain(it.peer, it.channel->complaint());
    }
    if (!over) continue;
    connections_.erase(connection);
    return false;
  }
  return true;
}

void Listeners::complain(const std::string& what, const std::string& text) {
  const auto line = what + ": " + text;
  if (complained_.size() >= most_complaints ||
      std::find(complained_.begin(), complained_.end(), line) != complained_.end())
    return;
  complained_.push_back(line);
  ctx_.warn(line);
}

}  // namespace tocsin_plugins::net
