// Alertmanager's API v2 and its pages under /-/: what Prometheus, amtool and dashboards ask of an Alertmanager.
#include <algorithm>
#include <cctype>
#include <optional>

#include "api/alertmanager_json.hpp"
#include "api/handlers.hpp"
#include "api/present.hpp"
#include "base/text.hpp"

namespace tocsin::api::handlers {
namespace {

namespace am = alertmanager;

/// 404 with the remedy where the agent does not serve it.
std::optional<Problem> off(Backend& backend) {
  std::string why = backend.alertmanager_off();
  if (why.empty()) return std::nullopt;
  return Problem(404, std::move(why));
}

/// The agent's own failures in the form that Alertmanager's clients print.
Reply failed(const base::Error& error) {
  return am::refusal(status_of(error.fault()), error.message());
}

Reply page(std::string body, unsigned status = 200) {
  Reply reply;
  reply.status = status;
  reply.content_type = "text/plain; charset=utf-8";
  reply.body = std::move(body);
  return reply;
}

Reply done() {
  Reply reply;
  reply.content_type = {};
  return reply;
}

/// As Alertmanager reads a flag: a few words are true, any other is false; missing or empty is the default.
bool flag(const Query& query, std::string_view name) {
  const std::string* given = query.find(name);
  if (given == nullptr) return true;
  const std::string word = base::lower(*given);
  for (std::string_view yes : {"true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled"}) {
    if (word == yes) return true;
  }
  return false;
}

base::Result<model::Matchers> filter_of(const Query& query) {
  model::Matchers out;
  for (const std::string& text : query.repeated("filter")) {
    TRY(auto matcher, model::Matcher::parse(text));
    out.push_back(std::move(matcher));
  }
  return out;
}

base::Result<model::AlertFilter> filter(const Query& query) {
  model::AlertFilter out;
  TRY(out.labels, filter_of(query));
  if (const std::string* receiver = query.find("receiver")) {
    TRY(out.receiver, model::Matcher::make("receiver", model::MatchOp::match, *receiver));
  }
  out.active = flag(query, "active");
  out.silenced = flag(query, "silenced");
  out.inhibited = flag(query, "inhibited");
  out.muted = flag(query, "muted");
  return out;
}

template <class T>
Reply list(const std::vector<T>& items) {
  std::string body;
  JsonWriter json(body);
  json.open_array();
  for (const T& item : items) am::write(json, item);
  json.close_array();
  return json_reply(std::move(body));
}

std::optional<Reply> refuse_type(const Request& request) {
  std::string_view type = request.header("content-type");
  type = base::trim(type.substr(0, type.find(';')));
  if (type.empty() || base::equal_without_case(type, "application/json")) return std::nullopt;
  return am::shape_refusal(415, 415,
                           "the body's Content-Type is \"" + std::string(type) + "\"; only application/json is taken");
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : std::isxdigit(static_cast<unsigned char>(text[i])) == 0) return false;
  }
  return true;
}

std::optional<Reply> refuse_id(const std::string& id) {
  if (is_uuid(id)) return std::nullopt;
  return am::shape_refusal(422, 601, "silenceID in path must be of type uuid: " + json_text(id));
}

/// Active by end, pending by start, expired newest first.
bool silence_before(const model::Silence& a, const model::Silence& b, base::Time now) {
  const auto rank = [&](const model::Silence& s) {
    const auto state = s.state(now);
    return state == model::SilenceState::active ? 1 : state == model::SilenceState::pending ? 2 : 3;
  };
  if (rank(a) != rank(b)) return rank(a) < rank(b);
  if (rank(a) == 2) return a.starts_at < b.starts_at;
  return rank(a) == 1 ? a.ends_at < b.ends_at : a.ends_at > b.ends_at;
}

/// What an edit says, over what its sender does not know of: a silence may be more than Alertmanager's.
model::Silence edited(model::Silence known, model::Silence&& sent) {
  known.matchers = std::move(sent.matchers);
  known.starts_at = sent.starts_at;
  known.ends_at = sent.ends_at;
  known.created_by = std::move(sent.created_by);
  known.comment = std::move(sent.comment);
  if (!sent.annotations.empty()) known.annotations = std::move(sent.annotations);
  return known;
}

/// Whether somebody ended it before.
bool is_over(Backend& backend, const std::string& id) {
  const auto known = backend.silence(id);
  return known && *known && (*known)->state(backend.now()) == model::SilenceState::expired;
}

/// A filter is compared with what the silence's matchers look for.
bool matches_silence(const model::Matchers& filter, const model::Silence& silence) {
  std::vector<model::Labels::Pair> wanted;
  for (const model::Matcher& matcher : silence.matchers) wanted.emplace_back(matcher.label(), matcher.value());
  return model::matches(filter, model::Labels(std::move(wanted)));
}

}  // namespace

Outcome am_alerts(Backend& backend, const Call& call) {
  if (auto why = off(backend)) return std::unexpected(std::move(*why));
  auto wanted = filter(call.query);
  if (!wanted) return am::refusal(400, wanted.error().message());
  auto found = backend.active_alerts(*wanted);
  return found ? list(*found) : failed(found.error());
}

Outcome am_groups(Backend& backend, const Call& call) {
  if (auto why = off(backend)) return std::unexpected(std::move(*why));
  auto wanted = filter(call.query);
  if (!wanted) return am::refusal(400, wanted.error().message());
  auto found = backend.alert_groups(*wanted);
  return found ? list(*found) : failed(found.error());
}

