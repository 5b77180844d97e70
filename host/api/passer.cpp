#include "api/passer.hpp"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "api/passed_on.hpp"

namespace tocsin::api {
namespace {

namespace asio = boost::asio;
using End = Tried::End;
using SteadyTime = std::chrono::steady_clock::time_point;

constexpr std::size_t most_kept = 16;                ///< connections between two requests
constexpr auto kept_for = std::chrono::seconds(30);  ///< well below the time after which the other side closes
constexpr std::array<std::string_view, 6> ended{"answered", "nobody", "unreachable", "unreachable", "lost", "late"};

std::string name_of(const ServerSettings& settings) {
  std::array<char, 256> machine{};
  ::gethostname(machine.data(), machine.size() - 1);
  std::string out = settings.name.empty() ? machine.data() : settings.name;
  std::erase_if(out, [](unsigned char c) { return c <= ' ' || c >= 0x7f; });
  return out.empty() ? "tocsin" : out;
}

Problem busy() {
  Problem problem(503, "too many requests wait for the agent that decides; try again in a moment");
  problem.headers.emplace_back("Retry-After", "1");
  return problem;
}

Problem stopping() {
  Problem problem(503, "this agent stops; whether the request was done is not known");
  problem.headers.emplace_back("Retry-After", "1");
  return problem;
}

}  // namespace

class Passer::Impl {
 public:
  Impl(const ServerSettings& settings, Backend& backend, telemetry::Metrics& metrics)
      : settings_(settings), backend_(backend), metrics_(metrics), name_(name_of(settings)) {
    count("answered", 0);
  }

  base::Result<std::string> decider() {
    try {
      return backend_.decider();
    } catch (const std::exception& error) {
      return base::fail(base::Fault::internal, error.what());
    }
  }

  void pass(Passage passage) {
    auto job = std::make_shared<Job>(std::move(passage));
    std::lock_guard lock(mutex_);
    if (stopped_) return refuse(*job, stopping());
    if (in_hand_.fetch_add(1) >= settings_.passing.most) {
      in_hand_.fetch_sub(1);
      count("busy");
      return refuse(*job, busy());
    }
    if (!thread_.joinable()) start();
    asio::post(context_, [this, job] { begin(job); });
  }

  void retire() { retiring_ = true; }

  void stop() {
    retire();
    std::thread thread;
    {
      std::lock_guard lock(mutex_);
      stopped_ = true;
      thread.swap(thread_);
    }
    if (!thread.joinable()) return;
    asio::post(context_, [this] { end_all(); });
    work_.reset();
    thread.join();
  }

 private:
  struct Job {
    explicit Job(Passage of) : passage(std::move(of)) {}
    const Passage passage;
    const SteadyTime began = std::chrono::steady_clock::now();
    asio::cancellation_signal cancel;
  };
  struct Kept {
    std::shared_ptr<Peer> peer;
    SteadyTime since;
  };

  /// The right to ask, one of a few; given on when it goes.
  class Turn {
   public:
    explicit Turn(Impl& owner) : owner_(&owner) {}
    Turn(Turn&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (owner_ != nullptr) owner_->next_turn();
    }

   private:
    Impl* owner_;
  };

  void count(std::string_view how, double by = 1) {
    metrics_
        .counter("tocsin_http_passed_on_total", "Requests that were passed on to the agent that decides",
                 {{"result", std::string(how)}})
        .add(by);
  }

  static void refuse(const Job& job, Problem problem) {
    const Passage& passage = job.passage;
    passage.responder->answer(problem_of(passage.route, passage.request, std::move(problem)));
  }

  void start() {
    thread_ = std::thread([this] { context_.run(); });
    ::pthread_setname_np(thread_.native_handle(), "http-pass");
  }

  // --- on the thread -------------------------------------------------------------------------------------------------

  void begin(const std::shared_ptr<Job>& job) {
    jobs_.insert(job.get());
    asio::co_spawn(context_, run(job),
                   asio::bind_cancellation_slot(job->cancel.slot(), [this, job](const std::exception_ptr& thrown) {
                     jobs_.erase(job.get());
                     in_hand_.fetch_sub(1);
                     if (thrown) refuse(*job, stopping());
                   }));
  }

  void end_all() {
    for (Job* job : std::set(jobs_)) job->cancel.emit(asio::cancellation_type::terminal);
    kept_.clear();
  }

  /// Tries until there is an answer, or nothing more to wait for.
  asio::awaitable<void> run(std::shared_ptr<Job> job) {
    const Passage& passage = job->passage;
    const SteadyTime give_up = job->began + settings_.passing.hand_over;
    for (;;) {
      base::Result<std::string> named = decider();
      if (named && named->empty()) {
        count("here");
        passage.here();
        co_return;
      }
      Tried tried{End::nobody, named ? std::string() : named.error().message(), {}};
      if (named) tried = co_await attempt(job, *named, give_up);
      const bool time_left = std::chrono::steady_clock::now() + settings_.passing.again < give_up;
      if (!worth_another(tried, passage.route) || !time_left || retiring_) {
        count(ended[static_cast<std::size_t>(tried.end)]);
        passage.responder->answer(
            reply_of(std::move(tried), passage.route, passage.request, named ? *named : std::string()));
        co_return;
      }
      asio::steady_timer timer(context_, settings_.passing.again);
      co_await timer.async_wait(asio::use_awaitable);
    }
  }

