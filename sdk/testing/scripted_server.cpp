#include "tocsin/testing/scripted_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace tsn::testing {
namespace {

std::string bytes_of_answer(const std::string& answer) {
  if (answer.empty() || answer.starts_with("HTTP/")) return answer;
  const auto headers = answer.find("\r\n");
  const auto more = headers == answer.npos ? std::string() : answer.substr(4, headers - 2);
  const auto body =
      headers == answer.npos ? answer.substr(std::min<std::size_t>(4, answer.size())) : answer.substr(headers + 2);
  return "HTTP/1.1 " + answer.substr(0, 3) + " X\r\nConnection: close\r\n" + more +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

/// Bytes that a request has once its head is there; npos before.
std::size_t whole_size(const std::string& request) {
  const auto head = request.find("\r\n\r\n");
  if (head == request.npos) return head;
  std::string lower = request.substr(0, head);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  const auto length = lower.find("\r\ncontent-length:");
  return head + 4 + (length == lower.npos ? 0 : std::strtoul(lower.c_str() + length + 17, nullptr, 10));
}

std::string read_whole_request(int line) {
  std::string request;
  char buffer[65536];
  while (request.size() < whole_size(request)) {
    const auto n = read(line, buffer, sizeof buffer);
    if (n <= 0) break;
    request.append(buffer, static_cast<std::size_t>(n));
  }
  return request;
}

}  // namespace

ScriptedServer::ScriptedServer(std::vector<std::string> answers) : answers_(std::move(answers)) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (listener_ < 0 || bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener_, 16) != 0 || getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error(std::string("no server on loopback: ") + std::strerror(errno));
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { serve(); });
}

ScriptedServer::~ScriptedServer() {
  finish();
}

const std::vector<std::string>& ScriptedServer::requests() {
  finish();
  return requests_;
}

std::string ScriptedServer::request() {
  finish();
  return requests_.empty() ? std::string() : requests_.front();
}

std::string ScriptedServer::url(std::string_view path) const {
  return "http://127.0.0.1:" + std::to_string(port_).append(path);
}

void ScriptedServer::finish() {
  if (!thread_.joinable()) return;
  shutdown(listener_, SHUT_RDWR);
  thread_.join();
  close(listener_);
}

void ScriptedServer::serve() {
  for (const auto& answer : answers_) {
    const int line = accept(listener_, nullptr, nullptr);
    if (line < 0) return;
    requests_.push_back(read_whole_request(line));
    const auto bytes = bytes_of_answer(answer);
    for (std::size_t at = 0; at < bytes.size();) {
      const auto n = send(line, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
      if (n <= 0) break;
      at += static_cast<std::size_t>(n);
    }
    close(line);
  }
}

std::string body_of(const std::string& request) {
  const auto head = request.find("\r\n\r\n");
  return head == request.npos ? std::string() : request.substr(head + 4);
}

}  // namespace tsn::testing
