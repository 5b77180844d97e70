#include "http_client/http_sender.hpp"

#include <chrono>
#include <deque>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "http_client/http_call.hpp"

namespace tocsin_plugins {
namespace {

using Clock = std::chrono::steady_clock;
/// How long the thread sleeps at most before it looks whether its instance is stopping.
constexpr int longest_sleep_ms = 200;
/// How long a stop waits for answers: shorter than hosts wait for a stop.
constexpr auto patience = std::chrono::seconds(5);

/// A call from send() to its answer.
struct Errand {
  HttpRequest request;
  tsn::Deadline deadline;
  HttpSender::Done done;
};

/// One that is under way. The handle is used again by the next one.
struct Flight {
  HttpCall call;
  Errand errand;
  HttpAnswer answer;
};

}  // namespace

struct HttpSender::Impl {
  Impl(tsn::Context c, HttpSettings s, std::size_t m) : ctx(c), settings(std::move(s)), most(m) {}

  void run();
  void start_waiting();
  void start(Errand errand);
  void finish_ended();
  void end_all();
  void answer(Flight& flight, const tsn::Status& status);

  tsn::Context ctx;
  const HttpSettings settings;
  const std::size_t most;

  std::mutex mutex;
  std::deque<Errand> waiting;  ///< under mutex
  bool asleep = false;         ///< under mutex: in curl_multi_poll, or about to be
  bool ending = false;         ///< under mutex
  tsn_thread thread = 0;       ///< under mutex until it is started

  // The thread's own.
  CURLM* multi = nullptr;
  std::unordered_map<CURL*, std::unique_ptr<Flight>> under_way;
  std::vector<std::unique_ptr<Flight>> idle;
};

HttpSender::HttpSender(tsn::Context ctx, HttpSettings settings, std::size_t most)
    : impl_(std::make_unique<Impl>(ctx, std::move(settings), most)) {
  impl_->idle.push_back(std::make_unique<Flight>());  // makes libcurl ready, once
  impl_->multi = curl_multi_init();
  if (!impl_->multi) throw tsn::Failure("cannot make an HTTP client");
  curl_multi_setopt(impl_->multi, CURLMOPT_MAXCONNECTS, static_cast<long>(most));
}

HttpSender::~HttpSender() {
  stop();
  impl_->idle.clear();
  curl_multi_cleanup(impl_->multi);
}

void HttpSender::stop() {
  tsn_thread thread = 0;
  {
    std::lock_guard lock(impl_->mutex);
    impl_->ending = true;
    thread = std::exchange(impl_->thread, 0);
    curl_multi_wakeup(impl_->multi);
  }
  if (thread) impl_->ctx.join(thread);
  impl_->end_all();
}

void HttpSender::send(HttpRequest request, tsn::Deadline deadline, Done done) {
  std::unique_lock lock(impl_->mutex);
  std::string why = impl_->ending ? "the instance is stopping" : "";
  if (!impl_->ending && !impl_->thread) {
    try {
      impl_->thread = impl_->ctx.spawn("http", [my = impl_.get()] { my->run(); });
    } catch (const std::exception& refused) {
      why = refused.what();
    }
  }
  if (!why.empty()) {
    lock.unlock();
    return done(tsn::fail(host_of(request.url) + ": " + why), {});
  }
  impl_->waiting.push_back({std::move(request), deadline, std::move(done)});
  if (std::exchange(impl_->asleep, false)) curl_multi_wakeup(impl_->multi);
}

void HttpSender::Impl::run() {
  auto over_at = Clock::time_point::max();
  for (;;) {
    start_waiting();
    int running = 0;
    curl_multi_perform(multi, &running);
    finish_ended();
    {
      std::lock_guard lock(mutex);
      ending = ending || ctx.stopping();
      if (ending && over_at == Clock::time_point::max()) over_at = Clock::now() + patience;
      if (ending && (under_way.empty() || Clock::now() >= over_at)) return;
      asleep = ending || waiting.empty() || under_way.size() >= most;
      if (!asleep) continue;
    }
    curl_multi_poll(multi, nullptr, 0, longest_sleep_ms, nullptr);
    std::lock_guard lock(mutex);
    asleep = false;
  }
}

void HttpSender::Impl::start_waiting() {
  while (under_way.size() < most) {
    std::unique_lock lock(mutex);
    if (ending || waiting.empty()) return;
    Errand next = std::move(waiting.front());
    waiting.pop_front();
    lock.unlock();
    start(std::move(next));
  }
}

void HttpSender::Impl::start(Errand errand) {
  if (idle.empty()) idle.push_back(std::make_unique<Flight>());
  auto flight = std::move(idle.back());
  idle.pop_back();
  flight->errand = std::move(errand);
  if (flight->errand.deadline.expired())
    return answer(*flight, tsn::fail(host_of(flight->errand.request.url) + ": its turn did not come in time"));
  CURL* handle = flight->call.handle();
  flight->call.prepare(settings, flight->errand.request, flight->errand.deadline, flight->answer);
  curl_multi_add_handle(multi, handle);
  under_way.emplace(handle, std::move(flight));
}

void HttpSender::Impl::finish_ended() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const auto found = under_way.find(message->easy_handle);
    const CURLcode code = message->data.result;
    auto flight = std::move(found->second);
    under_way.erase(found);
    curl_multi_remove_handle(multi, flight->call.handle());
    const auto status = flight->call.result(code, flight->answer);
    answer(*flight, status);
    idle.push_back(std::move(flight));
  }
}

void HttpSender::Impl::answer(Flight& flight, const tsn::Status& status) {
  const Errand errand = std::exchange(flight.errand, {});
  errand.done(status, flight.answer);
}

/// Nobody waits any more, or nobody will go on: what is under way may have arrived, what waits has not.
void HttpSender::Impl::end_all() {
  for (auto& [handle, flight] : under_way) {
    curl_multi_remove_handle(multi, handle);
    const auto status = flight->call.result(CURLE_ABORTED_BY_CALLBACK, flight->answer);
    answer(*flight, status);
  }
  under_way.clear();
  std::deque<Errand> unsent;
  {
    std::lock_guard lock(mutex);
    unsent.swap(waiting);
  }
  for (const Errand& errand : unsent)
    errand.done(tsn::fail(host_of(errand.request.url) + ": the instance is stopping"), {});
}

}  // namespace tocsin_plugins
