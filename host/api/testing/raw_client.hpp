// A client that does exactly what it is told, byte by byte, on a plain socket; it waits on the descriptor, 10 s at
// most.
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tocsin::api::testing {

struct RawAnswer {
  unsigned status = 0;                         ///< 0: the connection ended before an answer
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
};

class RawClient {
 public:
  explicit RawClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~RawClient() { ::close(fd_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool connected() const { return connected_; }
  int descriptor() const { return fd_; }

  /// False where the peer has closed.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  void end_sending() { ::shutdown(fd_, SHUT_WR); }

  /// The next answer; `head`: it has no body whatever Content-Length says.
  RawAnswer receive(bool head = false) {
    RawAnswer answer;
    std::size_t end;
    while ((end = pending_.find("\r\n\r\n")) == pending_.npos) {
      if (!more()) return answer;
    }
    std::string header = pending_.substr(0, end + 2);
    pending_.erase(0, end + 4);
    parse(header, answer);
    if (!head && answer.headers["transfer-encoding"] == "chunked") {
      while (chunk(answer.body)) {
      }
      return answer;
    }
    std::size_t size = head ? 0 : std::strtoul(answer.headers["content-length"].c_str(), nullptr, 10);
    while (pending_.size() < size && more()) {
    }
    answer.body = pending_.substr(0, size);
    pending_.erase(0, size);
    return answer;
  }
  /// Everything until the peer closes.
  std::string rest() {
    while (more()) {
    }
    return std::exchange(pending_, {});
  }
  bool closed_by_peer() { return rest().empty(); }

 private:
  /// One chunk of a body; false: it was the last, or the peer closed in its middle (then "(cut off)" is added).
  bool chunk(std::string& body) {
    std::size_t line;
    while ((line = pending_.find("\r\n")) == pending_.npos) {
      if (!more()) return body += "(cut off)", false;
    }
    const std::size_t size = std::strtoul(pending_.c_str(), nullptr, 16);
    while (pending_.size() < line + 2 + size + 2) {
      if (!more()) return body += "(cut off)", false;
    }
    body += pending_.substr(line + 2, size);
    pending_.erase(0, line + 2 + size + 2);
    return size > 0;
  }
  bool more() {
    pollfd wait{fd_, POLLIN, 0};
    if (::poll(&wait, 1, 10'000) <= 0) return false;
    std::array<char, 65536> buffer;
    ssize_t size = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (size <= 0) return false;
    pending_.append(buffer.data(), static_cast<std::size_t>(size));
    return true;
  }
  static void parse(const std::string& header, RawAnswer& answer) {
    answer.status = static_cast<unsigned>(std::strtoul(header.c_str() + header.find(' '), nullptr, 10));
    for (std::size_t at = header.find("\r\n") + 2; at < header.size();) {
      std::size_t end = header.find("\r\n", at), colon = header.find(": ", at);
      std::string name = header.substr(at, colon - at);
      for (char& c : name) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
      answer.headers[name] = header.substr(colon + 2, end - colon - 2);
      at = end + 2;
    }
  }

  const int fd_;
  bool connected_ = false;
  std::string pending_;
};

/// Waits until `wanted` of the clients have something to read, 10 s at most; how many have.
inline std::size_t wait_for_answers(const std::vector<std::unique_ptr<RawClient>>& clients, std::size_t wanted) {
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  std::set<int> answered;
  while (answered.size() < wanted && std::chrono::steady_clock::now() < deadline) {
    std::vector<pollfd> waits;
    for (const auto& client : clients) {
      if (!answered.contains(client->descriptor())) waits.push_back({client->descriptor(), POLLIN, 0});
    }
    ::poll(waits.data(), waits.size(), 1000);
    for (const pollfd& wait : waits) {
      if (wait.revents != 0) answered.insert(wait.fd);
    }
  }
  return answered.size();
}

}  // namespace tocsin::api::testing
