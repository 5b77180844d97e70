#include "api/lane.hpp"

#include <pthread.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "api/connection.hpp"

namespace tocsin::api {
namespace {

constexpr std::array<std::string_view, 8> methods{"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "OTHER"};

std::size_t method_index(std::string_view method) {
  std::size_t i = 0;
  while (i + 1 < methods.size() && methods[i] != method) ++i;
  return i;
}

/// Often enough that a timeout is late by a quarter at most, and never more than a few times a second.
std::chrono::steady_clock::duration tick_period(const ServerSettings& settings) {
  base::Duration shortest = std::min(settings.header_timeout, settings.idle_timeout) / 4;
  return std::clamp<base::Duration>(shortest, std::chrono::milliseconds(5), std::chrono::seconds(1));
}

/// Labels of plugins' paths beyond this many are one: a plugin's wildcard route must not fill the registry.
constexpr std::size_t most_plugin_labels = 100;

}  // namespace

void Site::opened() {
  connections.add(1);
  std::lock_guard lock(mutex_);
  ++open_;
}

void Site::closed() {
  connections.add(-1);
  std::lock_guard lock(mutex_);
  if (--open_ == 0) empty_.notify_all();
}

bool Site::wait_until_empty(base::Duration most) {
  std::unique_lock lock(mutex_);
  return empty_.wait_for(lock, most, [&] { return open_ == 0; });
}

Lane::Lane(Site& site)
    : site_(site), work_(context_.get_executor()), timer_(context_), period_(tick_period(site.settings)) {}

void Lane::start(std::size_t number) {
  thread_ = std::thread([this] { context_.run(); });
  ::pthread_setname_np(thread_.native_handle(), ("http-" + std::to_string(number)).c_str());
}

void Lane::stop() {
  post([this] {
    while (!connections_.empty()) std::shared_ptr(connections_.back())->close();
    timer_.cancel();
  });
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
  }
  work_.reset();
  if (thread_.joinable()) thread_.join();
}

void Lane::add(std::shared_ptr<Connection> connection) {
  connection->set_place(connections_.size());
  connections_.push_back(std::move(connection));
  if (connections_.size() == 1) arm();
}

void Lane::remove(Connection& connection) {
  std::size_t place = connection.place();
  connections_.back()->set_place(place);
  std::swap(connections_[place], connections_.back());
  connections_.pop_back();
}

void Lane::retire_all() {
  for (std::size_t i = connections_.size(); i-- > 0;) std::shared_ptr(connections_[i])->retire();
}

void Lane::arm() {
  timer_.expires_after(period_);
  timer_.async_wait([this](const boost::system::error_code& ec) {
    if (!ec) tick();
  });
}

void Lane::tick() {
  SteadyTime now = std::chrono::steady_clock::now();
  site_.dispatcher.look(now);
  // From the back: a connection that closes is replaced by the last one, which was looked at already.
  for (std::size_t i = connections_.size(); i-- > 0;) {
    if (i < connections_.size()) std::shared_ptr(connections_[i])->tick(now);
  }
  if (!connections_.empty()) arm();
}

const std::string& Lane::date_line(SteadyTime now) {
  if (date_line_.empty() || now - date_made_ >= std::chrono::seconds(1)) {
    std::time_t seconds = std::time(nullptr);
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    std::array<char, 64> text{};
    std::size_t size = std::strftime(text.data(), text.size(), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
    date_line_.assign(text.data(), size);
    date_made_ = now;
  }
  return date_line_;
}

void Lane::count(const Request& request, const Reply& reply, base::Duration took) {
  std::string_view uri = reply.uri == plugin_path ? plugin_label(request.path) : reply.uri;
  std::size_t method = method_index(request.method);
  std::uint64_t key = reinterpret_cast<std::uintptr_t>(uri.data()) << 16 ^ method << 10 ^ reply.status;
  telemetry::Histogram*& timing = timings_[key];
  if (timing == nullptr) {
    timing = &site_.metrics.histogram("http_server_requests_seconds", "Time from a whole request to its answer.",
                                      {{"method", std::string(methods[method])},
                                       {"uri", std::string(uri)},
                                       {"status", std::to_string(reply.status)},
                                       {"service", site_.settings.service}});
  }
  timing->observe(std::chrono::duration<double>(took).count());
}

std::string_view Lane::plugin_label(std::string_view path) {
  auto found = plugin_labels_.find(path);
  if (found != plugin_labels_.end()) return found->second;
  if (plugin_labels_.size() >= most_plugin_labels) return "OTHER";
  return plugin_labels_.emplace(std::string(path), site_.dispatcher.plugin_uri(path)).first->second;
}

}  // namespace tocsin::api
