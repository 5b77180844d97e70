// Real PostgreSQL and MariaDB servers for tests: a folder of their own, a free port of loopback, never as root, ended
// by their process id.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace tocsin_plugins::sql {

class TestServer {
 public:
  enum class Kind { postgres, mariadb };
  /// The one server of this kind of the test process, started at the first call. Null where it is not installed or does
  /// not start; why() says so.
  static TestServer* shared(Kind kind);
  static const std::string& why();
  ~TestServer();

  static const char* password() { return "s3cret-of-the-test"; }
  /// A url for `account`, without a password.
  std::string url(const std::string& account) const;
  /// Runs statements as the server's own superuser and gives what they print.
  std::string run(const std::string& statements);
  /// Ends the server as a crash would.
  void kill();
  void start_again(bool tls = true);
  /// Its certificate, which is its own root and names 127.0.0.1; and another one that signed nothing here.
  std::string certificate() const { return folder_ + "/server.crt"; }
  std::string other_certificate() const { return folder_ + "/other.crt"; }
  /// It takes connections and bytes and answers nothing, until it is let go on.
  void stall(bool stalled);

 private:
  explicit TestServer(Kind kind) : kind_(kind) {}
  bool initialise();
  bool make_certificates();
  bool launch(bool tls = true);
  std::vector<std::string> client() const;

  const Kind kind_;
  std::string folder_, programs_;
  int port_ = 0;
  pid_t pid_ = -1;
  std::jthread log_;
};

}  // namespace tocsin_plugins::sql
