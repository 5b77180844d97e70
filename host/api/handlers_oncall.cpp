// Who is on call, and who stands in for whom.
#include "api/handlers.hpp"
#include "api/present.hpp"
#include "base/text.hpp"

namespace tocsin::api::handlers {
namespace {

constexpr std::string_view calendar_suffix = ".ics";

/// An instant of a body; no_time where it is missing.
Checked<base::Time> oncall_time(const Body& body, std::string_view key, base::Time now) {
  CHECKED(const std::string text, body.text(key));
  if (text.empty()) return base::no_time;
  auto parsed = base::parse_instant(text, now);
  if (parsed) return *parsed;
  return std::unexpected(Problem(400, "member \"" + std::string(key) + "\": " + parsed.error().message())
                             .with("parameter", json_text(key)));
}

}  // namespace

Outcome show_oncall(Backend& backend, const Call& call) {
  CHECKED(Page page, call.query.page());
  const base::Time now = backend.now();
  CHECKED(const base::Time at, call.query.time("at", now));
  TRY(std::vector<OncallView> found, backend.oncall(at == base::no_time ? now : at));
  CHECKED(Listed<OncallView> listed, slice(std::move(found), page));
  return json_reply(list_json(listed));
}

Outcome set_override(Backend& backend, const Call& call) {
  CHECKED(Body body, Body::parse(call.request, {"rotation", "to", "from", "until", "by"}));
  const base::Time now = backend.now();
  model::OncallOverride wanted;
  CHECKED(wanted.created_by, actor(body));
  CHECKED(wanted.rotation, body.required("rotation"));
  CHECKED(wanted.contact, body.required("to"));
  CHECKED(wanted.from, oncall_time(body, "from", now));
  CHECKED(const std::string until, body.required("until"));
  CHECKED(wanted.until, oncall_time(body, "until", now));
  TRY(const model::OncallOverride made, backend.set_override(std::move(wanted)));
  return json_reply(object_json(made), 201);
}

Outcome remove_override(Backend& backend, const Call& call) {
  CHECKED(Body body, Body::parse(call.request, {"by"}));
  CHECKED(const std::string by, actor(body));
  TRY_VOID(backend.remove_override(call.path[0], by));
  std::string out;
  JsonWriter(out).open_object().field("id", call.path[0]).close_object();
  return json_reply(std::move(out));
}

Outcome export_oncall(Backend& backend, const Call& call) {
  std::string rotation = call.path[0];
  if (!rotation.ends_with(calendar_suffix)) {
    return std::unexpected(
        Problem(404, "there is no \"" + rotation + "\" here; a rotation's calendar is at /api/v1/oncall/ROTATION.ics"));
  }
  rotation.resize(rotation.size() - calendar_suffix.size());
  TRY(std::string text, backend.oncall_calendar(rotation));
  Reply reply;
  reply.content_type = "text/calendar; charset=utf-8";
  reply.headers.emplace_back("Content-Disposition", "attachment; filename=\"oncall.ics\"");
  reply.body = std::move(text);
  return reply;
}

}  // namespace tocsin::api::handlers
