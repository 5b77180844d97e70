// Two agents of one fleet: `server` decides, `other` is asked and names whom the test has it name.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "api/testing/fixture.hpp"
#include "api/testing/scripted_agent.hpp"

namespace tocsin::api::testing {

class MemberBackend : public FakeBackend {
 public:
  Result<std::string> decider() override {
    ++asked;
    std::lock_guard lock(naming_);
    return asked > nobody_for ? named_ : fail(Fault::unavailable, "the lease is free");
  }
  Result<void> receive(std::vector<model::ReceivedAlert> alerts) override {
    if (on_receive) on_receive();
    return FakeBackend::receive(std::move(alerts));
  }
  /// Nobody decides for the first `times` of asking; then this one does.
  void name(Result<std::string> decider, int times = 0) {
    std::lock_guard lock(naming_);
    named_ = std::move(decider);
    nobody_for = asked + times;
  }

  std::atomic<int> asked{0}, nobody_for{0};
  std::function<void()> on_receive;  ///< set before the server starts

 private:
  std::mutex naming_;
  Result<std::string> named_ = std::string();
};

class FleetTest : public ServerTest {
 protected:
  /// Quick to try again; waits for a decider longer than any test takes.
  static ServerSettings member() {
    ServerSettings settings;
    settings.name = "n2";
    settings.passing.again = std::chrono::milliseconds(2);
    return settings;
  }
  static ServerSettings impatient() {
    ServerSettings settings = member();
    settings.passing.hand_over = std::chrono::milliseconds(50);
    return settings;
  }
  void join(ServerSettings settings = member()) {
    if (settings.listen == ServerSettings().listen) settings.listen = "127.0.0.1:0";
    auto started = Server::start(std::move(settings), other_backend, other_metrics);
    ASSERT_TRUE(started) << started.error().message();
    other = std::move(*started);
  }
  void TearDown() override {
    if (other) other->stop();
    ServerTest::TearDown();
  }
  /// Asks the one that does not decide.
  RawAnswer ask_other(std::string_view method, std::string_view target, std::string_view body = {},
                      std::string_view headers = {}) {
    RawClient client(other->port());
    client.send(request(method, target, body, headers));
    return client.receive(method == "HEAD");
  }
  double passed(const char* how) {
    return other_metrics.counter("tocsin_http_passed_on_total", "", {{"result", how}}).value();
  }

  MemberBackend other_backend;
  telemetry::Metrics other_metrics;
  std::unique_ptr<Server> other;
};

}  // namespace tocsin::api::testing