Outcome am_post_alerts(Backend& backend, const Call& call) {
  if (auto why = off(backend)) return std::unexpected(std::move(*why));
  if (auto refused = refuse_type(call.request)) return std::move(*refused);
  auto posted = am::read_alerts(call.request.body);
  if (!posted) return std::move(posted).error();
  if (!posted->alerts.empty()) {
    if (auto kept = backend.receive(std::move(posted->alerts)); !kept) return failed(kept.error());
  }
  return posted->refused.empty() ? done() : am::refusal(400, posted->refused);
}

Outcome am_receivers(Backend& backend, const Call&) {
  if (auto why = off(backend)) return std::unexpected(std::move(*why));
  auto names = backend.receivers();
  if (!names) return failed(names.error());
  std::string body;
  JsonWriter json(body);
  json.open_array();
  for (const std::string& name : *names) json.open_object().field("name", name).close_object();
  json.close_array();
  return json_reply(std::move(body));
}

Outcome am_status(Backend& backend, const Call&) {
  if (auto why = off(backend)) return std::unexpected(std::move(*why));
  const AlertmanagerStatus status = backend.alertmanager_status();
  std::string body;
  JsonWriter json(body);
  json.open_object().key("cluster").open_object();
  if (!status.name.empty()) json.field("name", status.name);
  json.key("peers").open_array();
  for (const auto& [name, address] : status.peers) {
    json.open_object().field("address", address).field("name", name).close_object();
  }
  json.close_array().field("status", status.cluster).close_object();
  json.key("config").open_object().field("original", backend.alertmanager_config()).close_object();
  json.field("uptime", am::time_text(status.started)).key("versionInfo").open_object();
  // Clients decide by the number what they may ask: it is that of the Alertmanager whose API this is.
  json.field("branch", "tocsin").field("buildDate", "").field("buildUser", "").field("goVersion", "");
  json.field("revision", status.version).field("version", "0.25.0+tocsin-" + status.version);
  json.close_object().close_object();
  return json_reply(std::move(body));
}

Outcome am_silences(Backend& backend, const Call& call) {
  if (auto why = off(backend)) return std::unexpected(std::move(*why));
  auto wanted = filter_of(call.query);
  if (!wanted) return am::refusal(400, wanted.error().message());
  auto silences = backend.silences();
  if (!silences) return failed(silences.error());
  const base::Time now = backend.now();
  std::erase_if(*silences, [&](const model::Silence& silence) {
    return !flag(call.query, model::to_string(silence.state(now))) || !matches_silence(*wanted, silence);
  });
  std::ranges::stable_sort(*silences, [&](const auto& a, const auto& b) { return silence_before(a, b, now); });
  std::string body;
  JsonWriter json(body);
  json.open_array();
  for (const model::Silence& silence : *silences) am::write(json, silence, now);
  json.close_array();
  return json_reply(std::move(body));
}

Outcome am_post_silence(Backend& backend, const Call& call) {
  if (auto why = off(backend)) return std::unexpected(std::move(*why));
  if (auto refused = refuse_type(call.request)) return std::move(*refused);
  auto silence = am::read_silence(call.request.body);
  if (!silence) return std::move(silence).error();
  if (!silence->id.empty()) {
    auto known = backend.silence(silence->id);
    if (!known) return failed(known.error());
    if (!*known) return am::refusal(404, "there is no silence " + silence->id);
    *silence = edited(std::move(**known), std::move(*silence));
  }
  auto id = backend.set_silence(std::move(*silence));
  if (!id) return failed(id.error());
  std::string body;
  JsonWriter(body).open_object().field("silenceID", *id).close_object();
  return json_reply(std::move(body));
}

Outcome am_silence(Backend& backend, const Call& call) {
  if (auto why = off(backend)) return std::unexpected(std::move(*why));
  if (auto refused = refuse_id(call.path[0])) return std::move(*refused);
  auto found = backend.silence(call.path[0]);
  if (!found) return failed(found.error());
  if (!*found) return am::refusal(404, "there is no silence " + call.path[0]);
  std::string body;
  JsonWriter json(body);
  am::write(json, **found, backend.now());
  return json_reply(std::move(body));
}

Outcome am_expire_silence(Backend& backend, const Call& call) {
  if (auto why = off(backend)) return std::unexpected(std::move(*why));
  if (auto refused = refuse_id(call.path[0])) return std::move(*refused);
  auto expired = backend.expire_silence(call.path[0], "api");
  // To end what is over is no mistake, for Alertmanager.
  return expired || is_over(backend, call.path[0]) ? done() : failed(expired.error());
}

Outcome am_healthy(Backend& backend, const Call&) {
  if (auto why = off(backend)) return std::unexpected(std::move(*why));
  return page("OK");
}

Outcome am_ready(Backend& backend, const Call&) {
  if (auto why = off(backend)) return std::unexpected(std::move(*why));
  std::string reason = backend.not_ready();
  return reason.empty() ? page("OK") : page(reason, 503);
}

Outcome am_reload(Backend& backend, const Call&) {
  if (auto why = off(backend)) return std::unexpected(std::move(*why));
  auto reloaded = backend.reload();
  return reloaded ? done() : page("failed to reload config: " + reloaded.error().message(), 500);
}

}  // namespace tocsin::api::handlers
