#include "api/server.hpp"

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <charconv>

#include "api/connection.hpp"
#include "api/passer.hpp"
#include "telemetry/log.hpp"

namespace tocsin::api {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using base::fail;
using base::Fault;
using base::Result;

constexpr std::size_t worker_threads = 2, worker_queue = 256;
/// Connections above the limit that are still told so; beyond them the door is shut without a word.
constexpr std::size_t most_refused = 64;
constexpr auto stop_within = std::chrono::seconds(2);
constexpr auto accept_again_after = std::chrono::milliseconds(100);

/// "127.0.0.1:7676", "[::1]:7676", "localhost:0", ":7676" and "*:7676" (every address).
Result<tcp::endpoint> endpoint_of(const std::string& listen) {
  auto wrong = [&](std::string_view why) {
    return fail(Fault::invalid, "cannot listen on \"" + listen + "\": " + std::string(why) +
                                    "; expected ADDRESS:PORT, as in 127.0.0.1:7676 or [::1]:7676");
  };
  std::size_t colon = listen.rfind(':');
  if (colon == listen.npos) return wrong("the port is missing");
  std::uint16_t port = 0;
  const char* end = listen.data() + listen.size();
  auto [stop, bad] = std::from_chars(listen.data() + colon + 1, end, port);
  if (bad != std::errc() || stop != end) return wrong("the port is no number up to 65535");
  std::string host = listen.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.empty() || host == "*") host = "0.0.0.0";
  if (host == "localhost") host = "127.0.0.1";
  boost::system::error_code ec;
  asio::ip::address address = asio::ip::make_address(host, ec);
  if (ec) return wrong("\"" + host + "\" is no IP address");
  return tcp::endpoint(address, port);
}

/// One listening address; accepts on the first lane and deals connections out to all.
class Listener {
 public:
  Listener(std::vector<std::shared_ptr<Lane>>& lanes, Door door)
      : lanes_(lanes), acceptor_(lanes.front()->context()), retry_(lanes.front()->context()) {
    entrance_->door = door;
  }

  Result<void> open(const std::string& listen, const tcp::endpoint& endpoint) {
    boost::system::error_code ec;
    acceptor_.open(endpoint.protocol(), ec);
    if (!ec) acceptor_.set_option(tcp::acceptor::reuse_address(true), ec);
    if (!ec) acceptor_.bind(endpoint, ec);
    if (!ec) acceptor_.listen(asio::socket_base::max_listen_connections, ec);
    if (ec) {
      return fail(ec == asio::error::access_denied ? Fault::denied : Fault::unavailable,
                  "cannot listen on " + listen + ": " + ec.message() +
                      "; is another agent running? [http] listen chooses another address");
    }
    port_ = acceptor_.local_endpoint(ec).port();
    return {};
  }

  std::uint16_t port() const { return port_; }

  /// On the first lane's thread from here on.
  void accept() {
    Lane& lane = *lanes_[next_++ % lanes_.size()];
    acceptor_.async_accept(lane.context(), [this, &lane](const boost::system::error_code& ec, tcp::socket socket) {
      if (!acceptor_.is_open() || ec == asio::error::operation_aborted) return;
      if (ec) return accept_later(ec);
      failing_ = false;
      admit(lane, std::move(socket));
      accept();
    });
  }

  void close() {
    boost::system::error_code ec;
    acceptor_.close(ec);
    retry_.cancel();
  }

 private:
  void admit(Lane& lane, tcp::socket socket) {
    std::size_t open = entrance_->open.fetch_add(1) + 1;
    std::size_t most = lane.site().settings.max_connections;
    if (open > most + most_refused) {
      entrance_->open.fetch_sub(1);
      return;
    }
    lane.site().opened();
    auto connection = std::make_shared<Connection>(lane.shared_from_this(), entrance_, std::move(socket));
    lane.post([connection, refused = open > most] {
      connection->lane().add(connection);
      connection->start(refused);
    });
  }

  /// Out of descriptors, mostly: the connection stays in the kernel's queue, so trying again at once would spin.
  void accept_later(const boost::system::error_code& ec) {
    if (!std::exchange(failing_, true)) {
      telemetry::log_warn("api", "cannot accept connections: " + ec.message() + "; trying again until it works");
    }
    retry_.expires_after(accept_again_after);
    retry_.async_wait([this](const boost::system::error_code& cancelled) {
      if (!cancelled && acceptor_.is_open()) accept();
    });
  }

