// What the HTTP server costs: small requests and bulk bodies into a plugin's route that does nothing, each beside a raw
// socket loop that reads the same bytes and answers the same bytes. `server_us` is the processor time of the serving
// side alone (the process without the client's thread), which is what a core can be filled with: 1e6 / server_us is
// requests per second and core.
#include <arpa/inet.h>
#include <benchmark/benchmark.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string>
#include <thread>

#include "api/server.hpp"
#include "api/testing/fake_backend.hpp"

namespace {

using namespace tocsin;

double cpu_seconds(clockid_t clock) {
  timespec t{};
  ::clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

bool send_all(int fd, const std::string& bytes) {
  for (std::size_t sent = 0; sent < bytes.size();) {
    ssize_t n = ::send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return false;
    sent += static_cast<std::size_t>(n);
  }
  return true;
}

bool receive(int fd, std::size_t size) {
  static thread_local std::array<char, 256 * 1024> buffer;
  while (size > 0) {
    ssize_t n = ::recv(fd, buffer.data(), std::min(size, buffer.size()), 0);
    if (n <= 0) return false;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

/// Reads `in` bytes, answers `out` bytes, again and again: what no server can be cheaper than.
class RawServer {
 public:
  RawServer(std::size_t in, std::size_t out) : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    bool ok = ::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0 && ::listen(listener_, 1) == 0 &&
              ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0;
    port_ = ok ? ntohs(address.sin_port) : 0;
    thread_ = std::thread([this, in, out] {
      int fd = ::accept(listener_, nullptr, nullptr);
      const std::string answer(out, 'a');
      while (receive(fd, in) && send_all(fd, answer)) {
      }
      ::close(fd);
    });
  }
  ~RawServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  std::uint16_t port() const { return port_; }

 private:
  const int listener_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

class Connection {
 public:
  explicit Connection(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = loopback(port);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) std::abort();
  }
  ~Connection() { ::close(fd_); }
  int fd() const { return fd_; }

 private:
  const int fd_;
};

/// One client, `depth` requests at a time; the size of an answer is `answer`.
void drive(benchmark::State& state, std::uint16_t port, const std::string& request, std::size_t answer, int depth) {
  Connection connection(port);
  std::string batch;
  for (int i = 0; i < depth; ++i) batch += request;
  double process = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID), client = cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
  for (auto _ : state) {
    if (!send_all(connection.fd(), batch) || !receive(connection.fd(), answer * static_cast<std::size_t>(depth))) {
      state.SkipWithError("the connection ended");
      return;
    }
  }
  double requests = static_cast<double>(state.iterations()) * depth;
  double used = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID) - process - (cpu_seconds(CLOCK_THREAD_CPUTIME_ID) - client);
  state.counters["server_us"] = used * 1e6 / requests;
  state.counters["per_core"] = requests / used;
  state.SetItemsProcessed(static_cast<std::int64_t>(requests));
  state.SetBytesProcessed(static_cast<std::int64_t>(requests * static_cast<double>(request.size())));
}

/// The size of the server's answer to a request, by asking once and reading until it is whole.
std::size_t answer_size(std::uint16_t port, const std::string& request) {
  Connection connection(port);
  send_all(connection.fd(), request);
  ::shutdown(connection.fd(), SHUT_WR);
  std::size_t size = 0;
  std::array<char, 4096> buffer;
  for (ssize_t n; (n = ::recv(connection.fd(), buffer.data(), buffer.size(), 0)) > 0;)
    size += static_cast<std::size_t>(n);
  return size;
}

struct Agent {
  Agent() {
    backend.on_plugin = [](const api::Backend::PluginRequest& request,
                           const std::function<void(api::Backend::PluginResponse)>& done) {
      benchmark::DoNotOptimize(request.body.data());
      done({202, {}, R"({"accepted":1000,"rejected":[]})"});
      return true;
    };
    api::ServerSettings settings;
    settings.listen = "127.0.0.1:0";
    settings.threads = 1;
    auto started = api::Server::start(settings, backend, metrics);
    if (!started) std::abort();
    server = std::move(*started);
  }
  api::testing::FakeBackend backend;
  telemetry::Metrics metrics;
  std::unique_ptr<api::Server> server;
};

const std::string health = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n";

std::string bulk(std::size_t size) {
  return "POST /api/v1/signals/bulk HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(size) + "\r\n\r\n" + std::string(size, 'x');
}

void serve(benchmark::State& state, const std::string& request) {
  Agent agent;
  std::size_t answer = answer_size(agent.server->port(), request);
  drive(state, agent.server->port(), request, answer, static_cast<int>(state.range(0)));
}

void serve_raw(benchmark::State& state, const std::string& request) {
  std::size_t answer = 0;
  {
    Agent agent;
    answer = answer_size(agent.server->port(), request);
  }
  auto depth = static_cast<std::size_t>(state.range(0));
  RawServer server(request.size() * depth, answer * depth);
  drive(state, server.port(), request, answer, static_cast<int>(depth));
}

void Health(benchmark::State& state) {
  serve(state, health);
}
void HealthRawSocket(benchmark::State& state) {
  serve_raw(state, health);
}
void Bulk100KB(benchmark::State& state) {
  serve(state, bulk(100'000));
}
void Bulk100KBRawSocket(benchmark::State& state) {
  serve_raw(state, bulk(100'000));
}

BENCHMARK(HealthRawSocket)->Arg(1)->Arg(16)->UseRealTime();
BENCHMARK(Health)->Arg(1)->Arg(16)->UseRealTime();
BENCHMARK(Bulk100KBRawSocket)->Arg(1)->UseRealTime();
BENCHMARK(Bulk100KB)->Arg(1)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
