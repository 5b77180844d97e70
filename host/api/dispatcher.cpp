#include "api/dispatcher.hpp"

#include <exception>

#include "api/json_writer.hpp"
#include "api/link_page.hpp"
#include "api/passed_on.hpp"
#include "api/passer.hpp"
#include "base/text.hpp"

namespace tocsin::api {
namespace {

bool covers(std::string_view pattern, std::string_view path) {
  if (pattern.ends_with("/*")) return path.starts_with(pattern.substr(0, pattern.size() - 1));
  return pattern == path;
}

Checked<Query> checked_query(const Route& route, const Request& request) {
  CHECKED(Query query, Query::parse(request.query));
  if ((route.flags & route_lenient) != 0) return query;
  for (const auto& [name, value] : query.all()) {
    std::vector<std::string> known;
    for (const Parameter& parameter : route.query) known.emplace_back(parameter.name);
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    std::string valid, near = base::nearest(name, known);
    for (const std::string& k : known) valid += (valid.empty() ? "" : " ") + k;
    std::string detail = "parameter \"" + name + "\" is not known here";
    if (!near.empty()) detail += " (did you mean \"" + near + "\"?)";
    detail += valid.empty() ? "; this route takes none" : "; valid: " + valid;
    return std::unexpected(Problem(400, detail).with("parameter", json_text(name)).with("given", json_text(value)));
  }
  return query;
}

/// Runs the handler; whatever the backend or a library throws is a problem document, not the end of the agent.
Outcome outcome(Backend& backend, const Route& route, const Request& request, std::vector<std::string> path) {
  CHECKED(Query query, checked_query(route, request));
  try {
    return route.handler(backend, Call{request, query, std::move(path), routes()});
  } catch (const std::exception& error) {
    return std::unexpected(Problem(500, std::string("the answer could not be made: ") + error.what()));
  }
}

Reply refusal(const Route& route, const Request& request, const Problem& problem) {
  Reply reply = (route.flags & route_page) != 0 ? problem_page(problem) : to_reply(problem, request.path);
  reply.uri = route.pattern;
  return reply;
}

Reply make_reply(Backend& backend, const Route& route, const Request& request, std::vector<std::string> path) {
  Outcome result = outcome(backend, route, request, std::move(path));
  if (!result) return refusal(route, request, result.error());
  Reply reply = std::move(*result);
  reply.uri = route.pattern;
  return reply;
}

Reply options(const std::string& allow, std::string_view uri) {
  Reply reply;
  reply.status = 204;
  reply.content_type = {};
  reply.headers.emplace_back("Allow", allow);
  reply.uri = uri;
  return reply;
}

Reply wrong_method(const Request& request, const std::string& allow) {
  Problem problem(
      405, std::string(request.method) + " is not a method of " + std::string(request.path) + "; valid: " + allow);
  problem.headers.emplace_back("Allow", allow);
  return to_reply(problem, request.path);
}

std::string allowed_by_plugins(const std::vector<model::RouteDoc>& docs, std::string_view path) {
  std::string allow;
  for (const model::RouteDoc& doc : docs) {
    if (!covers(doc.path, path)) continue;
    if (!allow.empty()) allow += ", ";
    allow += doc.method;
  }
  return allow.empty() ? allow : allow + ", OPTIONS";
}

Reply from_plugin(Backend::PluginResponse response) {
  Reply reply;
  reply.status = response.status >= 200 && response.status <= 599 ? response.status : 500;
  reply.content_type = {};
  reply.headers = std::move(response.headers);
  reply.body = std::move(response.body);
  reply.uri = plugin_path;
  return reply;
}

Reply too_busy(const Route& route, const Request& request) {
  Problem busy(503, "too many requests wait for the store; try again in a moment");
  busy.headers.emplace_back("Retry-After", "1");
  return refusal(route, request, busy);
}

}  // namespace

void Dispatcher::handle(const Request& request, const Door& door, const std::shared_ptr<Responder>& responder) {
  Match match = find_route(request.method, request.path, door.health_only);
  const bool open = match.route != nullptr && (match.route->flags & route_open) != 0;
  if (std::optional<Problem> refused = access_.refuse(request, door, open)) {
    return responder->answer(to_reply(*refused, request.path));
  }
  if (request.path == "*" && request.method == "OPTIONS") {
    return responder->answer(options("GET, HEAD, POST, PUT, DELETE, OPTIONS", "*"));
  }
  if (!request.path.starts_with('/')) {
    return responder->answer(
        to_reply(Problem(400, "the request target must be a path that begins with /"), request.path));
  }
  if (match.route != nullptr && (match.route->flags & route_alertmanager) != 0) {
    if (auto refused = backend_.alertmanager_refuses(request, true)) {
      Reply reply = from_plugin(std::move(*refused));
      reply.uri = match.route->pattern;
      return responder->answer(std::move(reply));
    }
  }
  if (match.route != nullptr) return run(*match.route, std::move(match.path), request, responder);
  if (!match.allow.empty()) {
    bool asks = request.method == "OPTIONS";
    return responder->answer(asks ? options(match.allow, "OPTIONS") : wrong_method(request, match.allow));
  }
  if (!door.health_only && pass_to_plugin(request, responder)) return;
  responder->answer(answer_unknown(request, door));
}

std::optional<Reply> Dispatcher::refuse_early(const Request& request, const Door& door) {
  if (door.health_only) return std::nullopt;
  const Match match = find_route(request.method, request.path, false);
  const bool alertmanager = match.route != nullptr && (match.route->flags & route_alertmanager) != 0;
  std::optional<Backend::PluginResponse> refused;
  if (alertmanager) refused = backend_.alertmanager_refuses(request, false);
  if (match.route == nullptr && match.allow.empty()) refused = backend_.plugin_refuses(request);
  if (!refused) return std::nullopt;
  Reply reply = from_plugin(std::move(*refused));
  if (alertmanager) reply.uri = match.route->pattern;
  return reply;
}

void Dispatcher::run(const Route& route, std::vector<std::string> path, const Request& request,
                     const std::shared_ptr<Responder>& responder) {
  if ((route.flags & route_inline) != 0) {
    return responder->answer(make_reply(backend_, route, request, std::move(path)));
  }
  if ((route.flags & route_decider) != 0 && !decides()) return pass_on(route, path, request, responder);
  run_here(route, path, request, responder);
}

void Dispatcher::run_here(const Route& route, const std::vector<std::string>& path, const Request& request,
                          const std::shared_ptr<Responder>& responder) {
  // The request outlives the task: the connection keeps it until the answer.
  bool queued = worker_.submit(
      [this, &route, path, &request, responder] { answer(route, path, request, responder, Waiters::Time::max()); });
  if (!queued) responder->answer(too_busy(route, request));
}

/// `until`: how long the request may still wait; max(): its first answer says so.
void Dispatcher::answer(const Route& route, const std::vector<std::string>& path, const Request& request,
                        const std::shared_ptr<Responder>& responder, Waiters::Time until) {
  for (;;) {
    const std::uint64_t turn = waiters_.turn();
    Reply reply = make_reply(backend_, route, request, path);
    // What was refused because somebody else decides by now is asked there, where asking twice does no harm.
    const bool lost = reply.status == 503 && (route.flags & route_decider) != 0 && repeatable(route) && !decides();
    if (lost) return pass_on(route, path, request, responder);
    if (reply.wait == base::Duration::zero()) return responder->answer(std::move(reply));
    const auto now = std::chrono::steady_clock::now();
    if (until == Waiters::Time::max()) until = now + reply.wait;
    const auto added = now >= until ? Waiters::Added::refused : wait(route, path, request, responder, until, turn);
    if (added == Waiters::Added::refused) return responder->answer(std::move(reply));
    if (added == Waiters::Added::waits) return;
  }
}

Waiters::Added Dispatcher::wait(const Route& route, const std::vector<std::string>& path, const Request& request,
                                const std::shared_ptr<Responder>& responder, Waiters::Time until, std::uint64_t turn) {
  return waiters_.add(turn, until, [this, &route, path, &request, responder, until] {
    const bool queued = worker_.submit(
        [this, &route, path, &request, responder, until] { answer(route, path, request, responder, until); });
    if (!queued) responder->answer(too_busy(route, request));
  });
}

void Dispatcher::run_again(std::vector<Waiters::Again> woken) {
  for (const Waiters::Again& again : woken) again();
}

bool Dispatcher::decides() {
  const base::Result<std::string> decider = passer_.decider();
  return decider && decider->empty();
}

void Dispatcher::pass_on(const Route& route, const std::vector<std::string>& path, const Request& request,
                         const std::shared_ptr<Responder>& responder) {
  if (was_passed_on(request)) return responder->answer(passed_on_in_vain(route, request));
  passer_.pass({route, request, responder,
                [this, &route, path, &request, responder] { run_here(route, path, request, responder); }});
}

base::Result<bool> Dispatcher::guarded(const std::function<base::Result<bool>(std::string&)>& more,
                                       std::string& piece) {
  try {
    return more(piece);
  } catch (const std::exception& error) {
    return base::fail(base::Fault::internal, std::string("the answer could not be made: ") + error.what());
  }
}

bool Dispatcher::pass_to_plugin(const Request& request, const std::shared_ptr<Responder>& responder) {
  return backend_.plugin_route(
      request, [responder](Backend::PluginResponse response) { responder->answer(from_plugin(std::move(response))); });
}

Reply Dispatcher::answer_unknown(const Request& request, const Door& door) {
  if (door.health_only) {
    return to_reply(Problem(404, "this listener serves /healthz, /readyz and /metrics alone"), request.path);
  }
  std::vector<model::RouteDoc> docs = backend_.plugin_routes();
  if (std::string allow = allowed_by_plugins(docs, request.path); !allow.empty()) {
    return request.method == "OPTIONS" ? options(allow, "OPTIONS") : wrong_method(request, allow);
  }
  std::vector<std::string> further;
  for (const model::RouteDoc& doc : docs) further.push_back(doc.path);
  std::string near = nearest_route(request.path, further);
  Problem problem(404,
                  "there is no " + std::string(request.path) +
                      (near.empty() ? "; GET /api/v1/openapi.json lists every route" : "; did you mean " + near + "?"));
  if (!near.empty()) problem.with("nearest", json_text(near));
  return to_reply(problem, request.path);
}

std::string Dispatcher::plugin_uri(std::string_view path) {
  for (const model::RouteDoc& doc : backend_.plugin_routes()) {
    if (covers(doc.path, path)) return doc.path;
  }
  return std::string(path);
}

}  // namespace tocsin::api
