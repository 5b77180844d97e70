// Who is on call as the HTTP API sees it: decided and read on the control strand, where the desk holds it.
#include "app/backend.hpp"
#include "incidents/rotation.hpp"
#include "telemetry/log.hpp"

namespace tocsin::app {
namespace {

using incidents::Desk;
using incidents::OnCall;

constexpr base::Duration calendar_ahead = std::chrono::hours(24 * 90);

api::OncallSpan span_of(const OnCall& one) {
  return {one.contact, std::string(incidents::to_string(one.by)), one.override_id, one.since, one.until};
}

std::vector<api::OncallView> oncall_views(const incidents::Roster& roster, base::Time at) {
  std::vector<api::OncallView> out;
  const std::vector<model::OncallOverride> overrides = roster.overrides(at);
  for (const std::string& rotation : roster.rotations()) {
    const OnCall now = roster.at(rotation, at).value();
    api::OncallView& view = out.emplace_back();
    view.rotation = rotation;
    view.now = span_of(now);
    view.next = span_of(roster.at(rotation, now.until).value());
    for (const auto& one : overrides) {
      if (one.rotation == rotation) view.overrides.push_back(one);
    }
  }
  return out;
}

}  // namespace

base::Result<std::vector<api::OncallView>> Backend::oncall(base::Time at) {
  auto out = std::make_shared<std::vector<api::OncallView>>();
  TRY_VOID(parts_.pipeline->decide([out, at](Desk& desk, base::Time) -> base::Result<model::Changes> {
    *out = oncall_views(desk.roster(), at);
    return model::Changes{};
  }));
  return std::move(*out);
}

base::Result<model::OncallOverride> Backend::set_override(model::OncallOverride wanted) {
  auto made = std::make_shared<model::OncallOverride>();
  TRY_VOID(parts_.pipeline->decide(
      [wanted, made](Desk& desk, base::Time at) { return desk.set_override(wanted, at, made.get()); }));
  telemetry::log_info("oncall", "somebody stands in",
                      {{"rotation", made->rotation}, {"to", made->contact}, {"by", made->created_by}});
  return std::move(*made);
}

base::Result<void> Backend::remove_override(const std::string& id, const std::string& actor) {
  TRY_VOID(parts_.pipeline->decide([id](Desk& desk, base::Time at) { return desk.remove_override(id, at); }));
  telemetry::log_info("oncall", "an override was removed", {{"id", id}, {"by", actor}});
  return {};
}

base::Result<std::string> Backend::oncall_calendar(const std::string& rotation) {
  auto out = std::make_shared<std::string>();
  TRY_VOID(parts_.pipeline->decide([out, rotation](Desk& desk, base::Time at) -> base::Result<model::Changes> {
    if (!desk.roster().has(rotation)) {
      return base::fail(base::Fault::not_found, "there is no rotation \"" + rotation + "\"");
    }
    *out = incidents::oncall_calendar(rotation, desk.roster().between(rotation, at, at + calendar_ahead), at);
    return model::Changes{};
  }));
  return std::move(*out);
}

}  // namespace tocsin::app
