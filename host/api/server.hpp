// The listener: HTTP/1.1 with keep-alive and pipelining, limits on header, body and time, TLS where configured.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "api/backend.hpp"
#include "base/result.hpp"
#include "telemetry/metrics.hpp"

namespace tocsin::api {

struct Tls {
  std::string cert, key, client_ca;  ///< PEM files; empty cert: plain HTTP
};

/// How requests are passed on to the agent that decides (Backend::decider).
struct Passing {
  base::Duration hand_over = std::chrono::seconds(20);    ///< how long a request waits for somebody who decides
  base::Duration again = std::chrono::milliseconds(250);  ///< between two tries while it waits
  base::Duration connect = std::chrono::seconds(3);
  base::Duration answer = std::chrono::seconds(30);  ///< from connection to answer
  std::size_t most = 256;                            ///< under way at once; one more is answered 503
  std::size_t most_connections = 64;                 ///< that ask at once; the others wait for their turn
};

struct ServerSettings {
  std::string listen = "127.0.0.1:7676";
  std::vector<std::string> also_listen;  ///< further addresses for the same
  std::string health_listen;             ///< optional: /healthz /readyz /metrics alone
  Tls tls;
  std::size_t threads = 2;
  std::uint64_t max_body = 64ull << 20;
  std::size_t max_connections = 1024;
  base::Duration header_timeout = std::chrono::seconds(10);
  base::Duration idle_timeout = std::chrono::seconds(75);
  /// Host names besides loopback's that browsers may reach a loopback listener by: the host of [http] external_url.
  std::vector<std::string> own_names;
  /// "/alertmanager": what stands before every path is taken off; paths without it are answered too. Empty: none.
  std::string route_prefix;
  std::string service = "tocsin";  ///< label `service` of http_server_requests_seconds
  std::string name;                ///< of this agent, to those it passes requests on to; empty: the machine's
  Passing passing;
};

class Server {
 public:
  static base::Result<std::unique_ptr<Server>> start(ServerSettings settings, Backend& backend,
                                                     telemetry::Metrics& metrics);
  virtual ~Server() = default;
  virtual void stop() = 0;                 ///< idempotent; lets requests in flight end, for at most 2 s
  virtual std::uint16_t port() const = 0;  ///< the real one, where port 0 was asked for
  virtual std::uint16_t health_port() const = 0;
};

/// The OpenAPI 3 document of every route of this build, as JSON.
std::string openapi();

}  // namespace tocsin::api
