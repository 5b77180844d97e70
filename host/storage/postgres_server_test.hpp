// A real PostgreSQL server for tests: own data folder, free port, never as root, ended by its pid.
#pragma once

#include <memory>
#include <string>

namespace tocsin::storage {

class PostgresServer {
 public:
  /// The one server of this test process, started at the first call. Null where PostgreSQL is not installed or does not
  /// start; why() says so.
  static PostgresServer* shared();
  static const std::string& why();

  ~PostgresServer();
  /// A new empty database; its url without a password.
  std::string make_database();
  static const char* password() { return "s3cret-of-the-test"; }
  /// Runs a statement with psql and gives its first column of its first row.
  std::string ask(const std::string& url, const std::string& statement);
  /// Ends the server as a crash would, and starts it again on the same port.
  void restart();

 private:
  PostgresServer() = default;
  static std::unique_ptr<PostgresServer> start();
  bool initialise();
  bool launch();
  void end(int signal);
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tocsin::storage
