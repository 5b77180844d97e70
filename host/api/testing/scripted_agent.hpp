// An agent that says exactly what a test has it say: keeps every request as it came, and answers with a function's
// text.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace tocsin::api::testing {

class ScriptedAgent {
 public:
  /// The answer to a whole request; empty: the connection ends without one. On the thread of its connection.
  using Answer = std::function<std::string(const std::string& request)>;

  explicit ScriptedAgent(Answer answer) : answer_(std::move(answer)), fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(fd_, reinterpret_cast<sockaddr*>(&address), size);
    ::listen(fd_, 64);
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { accept_all(); });
  }
  ~ScriptedAgent() {
    ::shutdown(fd_, SHUT_RDWR);
    thread_.join();
    {
      std::lock_guard lock(mutex_);
      for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
    }
    for (std::thread& each : serving_) each.join();
    for (const int fd : open_) ::close(fd);
    ::close(fd_);
  }
  ScriptedAgent(const ScriptedAgent&) = delete;
  ScriptedAgent& operator=(const ScriptedAgent&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  std::vector<std::string> requests() {
    std::lock_guard lock(mutex_);
    return requests_;
  }
  std::size_t connections() {
    std::lock_guard lock(mutex_);
    return open_.size();
  }

  static std::string ok(const std::string& body = "{}", const std::string& headers = {}) {
    return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + headers +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  /// Of one that no longer decides.
  static std::string not_decided() {
    return "HTTP/1.1 503 Service Unavailable\r\nTocsin-Passed-On: refused\r\nContent-Length: 0\r\n\r\n";
  }

 private:
  void accept_all() {
    for (int fd; (fd = ::accept(fd_, nullptr, nullptr)) >= 0;) {
      std::lock_guard lock(mutex_);
      open_.push_back(fd);
      serving_.emplace_back([this, fd] { serve(fd); });
    }
  }
  void serve(int fd) {
    std::string bytes;
    std::array<char, 65536> piece;
    for (;;) {
      while (!whole(bytes)) {
        const ssize_t size = ::recv(fd, piece.data(), piece.size(), 0);
        if (size <= 0) return;
        bytes.append(piece.data(), static_cast<std::size_t>(size));
      }
      {
        std::lock_guard lock(mutex_);
        requests_.push_back(bytes);
      }
      const std::string answer = answer_(std::exchange(bytes, {}));
      if (answer.empty()) break;
      ::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
    }
    ::shutdown(fd, SHUT_RDWR);
  }
  static bool whole(const std::string& bytes) {
    const std::size_t end = bytes.find("\r\n\r\n"), length = bytes.find("Content-Length: ");
    if (end == bytes.npos) return false;
    const std::size_t body = length < end ? std::strtoul(bytes.c_str() + length + 16, nullptr, 10) : 0;
    return bytes.size() >= end + 4 + body;
  }

  const Answer answer_;
  const int fd_;
  std::uint16_t port_ = 0;
  std::thread thread_;
  std::mutex mutex_;  ///< guards what follows
  std::vector<std::thread> serving_;
  std::vector<int> open_;
  std::vector<std::string> requests_;
};

}  // namespace tocsin::api::testing
