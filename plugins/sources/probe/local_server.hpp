// Servers of the tests' own on loopback: each connection or datagram is given to a function of the test.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

namespace tocsin_plugins::probing::testing {

class LocalServer {
 public:
  /// `serve` gets each accepted connection, which is closed when it returns; or, with `type` SOCK_DGRAM, the socket
  /// when it is readable.
  explicit LocalServer(std::function<void(int)> serve, int type = SOCK_STREAM)
      : serve_(std::move(serve)), type_(type), socket_(::socket(AF_INET, type | SOCK_CLOEXEC, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&at), size), 0);
    if (type == SOCK_STREAM) {
      EXPECT_EQ(::listen(socket_, 64), 0);
    }
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&at), &size);
    port_ = ntohs(at.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~LocalServer() { end(); }
  LocalServer(const LocalServer&) = delete;

  /// From now on connections are refused; one that is open is ended.
  void end() {
    if (!thread_.joinable()) return;
    ended_ = true;
    ::shutdown(socket_, SHUT_RDWR);
    {
      const std::lock_guard lock(mutex_);
      if (line_ >= 0) ::shutdown(line_, SHUT_RDWR);
    }
    thread_.join();
    ::close(socket_);
  }
  int port() const { return port_; }
  std::string url(const std::string& scheme, const std::string& path = {}) const {
    return scheme + "://127.0.0.1:" + std::to_string(port_) + path;
  }

 private:
  void run() {
    while (!ended_) {
      if (type_ == SOCK_DGRAM) {
        char peek;
        if (::recv(socket_, &peek, 1, MSG_PEEK) <= 0) return;
        serve_(socket_);
        continue;
      }
      const int line = ::accept(socket_, nullptr, nullptr);
      if (line < 0) return;
      if (!keep(line)) return;
      serve_(line);
      keep(-1);
    }
  }
  /// The open connection; the one before is closed.
  bool keep(int line) {
    const std::lock_guard lock(mutex_);
    if (line_ >= 0) ::close(line_);
    line_ = line;
    if (!ended_ || line < 0) return true;
    ::close(std::exchange(line_, -1));
    return false;
  }

  std::function<void(int)> serve_;
  int type_, socket_, port_ = 0, line_ = -1;
  std::mutex mutex_;  ///< of line_
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

/// What comes until `end` is there, or the stream ends.
inline std::string read_until(int line, const std::string& end) {
  std::string got;
  char piece[1024];
  while (got.find(end) == got.npos) {
    const auto n = ::recv(line, piece, sizeof piece, 0);
    if (n <= 0) break;
    got.append(piece, static_cast<std::size_t>(n));
  }
  return got;
}

inline void say(int line, const std::string& text) {
  static_cast<void>(!::send(line, text.data(), text.size(), MSG_NOSIGNAL));
}

/// Waits until the other side hangs up, and says nothing.
inline void keep_silent(int line) {
  read_until(line, std::string(1, '\0') + "never");
}

}  // namespace tocsin_plugins::probing::testing
