// Slack for tests: gives each connection the next of its answers and keeps what came.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace tocsin_plugins {

/// An answer is a body with status 200, or "429 Retry-After: 7\r\nbody"; "" hangs up.
class ScriptedSlack {
 public:
  explicit ScriptedSlack(std::vector<std::string> answers) : answers_(std::move(answers)) {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(listener_, 8), 0);
    socklen_t size = sizeof address;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~ScriptedSlack() { finish(); }
  /// What came; no more is answered.
  const std::vector<std::string>& requests() {
    finish();
    return requests_;
  }
  /// Waits (really) until so many have come.
  std::vector<std::string> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(10), [&] { return requests_.size() >= count; });
    EXPECT_GE(requests_.size(), count);
    return requests_;
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  void finish() {
    if (!thread_.joinable()) return;
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  void serve() {
    for (const auto& answer : answers_) {
      const int line = accept(listener_, nullptr, nullptr);
      if (line < 0) return;
      auto request = read_request(line);
      if (!answer.empty()) {
        const auto bytes = response_of(answer);
        EXPECT_EQ(::send(line, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
      }
      close(line);
      const std::lock_guard lock(mutex_);
      requests_.push_back(std::move(request));
      changed_.notify_all();
    }
  }
  static std::string response_of(const std::string& answer) {
    const bool whole = answer.size() > 4 && answer[0] >= '1' && answer[0] <= '9' && answer[3] == ' ';
    const auto headers = whole ? answer.find("\r\n") : std::string::npos;
    const auto body = headers == std::string::npos ? answer : answer.substr(headers + 2);
    return "HTTP/1.1 " + (whole ? answer.substr(0, 3) : "200") + " X\r\nConnection: close\r\n" +
           (headers == std::string::npos ? "" : answer.substr(4, headers - 2)) +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  static std::string read_request(int line) {
    std::string request;
    char buffer[65536];
    for (std::size_t need = std::string::npos; request.size() < need;) {
      const auto n = read(line, buffer, sizeof buffer);
      if (n <= 0) break;
      request.append(buffer, static_cast<std::size_t>(n));
      const auto head = request.find("\r\n\r\n");
      if (head == std::string::npos) continue;
      need = head + 4 + std::strtoul(request.c_str() + request.find("Content-Length: ") + 16, nullptr, 10);
    }
    return request;
  }
  std::vector<std::string> answers_, requests_;
  std::mutex mutex_;  ///< requests_ while the thread runs
  std::condition_variable changed_;
  int listener_ = -1, port_ = 0;
  std::thread thread_;
};

inline nlohmann::json sent_in(const std::string& request) {
  return nlohmann::json::parse(request.substr(request.find("\r\n\r\n") + 4));
}
/// "chat.update" of "POST /api/chat.update HTTP/1.1".
inline std::string method_in(const std::string& request) {
  const auto path = request.substr(0, request.find(" HTTP/"));
  return path.substr(path.rfind('/') + 1);
}

/// What Slack answers to a call that was good.
inline std::string taken(const std::string& channel = "C024BE91L", const std::string& ts = "1503435956.000247") {
  return nlohmann::json{{"ok", true}, {"channel", channel}, {"ts", ts}}.dump();
}
inline std::string refused(const std::string& error) {
  return nlohmann::json{{"ok", false}, {"error", error}}.dump();
}

}  // namespace tocsin_plugins
