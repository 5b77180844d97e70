#include "rest.hpp"

#include <algorithm>
#include <ctime>

#include "digest/digest.hpp"
#include "document.hpp"
#include "json.hpp"
#include "message_text/mask.hpp"

namespace tocsin_plugins::jira {
namespace {

constexpr std::size_t most_logged = 16 * 1024;

std::map<std::string, std::string> refused_fields(const nlohmann::json& answer) {
  std::map<std::string, std::string> out;
  const auto& errors = member(answer, {"errors"});
  if (!errors.is_object()) return out;
  for (const auto& [field, why] : errors.items()) out[field] = why.is_string() ? why.get<std::string>() : printed(why);
  return out;
}

/// Jira's errorMessages and errors on one line.
std::string explanation(const std::string& body) {
  const auto answer = parsed(body);
  std::string out;
  const auto add = [&out](const std::string& text) { out += (out.empty() ? "" : "; ") + text; };
  for (const auto& message : list_at(answer, {"errorMessages"}))
    if (message.is_string()) add(message.get<std::string>());
  for (const auto& [field, why] : refused_fields(answer)) add(field + ": " + why);
  if (const auto message = text_at(answer, {"message"}); !message.empty()) add(message);
  if (out.empty() && answer.is_discarded()) out = body;
  std::replace_if(out.begin(), out.end(), [](unsigned char c) { return c < 0x20; }, ' ');
  return shortened(out, 150);
}

void replace_all(std::string& text, std::string_view what) {
  if (what.size() < 4) return;  // "***" for each letter that happens to be the token would hide everything
  mask_secret(text, what);
}

}  // namespace

Rest::Rest(const Settings& settings, tsn::Context ctx, std::vector<Planned>* plan)
    : settings_(settings),
      ctx_(ctx),
      client_(settings.http),
      base_(settings.api_url + (settings.cloud ? "/rest/api/3" : "/rest/api/2")),
      secrets_{base64_of(settings.username + ":" + settings.token), settings.token, settings.webhook_secret},
      plan_(plan) {}

void Rest::about(std::string_view correlation_id, std::string_view ticket) {
  correlation_id_ = correlation_id;
  ticket_ = ticket;
}

std::string Rest::masked(std::string_view text) const {
  // Masked before it is cut, so that no half of a secret is left at the end.
  std::string out(text.substr(0, most_logged + 1024));
  for (const auto& secret : secrets_) replace_all(out, secret);
  return shortened(out, most_logged);
}

HttpRequest Rest::request_of(Call kind, const char* method, const std::string& path, const nlohmann::json* body) const {
  HttpRequest request;
  request.method = method;
  request.url = base_ + path;
  request.once = kind == Call::change;
  request.headers = {"Accept: application/json"};
  if (body) {
    request.body = printed(*body);
    request.headers.push_back("Content-Type: application/json");
  }
  if (settings_.username.empty())
    request.headers.push_back("Authorization: Bearer " + settings_.token);
  else
    request.username = settings_.username, request.password = settings_.token;
  return request;
}

nlohmann::json Rest::call(Call kind, const char* method, const std::string& path, const nlohmann::json* body,
                          const std::string& what, tsn::Deadline deadline) {
  if (plan_ && kind == Call::change) {
    plan_->push_back({method, base_.substr(settings_.api_url.size()) + path, body ? *body : nlohmann::json()});
    return {{"key", "(new)"}};
  }
  const auto request = request_of(kind, method, path, body);
  const tsn::Time began = ctx_.now();
  HttpAnswer answer;
  if (auto status = client_.perform(request, deadline, answer); !status) {
    log(request, {}, status.text(), began);
    const bool lost = status == tsn::Code::unknown && kind == Call::change;
    throw tsn::Failure(lost ? tsn::unknown("jira: " + what + ": " + status.text())
                            : tsn::fail("jira: " + what + ": " + status.text()));
  }
  note_clock(answer);
  if (answer.status < 200 || answer.status >= 300) {
    auto status = refused(answer, what);
    log(request, answer, status.text(), began);
    throw Refusal(std::move(status), refused_fields(parsed(answer.body)));
  }
  log(request, answer, "", began);
  if (answer.body.empty()) return nullptr;
  if (auto tree = parsed(answer.body); !tree.is_discarded()) return tree;
  const auto text = "jira: " + what + ": the answer is not JSON; check api_url " + host_of(settings_.api_url);
  throw tsn::Failure(kind == Call::change ? tsn::unknown(text) : tsn::fail(text));
}

tsn::Status Rest::refused(const HttpAnswer& answer, const std::string& what) const {
  const int code = static_cast<int>(answer.status);
  const std::string section = "[tracker." + std::string(ctx_.name()) + "]";
  std::string text = "jira: " + what + ": HTTP " + std::to_string(code);
  if (const auto why = masked(explanation(answer.body)); !why.empty()) text += ": " + why;
  if (code == 401 || code == 403) {
    const char* remedy = code == 401 ? " username and token" : ": may this user do that in the project?";
    return tsn::denied(text + "; check " + section + remedy).with_code(code);
  }
  const auto wait = answer.retry_after(ctx_.now());
  if (code == 429 || (code == 503 && wait.count() > 0)) return tsn::retry_later(text, wait).with_code(code);
  if (code >= 500 || code == 408 || code == 425) return tsn::fail(text).with_code(code);
  if (code >= 300 && code < 400)
    return tsn::invalid(text + ": redirected; write the address itself in " + section + " api_url").with_code(code);
  if (code == 404)
    return tsn::invalid(text + "; deleted, not visible to this user, or api_url or api_type are wrong").with_code(code);
  return tsn::invalid(text).with_code(code);
}

void Rest::note_clock(const HttpAnswer& answer) {
  const auto date = answer.headers.find("date");
  std::tm utc{};
  if (date == answer.headers.end() || !strptime(date->second.c_str(), "%a, %d %b %Y %H:%M:%S", &utc)) return;
  ahead_ = std::chrono::seconds(timegm(&utc)) - std::chrono::nanoseconds(ctx_.now());
}

void Rest::log(const HttpRequest& request, const HttpAnswer& answer, std::string_view error, tsn::Time began) const {
  const auto target = masked(std::string_view(request.url).substr(settings_.api_url.size()));
  const auto sent = masked(request.body), got = masked(answer.body), why = masked(error);
  (void)ctx_.log_exchange({.correlation_id = correlation_id_,
                           .ticket = ticket_,
                           .method = request.method,
                           .target = target,
                           .request = sent,
                           .response = got,
                           .error = why,
                           .status = static_cast<std::uint32_t>(std::max(0L, answer.status)),
                           .at = began,
                           .took = std::chrono::nanoseconds(ctx_.now() - began)});
}

}  // namespace tocsin_plugins::jira
