// An API server of the tests' own on loopback: collections of objects with resourceVersions, lists in pages, watches
// that stay open, and the ways in which they fail.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace tocsin_plugins::kube::testing {

class ApiServer {
 public:
  struct Request {
    std::string path, query, head;
    std::string value(const std::string& key) const {
      const auto at = ("&" + query).find("&" + key + "=");
      if (at == std::string::npos) return {};
      const auto begin = at + key.size() + 1;
      return query.substr(begin, query.find('&', begin) - begin);
    }
    bool watches() const { return value("watch") == "true"; }
  };
  /// The whole answer to a request, or nothing: it is answered from the collections.
  using Override = std::function<std::string(const Request&)>;

  ApiServer() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&at), size), 0);
    EXPECT_EQ(::listen(socket_, 64), 0);
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&at), &size);
    port_ = ntohs(at.sin_port);
    acceptor_ = std::thread([this] { accept(); });
  }
  ~ApiServer() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
      for (const int line : lines_) ::shutdown(line, SHUT_RDWR);
      changed_.notify_all();
    }
    ::shutdown(socket_, SHUT_RDWR);
    acceptor_.join();
    for (auto& thread : threads_) thread.join();
    ::close(socket_);
  }
  ApiServer(const ApiServer&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

  // --- the cluster. `json` has "RV" where the resourceVersion belongs ---
  void put(const std::string& collection, const std::string& name, std::string json) {
    const std::lock_guard lock(mutex_);
    auto& objects = collections_[collection];
    const bool known = objects.contains(name);
    json = versioned(std::move(json));
    objects[name] = json;
    tell(collection, known ? "MODIFIED" : "ADDED", json);
  }
  void remove(const std::string& collection, const std::string& name) {
    const std::lock_guard lock(mutex_);
    auto gone = std::move(collections_[collection][name]);
    collections_[collection].erase(name);
    ++version_;
    const auto at = gone.find("\"resourceVersion\":\"");
    if (at != gone.npos) {
      const auto begin = at + 19;
      gone.replace(begin, gone.find('"', begin) - begin, std::to_string(version_));
    }
    tell(collection, "DELETED", gone);
  }
  /// A line for one watch of a collection, as it stands; "RV" becomes a new version.
  void line(const std::string& collection, std::string text) {
    const std::lock_guard lock(mutex_);
    text = versioned(std::move(text));
    log_.push_back({version_, collection, std::move(text), true});
    changed_.notify_all();
  }
  /// Changes what is there without telling watches of it.
  void change_silently(const std::string& collection, const std::string& name, std::string json) {
    const std::lock_guard lock(mutex_);
    if (json.empty())
      collections_[collection].erase(name), ++version_;
    else
      collections_[collection][name] = versioned(std::move(json));
  }
  long version() {
    const std::lock_guard lock(mutex_);
    return version_;
  }

  // --- how it behaves ---
  void answers(Override override) {
    const std::lock_guard lock(mutex_);
    override_ = std::move(override);
  }
  void pages_of(std::size_t count) {
    const std::lock_guard lock(mutex_);
    page_ = count;
  }
  /// A watch from a version up to this one gets 410.
  void compact() {
    const std::lock_guard lock(mutex_);
    compacted_ = version_++;
  }
  /// Ends the connections of all watches, once all is sent.
  void cut() {
    const std::lock_guard lock(mutex_);
    ++cuts_;
    changed_.notify_all();
  }
  /// Watches end as they do when their timeoutSeconds are over, once all is sent.
  void end_watches() {
    const std::lock_guard lock(mutex_);
    ++ends_;
    changed_.notify_all();
  }
  /// Streams are sent byte by byte.
  void slowly() { slow_ = true; }

  // --- what came ---
  /// A moment in which something may come.
  void moment() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(2));
  }
  std::vector<Request> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  std::size_t count(const std::function<bool(const Request&)>& fits) {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(std::count_if(requests_.begin(), requests_.end(), fits));
  }
  std::size_t lists(const std::string& path) {
    return count([&](const Request& one) { return one.path == path && !one.watches(); });
  }
  std::size_t watches(const std::string& path) {
    return count([&](const Request& one) { return one.path == path && one.watches(); });
  }
  Request last(const std::string& path, bool watch) {
    const std::lock_guard lock(mutex_);
    for (auto at = requests_.rbegin(); at != requests_.rend(); ++at)
      if (at->path == path && at->watches() == watch) return *at;
    return {};
  }

  static std::string answer(int status, const std::string& body, const std::string& headers = {}) {
    return "HTTP/1.1 " + std::to_string(status) + " Answer\r\nContent-Type: application/json\r\n" + headers +
           "Content-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" + body;
  }
  static std::string refusal(int status, const std::string& message, const std::string& headers = {}) {
    return answer(status,
                  R"({"kind":"Status","apiVersion":"v1","status":"Failure","message":")" + message + R"(","code":)" +
                      std::to_string(status) + "}",
                  headers);
  }

 private:
  struct Logged {
    long version;
    std::string collection, line;
    bool once = false;  ///< for the first watch that sees it
  };

  std::string versioned(std::string json) {
    ++version_;
    const auto at = json.find("RV");
    if (at != json.npos) json.replace(at, 2, std::to_string(version_));
    return json;
  }
  void tell(const std::string& collection, const std::string& type, const std::string& json) {
    log_.push_back({version_, collection, R"({"type":")" + type + R"(","object":)" + json + "}\n"});
    changed_.notify_all();
  }

  void accept() {
    for (int line; (line = ::accept(socket_, nullptr, nullptr)) >= 0;) {
      const int on = 1;
      ::setsockopt(line, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      const std::lock_guard lock(mutex_);
      if (ended_) {
        ::close(line);
        return;
      }
      lines_.insert(line);
      threads_.emplace_back([this, line] {
        serve(line);
        const std::lock_guard inner(mutex_);
        lines_.erase(line);
        ::close(line);
      });
    }
  }
  void serve(int line) {
    std::string got;
    char buffer[4096];
    while (got.find("\r\n\r\n") == got.npos) {
      const auto n = ::recv(line, buffer, sizeof buffer, 0);
      if (n <= 0) return;
      got.append(buffer, static_cast<std::size_t>(n));
    }
    Request request;
    const auto target = got.substr(4, got.find(' ', 4) - 4);
    request.path = target.substr(0, target.find('?'));
    if (target.find('?') != target.npos) request.query = target.substr(target.find('?') + 1);
    request.head = got;
    Override override;
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
      override = override_;
    }
    if (override)
      if (const auto text = override(request); !text.empty()) return send(line, text);
    request.watches() ? watch(line, request) : send(line, list(request));
  }
  std::string list(const Request& request) {
    const std::lock_guard lock(mutex_);
    const auto& objects = collections_[request.path];
    const auto from = request.value("continue");
    std::string items, next;
    std::size_t count = 0;
    for (auto at = from.empty() ? objects.begin() : objects.lower_bound(from); at != objects.end(); ++at) {
      if (count++ == page_) {
        next = at->first;
        break;
      }
      items += (items.empty() ? "" : ",") + at->second;
    }
    return answer(200, R"({"kind":"List","apiVersion":"v1","metadata":{"resourceVersion":")" +
                           std::to_string(version_) + R"(","continue":")" + next + R"("},"items":[)" + items + "]}");
  }
  void watch(int line, const Request& request) {
    std::unique_lock lock(mutex_);
    auto from = std::stol("0" + request.value("resourceVersion"));
    if (from <= compacted_) return lock.unlock(), send(line, refusal(410, "too old resource version"));
    const auto ends = ends_, cuts = cuts_;
    lock.unlock();
    send(line, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
    lock.lock();
    for (std::size_t next = 0; !ended_;) {
      if (next == log_.size()) {
        if (ends != ends_ || cuts != cuts_) break;
        changed_.wait(lock);
        continue;
      }
      auto& entry = log_[next++];
      if (entry.version <= from || entry.collection != request.path) continue;
      const auto logged = entry;
      if (entry.once) entry.collection.clear();
      lock.unlock();
      send_chunk(line, logged.line);
      lock.lock();
    }
    const bool clean = ends != ends_ && !ended_;
    lock.unlock();
    if (clean) return send(line, "0\r\n\r\n");
    ::shutdown(line, SHUT_RDWR);
  }
  void send_chunk(int line, const std::string& text) {
    const std::size_t step = slow_ ? 1 : text.size();
    for (std::size_t at = 0; at < text.size(); at += step) {
      const auto piece = text.substr(at, step);
      char size[32];
      std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
      send(line, size + piece + "\r\n");
    }
  }
  static void send(int line, const std::string& text) {
    for (std::size_t sent = 0; sent < text.size();) {
      const auto n = ::send(line, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) return;
      sent += static_cast<std::size_t>(n);
    }
  }

  int socket_, port_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::map<std::string, std::string>> collections_;
  std::vector<Logged> log_;
  std::vector<Request> requests_;
  std::set<int> lines_;
  Override override_;
  std::size_t page_ = 1000;
  long version_ = 100, compacted_ = 0;
  unsigned ends_ = 0, cuts_ = 0;
  bool ended_ = false;
  std::atomic<bool> slow_{false};
  std::thread acceptor_;
  std::list<std::thread> threads_;
};

}  // namespace tocsin_plugins::kube::testing
