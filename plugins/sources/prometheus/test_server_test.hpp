// A real Prometheus for tests, with samples that the test writes: a folder of its own, a free port of loopback, ended
// by its process id.
#pragma once

#include <sys/types.h>

#include <string>
#include <thread>

namespace tocsin_plugins::prometheus {

class TestServer {
 public:
  /// `text` in OpenMetrics, each sample with its time. Where it is not installed or does not start, why() says so.
  explicit TestServer(const std::string& text);
  ~TestServer();
  TestServer(const TestServer&) = delete;

  const std::string& why() const { return why_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  /// Ends it as a crash would.
  void kill();
  void start_again();
  /// It takes connections and bytes and answers nothing, until it is let go on.
  void stall(bool stalled);

 private:
  bool load(const std::string& text);
  void launch();

  std::string folder_, why_;
  int port_ = 0;
  pid_t pid_ = -1;
  std::jthread log_;
};

}  // namespace tocsin_plugins::prometheus
