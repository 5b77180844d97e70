// Heartbeats: pings as healthchecks.io's clients send them (any method, any body), and the list.
#include <charconv>

#include "api/handlers.hpp"
#include "api/present.hpp"
#include "base/text.hpp"

namespace tocsin::api::handlers {
namespace {

constexpr int most_exit_status = 255;
constexpr std::string_view replacement = "\xef\xbf\xbd";

/// What follows the name: nothing, start, fail, success, or the exit status of the job.
Checked<model::Beat> beat_of(const Call& call) {
  model::Beat beat;
  beat.name = call.path[0];
  if (call.path.size() < 2) return beat;
  const std::string& what = call.path[1];
  if (what == "success") return beat;
  if (what == "start" || what == "fail") {
    beat.kind = model::beat_kind(what);
    return beat;
  }
  const auto [end, problem] = std::from_chars(what.data(), what.data() + what.size(), beat.exit_status);
  const bool number = problem == std::errc() && end == what.data() + what.size();
  if (!number || beat.exit_status < 0 || beat.exit_status > most_exit_status) {
    return std::unexpected(
        Problem(404, "a heartbeat has no \"" + what +
                         "\"; valid: nothing for a success, start, fail, or an exit status from 0 to "
                         "255")
            .with("given", json_text(what)));
  }
  if (beat.exit_status > 0) beat.kind = model::BeatKind::fail;
  return beat;
}

/// Length of the UTF-8 sequence that begins `text`; 0: it is none.
std::size_t sequence(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t length = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 0;
  return length > 0 && length <= text.size() && base::valid_utf8(text.substr(0, length)) ? length : 0;
}

/// The body as text that every store takes: its beginning, what is no UTF-8 and NUL as U+FFFD.
std::string note_of(std::string_view body) {
  std::string out;
  while (!body.empty()) {
    const std::size_t length = sequence(body);
    const std::string_view next = length == 0 || body.front() == '\0' ? replacement : body.substr(0, length);
    if (out.size() + next.size() > model::most_note_bytes) break;
    out += next;
    body.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

Problem unknown_heartbeat(Backend& backend, const std::string& name, const base::Error& error) {
  std::vector<std::string> names;
  for (const auto& each : backend.heartbeats()) names.push_back(each.heartbeat.name);
  Problem problem(404, error.message());
  if (const std::string near = base::nearest(name, names); !near.empty()) problem.with("nearest", json_text(near));
  return problem;
}

}  // namespace

Outcome list_heartbeats(Backend& backend, const Call& call) {
  CHECKED(Page page, call.query.page());
  CHECKED(Listed<model::HeartbeatView> listed, slice(backend.heartbeats(), page));
  return json_reply(list_json(listed));
}

Outcome ping_heartbeat(Backend& backend, const Call& call) {
  // A ping may be a GET, which browsers send for anybody's page: those are not the job.
  if (call.request.header("sec-fetch-site") == "cross-site")
    return std::unexpected(Problem(403, "a page of another origin may not ping a heartbeat here"));
  CHECKED(model::Beat beat, beat_of(call));
  beat.note = note_of(call.request.body);
  auto view = backend.beat(std::move(beat));
  if (view) return json_reply(object_json(*view));
  if (view.error().fault() == base::Fault::not_found)
    return std::unexpected(unknown_heartbeat(backend, call.path[0], view.error()));
  return std::unexpected(Problem(view.error()));
}

}  // namespace tocsin::api::handlers
