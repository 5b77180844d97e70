// A server on a loopback port for unit tests: it takes requests with JSON and keeps its lines open, as real ones do.
#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

class JsonServer {
 protected:
  template <class F>
  auto locked(F f) {
    std::lock_guard lock(mutex_);
    return f();
  }

 public:
  struct Call {
    std::string method, path, head;
    nlohmann::json body;
    bool is(std::string_view m, std::string_view part) const { return method == m && path.find(part) != path.npos; }
  };
  struct Answer {
    int status = 200;
    nlohmann::json body;
    std::string headers = {};  ///< further lines, each ended by \r\n
    std::string raw = {};      ///< a body that is no JSON, in place of `body`
  };

  JsonServer() {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listener_, 8) != 0) std::abort();
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  JsonServer(const JsonServer&) = delete;
  virtual ~JsonServer() { close_all(); }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  std::size_t count(std::string_view method, std::string_view part) {
    return locked([&] {
      return static_cast<std::size_t>(std::ranges::count_if(calls, [&](const Call& c) { return c.is(method, part); }));
    });
  }
  /// Calls that change something, a search apart, which is a POST too.
  std::size_t changes() {
    return locked([&] {
      return static_cast<std::size_t>(std::ranges::count_if(calls, [](const Call& c) {
        return c.method == "PUT" || (c.method == "POST" && c.path.find("/search") == c.path.npos);
      }));
    });
  }
  Call last(std::string_view method, std::string_view part) {
    return locked([&] {
      for (auto it = calls.rbegin(); it != calls.rend(); ++it)
        if (it->is(method, part)) return *it;
      return Call{};
    });
  }

  // Set before the calls they concern.
  std::function<std::optional<Answer>(const Call&)> instead;  ///< answers in place of the server
  std::vector<Call> calls;

 protected:
  /// Nothing: the line is cut instead of an answer. Under the lock.
  virtual std::optional<Answer> act(const Call& call) = 0;
  /// To be called by the destructor of what overrides act().
  void close_all() {
    if (listener_ < 0) return;
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    locked([&] {
      for (const int line : lines_) shutdown(line, SHUT_RDWR);
    });
    for (auto& talk : talks_) talk.join();
    for (const int line : lines_) close(line);
    close(std::exchange(listener_, -1));
  }

 private:
  void serve() {
    for (;;) {
      const int line = accept(listener_, nullptr, nullptr);
      if (line < 0) return;
      std::lock_guard lock(mutex_);
      lines_.push_back(line);
      talks_.emplace_back([this, line] { talk(line); });
    }
  }

  /// Keeps the line open between requests, as real servers do.
  void talk(int line) {
    while (auto call = receive(line)) {
      const auto answer = locked([&]() -> std::optional<Answer> {
        calls.push_back(*call);
        if (instead)
          if (auto other = instead(*call)) return other;
        return act(*call);
      });
      if (!answer) break;
      send_answer(line, *answer);
    }
    shutdown(line, SHUT_RDWR);
  }

  static std::optional<Call> receive(int line) {
    std::string text;
    char buffer[65536];
    std::size_t need = std::string::npos, head = 0;
    while (text.size() < need) {
      const auto n = read(line, buffer, sizeof buffer);
      if (n <= 0) return std::nullopt;
      text.append(buffer, static_cast<std::size_t>(n));
      head = text.find("\r\n\r\n");
      if (head == text.npos || need != text.npos) continue;
      const auto length = text.find("Content-Length: ");
      need = head + 4 + (length < head ? std::strtoul(text.c_str() + length + 16, nullptr, 10) : 0);
    }
    const auto first = text.find(' '), second = text.find(' ', first + 1);
    return Call{text.substr(0, first), text.substr(first + 1, second - first - 1), text.substr(0, head),
                nlohmann::json::parse(text.substr(head + 4), nullptr, false)};
  }

  static void send_answer(int line, const Answer& answer) {
    const std::string body = !answer.raw.empty()     ? answer.raw
                             : answer.body.is_null() ? std::string()
                                                     : answer.body.dump();
    const std::string out = "HTTP/1.1 " + std::to_string(answer.status) + " X\r\n" + answer.headers +
                            "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    for (std::size_t sent = 0; sent < out.size();) {
      const auto n = write(line, out.data() + sent, out.size() - sent);
      if (n <= 0) return;
      sent += static_cast<std::size_t>(n);
    }
  }

  std::mutex mutex_;
  int listener_ = -1, port_ = 0;
  std::thread thread_;
  std::vector<int> lines_;  ///< closed at the end, so that no number is used twice
  std::vector<std::thread> talks_;
};
