#include "servers.hpp"

namespace tocsin_plugins::elasticsearch {
namespace {

constexpr std::size_t most_idle = 8;

}  // namespace

/// A client for one call; it goes back with its connection.
class Servers::Borrowed {
 public:
  explicit Borrowed(Servers& from) : from_(from) {
    {
      const std::lock_guard lock(from_.mutex_);
      if (!from_.idle_.empty()) {
        client_ = std::move(from_.idle_.back());
        from_.idle_.pop_back();
      }
    }
    if (!client_) client_ = std::make_unique<HttpClient>(from_.settings_.http);
  }
  ~Borrowed() {
    const std::lock_guard lock(from_.mutex_);
    if (from_.idle_.size() < most_idle) from_.idle_.push_back(std::move(client_));
  }
  Borrowed(const Borrowed&) = delete;
  HttpClient& operator*() const { return *client_; }

 private:
  Servers& from_;
  std::unique_ptr<HttpClient> client_;
};

void Servers::close() {
  const std::lock_guard lock(mutex_);
  idle_.clear();
}

tsn::Status Servers::perform(std::size_t which, const Request& request, tsn::Deadline deadline, HttpAnswer& answer) {
  HttpRequest call;
  call.method = request.body.empty() ? "GET" : "POST";
  call.url = settings_.urls[which] + request.path;
  call.body = request.body;
  call.headers = {"Accept: application/json", "X-Opaque-Id: " + settings_.opaque_id};
  if (!request.body.empty()) call.headers.push_back("Content-Type: application/json");
  if (!settings_.authorization.empty()) call.headers.push_back("Authorization: " + settings_.authorization);
  call.username = settings_.username;
  call.password = settings_.password;
  call.compressed = true;
  call.most_body = settings_.most_bytes;
  auto status = (*Borrowed(*this)).perform(call, deadline, answer);
  if (answer.too_long)
    return tsn::invalid(host_of(call.url) + ": the answer is longer than max_result_bytes; ask for less, or raise it");
  // Asking changes nothing, so an answer that was lost is no more than a failure.
  if (status == tsn::Code::unknown) return tsn::fail(status.text());
  return status;
}

std::string Servers::ask_one(std::size_t which, const Request& request, const std::string& index,
                             tsn::Deadline deadline) {
  HttpAnswer answer;
  const auto status = perform(which, request, deadline, answer);
  if (!status) throw tsn::Failure(status);
  if (answer.status != 200)
    throw tsn::Failure(failure_of(answer, {host_of(settings_.urls[which]), index, request.body}, ctx_.now()));
  return std::move(answer.body);
}

std::string Servers::ask(const Request& request, const std::string& index, tsn::Deadline deadline) {
  const auto first = preferred_.load();
  const auto count = settings_.urls.size();
  tsn::Status last = tsn::ok;
  for (std::size_t tried = 0; tried < count; ++tried) {
    if (tried > 0 && (deadline.expired() || ctx_.stopping())) break;
    const auto which = (first + tried) % count;
    const auto share = deadline.remaining() / static_cast<std::int64_t>(count - tried);
    HttpAnswer answer;
    auto status = perform(which, request, {tsn::now() + share.count()}, answer);
    if (status == tsn::Code::invalid) throw tsn::Failure(std::move(status));
    if (status && answer.status == 200) {
      if (tried > 0) {
        preferred_ = which;
        ctx_.count("failovers");
        ctx_.warn("asks " + host_of(settings_.urls[which]) + " from now on: " + last.text());
      }
      return std::move(answer.body);
    }
    if (status) status = failure_of(answer, {host_of(settings_.urls[which]), index, request.body}, ctx_.now());
    if (answer.status != 0 && !is_another_turn(answer)) throw tsn::Failure(std::move(status));
    last = std::move(status);
  }
  throw tsn::Failure(std::move(last));
}

}  // namespace tocsin_plugins::elasticsearch
