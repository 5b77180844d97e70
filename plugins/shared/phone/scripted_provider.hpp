// A provider for tests: gives each connection the next of its answers and keeps what came.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace tocsin_plugins {

/// One answer: "202 {\"id\": 1}", or with headers between: "429 Retry-After: 7\r\n body".
class ScriptedProvider {
 public:
  explicit ScriptedProvider(std::vector<std::string> answers) : answers_(std::move(answers)) {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(listener_, 4), 0);
    socklen_t size = sizeof address;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~ScriptedProvider() { finish(); }
  /// What came; no more is answered.
  const std::vector<std::string>& requests() {
    finish();
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
      requests_.push_back(read_request(line));
      const auto headers = answer.find("\r\n");
      const auto body = headers == std::string::npos ? answer.substr(4) : answer.substr(headers + 2);
      const std::string bytes = "HTTP/1.1 " + answer.substr(0, 3) + " X\r\nConnection: close\r\n" +
                                (headers == std::string::npos ? "" : answer.substr(4, headers - 2)) +
                                "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
      EXPECT_EQ(::send(line, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
      close(line);
    }
  }
  static std::string read_request(int line) {
    std::string request;
    char buffer[65536];
    for (std::size_t need = std::string::npos; request.size() < need;) {
      const auto n = read(line, buffer, sizeof buffer);
      if (n <= 0) break;
      request.append(buffer, static_cast<std::size_t>(n));
      const auto head = request.find("\r\n\r\n"), length = request.find("Content-Length: ");
      if (head == std::string::npos) continue;
      need = head + 4 + (length < head ? std::strtoul(request.c_str() + length + 16, nullptr, 10) : 0);
    }
    return request;
  }
  std::vector<std::string> answers_, requests_;
  int listener_ = -1, port_ = 0;
  std::thread thread_;
};

inline std::string body_in(const std::string& request) {
  return request.substr(request.find("\r\n\r\n") + 4);
}

}  // namespace tocsin_plugins
