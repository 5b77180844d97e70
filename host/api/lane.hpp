// One io thread with its event loop, and the connections that live on it from beginning to end: nothing of a
// connection is shared between threads, so nothing of it is locked.
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "api/dispatcher.hpp"
#include "api/server.hpp"
#include "api/tls.hpp"
#include "telemetry/metrics.hpp"

namespace tocsin::api {

class Connection;
using SteadyTime = std::chrono::steady_clock::time_point;

/// What all lanes of a server share. Outlives their threads.
struct Site {
  Site(ServerSettings chosen, telemetry::Metrics& registry, Dispatcher& routes,
       std::shared_ptr<const TlsContext> context)
      : settings(std::move(chosen)),
        metrics(registry),
        dispatcher(routes),
        tls(std::move(context)),
        connections(registry.gauge("tocsin_http_connections", "Open connections of the agent's listeners.")) {}

  const ServerSettings settings;
  telemetry::Metrics& metrics;
  Dispatcher& dispatcher;
  const std::shared_ptr<const TlsContext> tls;  ///< null: plain
  telemetry::Gauge& connections;
  std::atomic<bool> stopping{false};

  void opened();
  void closed();
  /// Waits until no connection is open; false when `most` has passed.
  bool wait_until_empty(base::Duration most);

 private:
  std::mutex mutex_;
  std::condition_variable empty_;
  std::size_t open_ = 0;
};

class Lane : public std::enable_shared_from_this<Lane> {
 public:
  explicit Lane(Site& site);

  void start(std::size_t number);
  /// Runs a function on this lane's thread. Any thread. After stop() it is dropped.
  template <class F>
  void post(F&& function) {
    std::lock_guard lock(mutex_);
    if (!closed_) boost::asio::post(context_, std::forward<F>(function));
  }
  /// Drops every connection, ends the thread. Once, from outside.
  void stop();

  boost::asio::io_context& context() { return context_; }
  Site& site() { return site_; }

  // --- on the lane's thread ---
  void add(std::shared_ptr<Connection> connection);
  void remove(Connection& connection);
  void retire_all();
  /// "Date: …\r\n", made once a second.
  const std::string& date_line(SteadyTime now);
  void count(const Request& request, const Reply& reply, base::Duration took);

 private:
  void arm();
  void tick();
  std::string_view plugin_label(std::string_view path);

  Site& site_;
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  boost::asio::steady_timer timer_;
  const std::chrono::steady_clock::duration period_;
  std::vector<std::shared_ptr<Connection>> connections_;
  std::string date_line_;
  SteadyTime date_made_{};
  std::unordered_map<std::uint64_t, telemetry::Histogram*> timings_;  ///< by uri's address, method and status
  std::map<std::string, std::string, std::less<>> plugin_labels_;
  std::mutex mutex_;
  bool closed_ = false;  ///< guarded by mutex_
  std::thread thread_;
};

}  // namespace tocsin::api
