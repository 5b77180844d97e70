// Silences: who is not told, for how long, and what a silence would mean before it is set.
#include <algorithm>
#include <array>

#include "api/handlers.hpp"
#include "api/present.hpp"
#include "base/text.hpp"

namespace tocsin::api::handlers {
namespace {

using model::Silence;
using model::SilenceState;

const std::array<std::string, 3> state_words{"active", "pending", "expired"};
constexpr std::array states{SilenceState::active, SilenceState::pending, SilenceState::expired};

/// Alerts that a preview lists at most; their number is told whole.
constexpr std::size_t most_shown = 1000;

Problem wrong(std::string_view key, const std::string& detail) {
  return Problem(400, "member \"" + std::string(key) + "\": " + detail).with("parameter", json_text(key));
}

Checked<model::Matchers> matchers(const Body& body, std::string_view key) {
  CHECKED(const std::vector<std::string> texts, body.texts(key));
  model::Matchers out;
  for (const std::string& text : texts) {
    auto matcher = model::Matcher::parse(text);
    if (!matcher) return std::unexpected(wrong(key, matcher.error().message()));
    out.push_back(std::move(*matcher));
  }
  return out;
}

Checked<base::Time> time(const Body& body, std::string_view key, base::Time now) {
  CHECKED(const std::string text, body.text(key));
  if (text.empty()) return base::no_time;
  auto parsed = base::parse_instant(text, now);
  if (!parsed) return std::unexpected(wrong(key, parsed.error().message()));
  return *parsed;
}

Checked<base::Duration> duration(const Body& body, std::string_view key) {
  CHECKED(const std::string text, body.text(key));
  if (text.empty()) return base::Duration::zero();
  auto parsed = base::parse_duration(text);
  if (!parsed) return std::unexpected(wrong(key, parsed.error().message()));
  return *parsed;
}

Checked<bool> flag(const Body& body, std::string_view key) {
  const base::Value* value = body.find(key);
  if (value == nullptr || value->is_null()) return false;
  if (value->boolean() == nullptr)
    return std::unexpected(wrong(key, "expected true or false, got " + std::string(value->type_name())));
  return *value->boolean();
}

/// When it begins and ends. `duration` counts from the start, or from now where it has begun.
Checked<Silence> with_times(const Body& body, Silence silence, base::Time now) {
  if (body.find("starts_at") != nullptr) {
    CHECKED(silence.starts_at, time(body, "starts_at", now));
  }
  if (body.find("ends_at") != nullptr) {
    CHECKED(silence.ends_at, time(body, "ends_at", now));
  }
  CHECKED(const base::Duration lasts, duration(body, "duration"));
  if (lasts == base::Duration::zero()) return silence;
  if (body.find("ends_at") != nullptr && silence.ends_at != base::no_time)
    return std::unexpected(wrong("duration", "give either this or ends_at"));
  silence.ends_at = std::max(silence.starts_at, now) + lasts;
  return silence;
}

/// Members that are given replace what `silence` says.
Checked<Silence> with_body(const Body& body, Silence silence, base::Time now) {
  const auto given = [&](std::string_view key) { return body.find(key) != nullptr; };
  if (given("matchers")) {
    CHECKED(silence.matchers, matchers(body, "matchers"));
  }
  if (given("except")) {
    CHECKED(silence.except, matchers(body, "except"));
  }
  if (given("created_by")) {
    CHECKED(silence.created_by, body.text("created_by"));
  }
  if (given("comment")) {
    CHECKED(silence.comment, body.text("comment"));
  }
  if (given("every")) {
    CHECKED(silence.recurrence.every, body.text("every"));
  }
  if (given("for")) {
    CHECKED(silence.recurrence.length, duration(body, "for"));
  }
  if (given("zone")) {
    CHECKED(silence.recurrence.zone, body.text("zone"));
  }
  if (given("until_resolved")) {
    CHECKED(silence.until_resolved, flag(body, "until_resolved"));
  }
  if (given("annotations")) {
    CHECKED(const model::Labels annotations, body.labels("annotations"));
    silence.annotations = {annotations.begin(), annotations.end()};
  }
  return with_times(body, std::move(silence), now);
}

Checked<Body> parse(const Request& request) {
  return Body::parse(request, {"id", "matchers", "except", "starts_at", "ends_at", "duration", "created_by", "comment",
                               "annotations", "every", "for", "zone", "until_resolved"});
}

/// What an edit begins with: the silence as it is; an expired one begins anew.
Checked<Silence> before_edit(Backend& backend, const std::string& id, base::Time now) {
  TRY(std::optional<Silence> found, backend.silence(id));
  if (!found) return std::unexpected(Problem(404, "there is no silence " + id));
  if (found->state(now) == SilenceState::expired) found->starts_at = found->ends_at = base::no_time;
  return std::move(*found);
}

std::string preview_json(const SilencePreview& preview) {
  std::string out;
  JsonWriter json(out);
  json.open_object().field("matching", preview.alerts.size()).field("firing", preview.firing);
  optional_text(json, "warning", preview.warning);
  json.key("alerts").open_array();
  for (std::size_t i = 0; i < std::min(preview.alerts.size(), most_shown); ++i) write(json, preview.alerts[i]);
  json.close_array().close_object();
  return out;
}

}  // namespace

Outcome list_silences(Backend& backend, const Call& call) {
  CHECKED(Page page, call.query.page());
  std::vector<SilenceState> wanted;
  for (const std::string& given : call.query.list("state")) {
    CHECKED(std::size_t which, pick("state", given, state_words));
    wanted.push_back(states[which]);
  }
  model::Matchers filter;
  for (const std::string& text : call.query.repeated("match")) {
    auto matcher = model::Matcher::parse(text);
    if (!matcher) return std::unexpected(bad_parameter("match", text, "label=\"value\", also != =~ !~"));
    filter.push_back(std::move(*matcher));
  }
  TRY(std::vector<SilenceView> found, backend.silence_views(filter));
  if (!wanted.empty())
    std::erase_if(found, [&](const auto& view) { return std::ranges::find(wanted, view.state) == wanted.end(); });
  CHECKED(Listed<SilenceView> listed, slice(std::move(found), page));
  return json_reply(list_json(listed));
}

Outcome show_silence(Backend& backend, const Call& call) {
  TRY(SilenceView view, backend.silence_view(call.path[0]));
  return json_reply(object_json(view));
}

Outcome set_silence(Backend& backend, const Call& call) {
  CHECKED(Body body, parse(call.request));
  const base::Time now = backend.now();
  CHECKED(const std::string id, body.text("id"));
  Silence silence;
  if (!id.empty()) {
    CHECKED(silence, before_edit(backend, id, now));
  }
  CHECKED(silence, with_body(body, std::move(silence), now));
  for (const auto& [key, text] : {std::pair("created_by", &silence.created_by), {"comment", &silence.comment}}) {
    if (base::trim(*text).empty())
      return std::unexpected(wrong(key, "is missing or empty; a silence says who set it and why"));
  }
  TRY(const SilencePreview preview, backend.preview_silence(silence));
  TRY(const std::string kept, backend.set_silence(std::move(silence)));
  TRY(const SilenceView view, backend.silence_view(kept));
  std::string out;
  JsonWriter json(out);
  json.open_object().field("id", kept).field("matching", preview.alerts.size()).field("firing", preview.firing);
  optional_text(json, "warning", preview.warning);
  write(json.key("silence"), view);
  json.close_object();
  return json_reply(std::move(out));
}

Outcome expire_silence(Backend& backend, const Call& call) {
  CHECKED(Body body, Body::parse(call.request, {"by"}));
  CHECKED(std::string by, actor(body));
  TRY_VOID(backend.expire_silence(call.path[0], by));
  TRY(SilenceView view, backend.silence_view(call.path[0]));
  return json_reply(object_json(view));
}

Outcome preview_silence(Backend& backend, const Call& call) {
  CHECKED(Body body, parse(call.request));
  CHECKED(const Silence silence, with_body(body, {}, backend.now()));
  if (silence.matchers.empty()) return std::unexpected(wrong("matchers", "give at least one"));
  TRY(const SilencePreview preview, backend.preview_silence(silence));
  return json_reply(preview_json(preview));
}

}  // namespace tocsin::api::handlers