  std::vector<std::shared_ptr<Lane>>& lanes_;
  std::shared_ptr<Entrance> entrance_ = std::make_shared<Entrance>();
  tcp::acceptor acceptor_;
  asio::steady_timer retry_;
  std::size_t next_ = 0;
  std::uint16_t port_ = 0;
  bool failing_ = false;
};

class AsioServer final : public Server {
 public:
  AsioServer(ServerSettings settings, Backend& backend, telemetry::Metrics& metrics,
             std::shared_ptr<const TlsContext> tls)
      : worker_(worker_threads, worker_queue),
        passer_(settings, backend, metrics),
        dispatcher_(backend, Access(settings.own_names), worker_, passer_),
        site_(std::move(settings), metrics, dispatcher_, std::move(tls)),
        backend_(backend) {
    backend_.on_incident_events([this] { dispatcher_.changed(); });
  }
  ~AsioServer() override { stop(); }

  Result<void> start() {
    for (std::size_t i = 0; i < std::max<std::size_t>(site_.settings.threads, 1); ++i) {
      lanes_.push_back(std::make_shared<Lane>(site_));
    }
    TRY_VOID(listen(site_.settings.listen, false, main_));
    for (const std::string& address : site_.settings.also_listen) {
      TRY_VOID(listen(address, false, further_.emplace_back()));
    }
    if (!site_.settings.health_listen.empty()) TRY_VOID(listen(site_.settings.health_listen, true, health_));
    for (std::size_t i = 0; i < lanes_.size(); ++i) lanes_[i]->start(i);
    for (Listener* listener : listeners()) lanes_.front()->post([listener] { listener->accept(); });
    return {};
  }

  void stop() override {
    if (site_.stopping.exchange(true)) return;
    backend_.on_incident_events({});
    dispatcher_.end_waits();
    for (Listener* listener : listeners()) lanes_.front()->post([listener] { listener->close(); });
    for (const std::shared_ptr<Lane>& lane : lanes_) {
      lane->post([lane = lane.get()] { lane->retire_all(); });
    }
    passer_.retire();
    site_.wait_until_empty(stop_within);
    // Lanes before the worker: what it still answers then finds its connection closed. The passer gives it work.
    for (const std::shared_ptr<Lane>& lane : lanes_) lane->stop();
    passer_.stop();
    worker_.stop();
    main_.reset();
    further_.clear();
    health_.reset();
  }

  std::uint16_t port() const override { return main_ ? main_->port() : 0; }
  std::uint16_t health_port() const override { return health_ ? health_->port() : 0; }

 private:
  std::vector<Listener*> listeners() const {
    std::vector<Listener*> out;
    if (main_) out.push_back(main_.get());
    for (const auto& each : further_) {
      if (each) out.push_back(each.get());
    }
    if (health_) out.push_back(health_.get());
    return out;
  }

  Result<void> listen(const std::string& address, bool health_only, std::unique_ptr<Listener>& out) {
    TRY(tcp::endpoint endpoint, endpoint_of(address));
    bool tls = site_.tls != nullptr && !health_only;  // probes and scrapers stay plain: the point of a second listener
    auto listener = std::make_unique<Listener>(lanes_, Door{endpoint.address().is_loopback(), health_only, tls});
    TRY_VOID(listener->open(address, endpoint));
    out = std::move(listener);
    return {};
  }

  Worker worker_;
  Passer passer_;
  Dispatcher dispatcher_;
  Site site_;
  Backend& backend_;
  std::vector<std::shared_ptr<Lane>> lanes_;
  std::unique_ptr<Listener> main_, health_;
  std::vector<std::unique_ptr<Listener>> further_;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::start(ServerSettings settings, Backend& backend, telemetry::Metrics& metrics) {
  std::shared_ptr<const TlsContext> tls;
  if (!settings.tls.cert.empty()) {
    TRY(tls, server_tls(settings.tls));
  }
  auto server = std::make_unique<AsioServer>(std::move(settings), backend, metrics, std::move(tls));
  TRY_VOID(server->start());
  return server;
}

}  // namespace tocsin::api
