#include "api.hpp"

namespace tocsin_plugins {
namespace {

constexpr std::size_t most_waits = 200;

}  // namespace

tsn::Status SlackApi::call(const std::string& method, const std::string& limit, std::string body,
                           tsn::Deadline deadline, Posted& posted) {
  const std::string what = method + " " + limit;
  posted = {};
  if (auto status = may_call(what); !status) return status;
  HttpRequest request;
  request.url = api_url_ + "/" + method;
  request.body = std::move(body);
  request.headers = {"Content-Type: application/json; charset=utf-8", "Authorization: Bearer " + token_};
  HttpAnswer answer;
  if (auto status = client_.perform(request, deadline, answer); !status) return status;
  auto status = api_verdict(method, answer, section_, ctx_.now(), posted);
  waits(what, status);
  return status;
}

tsn::Status SlackApi::may_call(const std::string& what) {
  const auto at = not_before_.find(what);
  if (at == not_before_.end()) return tsn::ok;
  const auto left = at->second - ctx_.now();
  if (left > 0) {
    const auto wait = std::chrono::milliseconds(left / 1'000'000 + 1);
    return tsn::retry_later("slack: " + what + " is still rate limited", wait).with_code(429);
  }
  not_before_.erase(at);
  return tsn::ok;
}

void SlackApi::waits(const std::string& what, const tsn::Status& status) {
  if (status.value() != TSN_RETRY || status.retry_after_ms() == 0) return;
  ctx_.count("rate_limited");
  const auto now = ctx_.now();
  std::erase_if(not_before_, [&](const auto& each) { return each.second <= now; });
  // Without a note Slack says it once more; that is all a full map costs.
  if (not_before_.size() < most_waits) not_before_[what] = now + tsn::Time{status.retry_after_ms()} * 1'000'000;
}

}  // namespace tocsin_plugins