  /// While nothing was done, or nothing is lost by doing it twice.
  static bool worth_another(const Tried& tried, const Route& route) {
    return tried.end == End::nobody || tried.end == End::unreachable || (tried.end == End::lost && repeatable(route));
  }

  asio::awaitable<Tried> attempt(std::shared_ptr<Job> job, std::string url, SteadyTime give_up) {
    std::optional<Turn> turn = co_await wait_for_turn(give_up);
    if (!turn) co_return Tried{End::nobody, "too many other requests wait for their answers", {}};
    base::Result<Address> address = parse_url(url);
    if (!address) co_return Tried{End::unusable, address.error().message(), {}};
    base::Result<std::string> head = passed_head(job->passage.request, *address, name_);
    if (!head) co_return Tried{End::unusable, head.error().message(), {}};
    base::Result<std::shared_ptr<Peer>> peer = peer_at(url, *address);
    if (!peer) co_return Tried{End::unusable, peer.error().message(), {}};
    const auto asking = std::make_shared<int>(0);
    if (repeatable(job->passage.route)) asio::co_spawn(context_, look_after(*peer, url, asking), asio::detached);
    Tried tried = co_await (*peer)->ask(std::move(*head), job->passage.request.body);
    keep(url, *peer);
    if (tried.end == End::answered && passed_in_vain(tried.answer)) {
      co_return Tried{End::nobody, "the agent at " + url + " no longer does", {}};
    }
    co_return tried;
  }

  /// An agent that was paused takes requests and does not answer. Once another decides, it is asked instead.
  asio::awaitable<void> look_after(std::shared_ptr<Peer> peer, std::string url, std::weak_ptr<int> asking) {
    asio::steady_timer timer(context_);
    for (;;) {
      timer.expires_after(settings_.passing.again);
      co_await timer.async_wait(as_result);
      if (asking.expired() || retiring_) co_return;
      const base::Result<std::string> named = decider();
      if (!named || *named == url) continue;
      peer->abandon();
      co_return;
    }
  }

  // --- turns ---------------------------------------------------------------------------------------------------------

  asio::awaitable<std::optional<Turn>> wait_for_turn(SteadyTime give_up) {
    if (asking_ < settings_.passing.most_connections) {
      ++asking_;
      co_return Turn(*this);
    }
    auto timer = std::make_shared<asio::steady_timer>(context_, give_up);
    queue_.push_back(timer);
    co_await timer->async_wait(as_result);
    if (std::erase(queue_, timer) > 0) co_return std::nullopt;
    co_return Turn(*this);  // whoever took it out of the queue gave it its own
  }

  void next_turn() {
    if (queue_.empty()) {
      --asking_;
      return;
    }
    queue_.front()->cancel();
    queue_.pop_front();
  }

  // --- connections ---------------------------------------------------------------------------------------------------

  /// One that is kept, or a new one that is not connected yet. Only the decider's are kept.
  base::Result<std::shared_ptr<Peer>> peer_at(const std::string& url, const Address& address) {
    if (url != kept_url_) kept_.clear();
    kept_url_ = url;
    const SteadyTime now = std::chrono::steady_clock::now();
    while (!kept_.empty()) {
      const Kept last = std::move(kept_.back());
      kept_.pop_back();
      if (now - last.since < kept_for && last.peer->usable()) return last.peer;
    }
    std::unique_ptr<TlsSession> session;
    if (address.tls) {
      if (!tls_) {
        TRY(tls_, client_tls(settings_.tls));
      }
      TRY(session, tls_->session(address.host));
    }
    return std::make_shared<Peer>(context_, address, std::move(session),
                                  Peer::Times{settings_.passing.connect, settings_.passing.answer});
  }

  void keep(const std::string& url, std::shared_ptr<Peer> peer) {
    if (url == kept_url_ && kept_.size() < most_kept && peer->usable()) {
      kept_.push_back({std::move(peer), std::chrono::steady_clock::now()});
    }
  }

  const ServerSettings settings_;
  Backend& backend_;
  telemetry::Metrics& metrics_;
  const std::string name_;
  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
  std::atomic<bool> retiring_{false};
  std::atomic<std::size_t> in_hand_{0};
  std::mutex mutex_;
  bool stopped_ = false;  ///< guarded by mutex_
  std::thread thread_;    ///< likewise

  // The thread's own.
  std::set<Job*> jobs_;
  std::size_t asking_ = 0;
  std::deque<std::shared_ptr<asio::steady_timer>> queue_;
  std::shared_ptr<const TlsContext> tls_;
  std::string kept_url_;
  std::vector<Kept> kept_;
};

Passer::Passer(const ServerSettings& settings, Backend& backend, telemetry::Metrics& metrics)
    : impl_(std::make_unique<Impl>(settings, backend, metrics)) {}
Passer::~Passer() {
  stop();
}
void Passer::pass(Passage passage) {
  impl_->pass(std::move(passage));
}
base::Result<std::string> Passer::decider() {
  return impl_->decider();
}
void Passer::retire() {
  impl_->retire();
}
void Passer::stop() {
  impl_->stop();
}

}  // namespace tocsin::api
