// An HTTP server for tests of plugins that call one: on a free port of loopback, it gives each connection the next of
// its answers and keeps what came.
#pragma once

#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace tsn::testing {

/// One answer: "202 {\"id\": 1}", or with headers between, "429 Retry-After: 7\r\n body"; whole when it begins with
/// "HTTP/"; empty: the connection is closed without one, so that the caller cannot know whether its request was taken.
class ScriptedServer {
 public:
  explicit ScriptedServer(std::vector<std::string> answers);
  ~ScriptedServer();
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  /// What came, one text for each connection; from then on nothing is answered.
  const std::vector<std::string>& requests();
  /// The first of them; empty: none came.
  std::string request();
  int port() const { return port_; }
  /// "http://127.0.0.1:PORT" and `path`.
  std::string url(std::string_view path = {}) const;

 private:
  void finish();
  void serve();

  std::vector<std::string> answers_, requests_;
  int listener_ = -1, port_ = 0;
  std::thread thread_;
};

/// What follows the headers of a request.
std::string body_of(const std::string& request);

}  // namespace tsn::testing
