#include "inward.hpp"

#include <algorithm>

#include "digest/digest.hpp"
#include "json.hpp"

namespace tocsin_plugins::jira {
namespace {

using namespace std::chrono_literals;

/// How long one turn may take: an incident that opens meanwhile waits for it.
constexpr std::chrono::nanoseconds one_turn = 10s;

std::string answer_text(std::string_view key, std::string_view text) {
  return printed({{std::string(key), std::string(text)}});
}

}  // namespace

void Inward::start() {
  {
    const std::lock_guard lock(mutex_);
    running_ = true;
    poll_due_ = settings_.poll.count() == 0
                    ? INT64_MAX
                    : ctx_.now() + std::min<std::chrono::nanoseconds>(settings_.poll, 2s).count();
  }
  arm();
}

void Inward::stop() {
  std::optional<tsn_timer> timer;
  {
    const std::lock_guard lock(mutex_);
    running_ = false;
    timer = std::exchange(timer_, std::nullopt);
  }
  if (timer) ctx_.cancel_timer(*timer);
}

/// Timers are made and cancelled under no lock. Two that arm at once leave a timer too many, which finds nothing to do.
void Inward::arm() {
  const auto waiting = inbox_.next();
  tsn::Time next = INT64_MAX;
  std::optional<tsn_timer> before;
  {
    const std::lock_guard lock(mutex_);
    if (running_) next = std::min(poll_due_, waiting);
    before = std::exchange(timer_, std::nullopt);
  }
  if (before) ctx_.cancel_timer(*before);
  if (next == INT64_MAX) return;
  const auto timer =
      ctx_.timer(std::chrono::nanoseconds(std::max<tsn::Time>(next - ctx_.now(), 0)), [this] { tick(); });
  const std::lock_guard lock(mutex_);
  if (running_) timer_ = timer;
}

void Inward::poll_at(tsn::Time at) {
  const std::lock_guard lock(mutex_);
  poll_due_ = at;
}

void Inward::tick() {
  bool due = false;
  {
    const std::lock_guard lock(mutex_);
    timer_.reset();
    if (!running_) return;
    due = poll_due_ <= ctx_.now();
  }
  try {
    incoming_.drain({ctx_.now() + one_turn.count()});
    if (due) poll_now();
    arm();
  } catch (const std::exception& why) {
    // The host could not keep something. Nothing is lost: the cursor stands where it stood.
    ctx_.warn(std::string("changes in Jira wait: ") + why.what());
    if (due) poll_at(ctx_.now() + std::max<std::chrono::nanoseconds>(settings_.poll, 10s).count());
    if (!ctx_.stopping()) arm();
  }
}

void Inward::poll_now() {
  auto next = settings_.poll;
  try {
    const bool whole = poll_.run({ctx_.now() + one_turn.count()});
    ctx_.count("jira_polls");
    if (!whole) next = 1s;
    if (std::exchange(failing_, false)) ctx_.info("changes in Jira are read again");
  } catch (const tsn::Failure& why) {
    ctx_.count("jira_polls_failed");
    if (!std::exchange(failing_, true)) ctx_.warn(std::string("changes in Jira are not read: ") + why.what());
    next = std::max(next, std::chrono::nanoseconds(std::chrono::milliseconds(why.status().retry_after_ms())));
    if (next.count() == 0) next = 60s;  // asked for by a webhook
  }
  poll_at(next.count() == 0 ? INT64_MAX : ctx_.now() + next.count());
}

tsn::Status Inward::sync(tsn::Deadline deadline) {
  incoming_.drain(deadline);
  bool whole = poll_.run(deadline);
  while (!whole && !deadline.expired()) whole = poll_.run(deadline);
  arm();  // for what the host wants to be told later
  if (!whole) return tsn::timed_out("jira: not everything was read in time; the next poll goes on");
  return tsn::ok;
}

bool Inward::signed_right(const tsn::Request& request) const {
  const auto shown = request.header("x-hub-signature");
  if (settings_.webhook_secret.empty() || !shown.starts_with("sha256=")) return false;
  std::string hex(shown.substr(7));
  std::ranges::transform(hex, hex.begin(), [](char c) { return c >= 'A' && c <= 'F' ? char(c + 32) : c; });
  return same_secret(hex, hmac_sha256_hex(settings_.webhook_secret, request.body()));
}

void Inward::handle(const tsn::Request& request, tsn::Response& response) {
  if (settings_.webhook_path.empty() || request.path() != settings_.webhook_path) {
    response.json(404, answer_text("error", "nothing is served here"));
    return;
  }
  if (!signed_right(request)) {
    // Not logged with its body: anybody may send it.
    ctx_.count("jira_webhooks_refused");
    response.json(401,
                  answer_text("error", "no right X-Hub-Signature: the webhook in Jira and webhook.secret of [tracker." +
                                           ctx_.name() + "] must have the same secret"));
    return;
  }
  take(request, response);
}

void Inward::take(const tsn::Request& request, tsn::Response& response) {
  const auto body = parsed(std::string(request.body()));
  if (!body.is_object()) {
    log(request, "", 400, "no JSON object");
    response.json(400, answer_text("error", "the body is no JSON object"));
    return;
  }
  const auto hook = hook_of(body);
  ctx_.count("jira_webhooks");
  if (hook.deleted)
    ctx_.warn(hook.ticket + " was deleted in Jira; its incident goes on without it until it is linked anew");
  const auto now = ctx_.now();
  bool kept = false;
  std::string why = "too much waits to be taken; it is read at the next poll";
  try {
    kept = inbox_.put(hook.events, now, now);
  } catch (const std::exception& failure) {
    why = failure.what();
  }
  if (!kept) {
    log(request, hook.ticket, 503, why);
    response.header("Retry-After", "30").json(503, answer_text("error", why));
    return;
  }
  if (hook.look) poll_at(now);
  log(request, hook.ticket, 200, "");
  response.json(200, printed({{"events", hook.events.size()}}));
  arm();
}

void Inward::log(const tsn::Request& request, std::string_view ticket, std::uint32_t status,
                 std::string_view error) const {
  const auto body = rest_.masked(request.body());
  (void)ctx_.log_exchange({.incoming = true,
                           .ticket = ticket,
                           .method = request.method(),
                           .target = request.path(),
                           .request = body,
                           .error = error,
                           .status = status});
}

}  // namespace tocsin_plugins::jira
