#include "api/passed_on.hpp"

#include <algorithm>
#include <array>

#include "api/alertmanager_json.hpp"
#include "api/link_page.hpp"

namespace tocsin::api {
namespace {

/// Without Host, which the other agent has its own of, and what belongs to one connection (RFC 9110, 7.6.1).
constexpr std::array<std::string_view, 14> asked_with{
    "accept",     "accept-language", "authorization",     "content-encoding",    "content-type",
    "if-match",   "if-none-match",   "if-modified-since", "if-unmodified-since", "idempotency-key",
    "user-agent", "traceparent",     "tracestate",        "x-request-id"};
constexpr std::array<std::pair<std::string_view, std::string_view>, 13> answered_with{
    {{"allow", "Allow"},
     {"cache-control", "Cache-Control"},
     {"content-disposition", "Content-Disposition"},
     {"content-language", "Content-Language"},
     {"content-security-policy", "Content-Security-Policy"},
     {"content-type", "Content-Type"},
     {"etag", "ETag"},
     {"last-modified", "Last-Modified"},
     {"location", "Location"},
     {"referrer-policy", "Referrer-Policy"},
     {"retry-after", "Retry-After"},
     {"x-content-type-options", "X-Content-Type-Options"},
     {"x-robots-tag", "X-Robots-Tag"}}};

/// One word of a request line.
bool one_word(std::string_view text) {
  return std::ranges::none_of(text, [](unsigned char c) { return c <= ' ' || c == 0x7f; });
}

/// Reading changes nothing, and what may be asked twice loses nothing.
std::string unknown_outcome(const Route& route) {
  return repeatable(route) ? "; asking again does no harm"
                           : "; whether it was done is not known: look before you ask again";
}

Problem nobody(const std::string& why) {
  Problem problem(503, "no agent decides just now: " + why + "; try again in a moment");
  problem.headers.emplace_back("Retry-After", "1");
  return problem;
}

Problem problem_of(const Tried& tried, const Route& route, const std::string& decider) {
  const std::string who = "the agent that decides (" + decider + ")";
  switch (tried.end) {
    case Tried::End::lost:
      return {502, who + " was asked and did not answer: " + tried.why + unknown_outcome(route)};
    case Tried::End::late:
      return {504, who + " was asked and did not answer in time" + unknown_outcome(route)};
    case Tried::End::unreachable:
    case Tried::End::unusable:
      return {502, "cannot reach " + who + ": " + tried.why + "; nothing was done"};
    case Tried::End::nobody:
    case Tried::End::answered:
      break;
  }
  return nobody(tried.why);
}

Reply passed_back(PeerAnswer answer) {
  Reply reply;
  reply.status = answer.status;
  reply.content_type = {};
  for (auto& [name, value] : answer.headers) {
    const auto known = std::ranges::find(answered_with, name, [](const auto& each) { return each.first; });
    if (known != answered_with.end()) reply.headers.emplace_back(std::string(known->second), std::move(value));
  }
  reply.body = std::move(answer.body);
  return reply;
}

}  // namespace

base::Result<std::string> passed_head(const Request& request, const Address& address, std::string_view agent) {
  for (const std::string_view part : {std::string_view(address.host), std::string_view(address.prefix), request.method,
                                      request.path, request.query}) {
    if (!one_word(part)) return base::fail(base::Fault::invalid, "the address holds a space or a line break");
  }
  std::string out(request.method == "HEAD" ? "GET" : request.method);
  out.append(" ").append(address.prefix).append(request.path);
  if (!request.query.empty()) out.append("?").append(request.query);
  out.append(" HTTP/1.1\r\nHost: ").append(authority_of(address));
  out.append("\r\nTocsin-Passed-On: ").append(agent).append("\r\n");
  for (const auto& [name, value] : request.headers) {
    if (std::ranges::find(asked_with, name) == asked_with.end() || !one_line(value)) continue;
    out.append(name).append(": ").append(value).append("\r\n");
  }
  if (!request.body.empty() || request.state_changing()) {
    out.append("Content-Length: ").append(std::to_string(request.body.size())).append("\r\n");
  }
  return out.append("\r\n");
}

Reply problem_of(const Route& route, const Request& request, Problem problem) {
  Reply reply;
  if (route.pattern.starts_with("/api/v2/")) {
    reply = alertmanager::refusal(problem.status, problem.detail);
    reply.headers = std::move(problem.headers);
  } else if ((route.flags & route_page) != 0) {
    reply = problem_page(problem);
  } else {
    reply = to_reply(problem, request.path);
  }
  reply.uri = route.pattern;
  return reply;
}

Reply passed_on_in_vain(const Route& route, const Request& request) {
  Problem problem(503,
                  "this agent does not decide, and the request was passed on to it already, so it goes no further; try "
                  "again in a moment");
  problem.headers.emplace_back("Retry-After", "1");
  problem.headers.emplace_back("Tocsin-Passed-On", not_decided);
  return problem_of(route, request, std::move(problem));
}

bool passed_in_vain(const PeerAnswer& answer) {
  if (answer.status != 503) return false;
  return std::ranges::any_of(answer.headers, [](const auto& header) {
    return header.first == passed_on_header && header.second == not_decided;
  });
}

Reply reply_of(Tried tried, const Route& route, const Request& request, const std::string& decider) {
  if (tried.end == Tried::End::answered) {
    Reply reply = passed_back(std::move(tried.answer));
    reply.uri = route.pattern;
    return reply;
  }
  return problem_of(route, request, problem_of(tried, route, decider));
}

}  // namespace tocsin::api
