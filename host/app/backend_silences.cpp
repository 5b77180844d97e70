// Silences as the HTTP API sees them: decided and read on the control strand, where the desk holds them.
#include "app/backend.hpp"
#include "incidents/silences.hpp"

namespace tocsin::app {
namespace {

using incidents::Desk;
using model::Silence;

api::SilenceView view_of(Silence silence, base::Time now) {
  const auto phase = incidents::Silences::phase(silence, now);
  const auto state = silence.state(now);
  return {std::move(silence), state, phase.holds, phase.until};
}

/// Asks the desk; the answer is what `ask` returns.
template <class Ask>
auto asked(pipeline::Pipeline& pipeline, Ask ask) -> base::Result<decltype(ask(std::declval<Desk&>(), base::Time{}))> {
  using Answer = decltype(ask(std::declval<Desk&>(), base::Time{}));
  auto answer = std::make_shared<Answer>();
  TRY_VOID(pipeline.decide([answer, ask = std::move(ask)](Desk& desk, base::Time at) -> base::Result<model::Changes> {
    *answer = ask(desk, at);
    return model::Changes{};
  }));
  return std::move(*answer);
}

}  // namespace

base::Result<std::string> Backend::set_silence(Silence silence) {
  auto id = std::make_shared<std::string>();
  TRY_VOID(parts_.pipeline->decide(
      [silence, id](Desk& desk, base::Time at) { return desk.set_silence(silence, at, id.get()); }));
  return std::move(*id);
}

base::Result<void> Backend::expire_silence(const std::string& id, const std::string& actor) {
  return parts_.pipeline->decide([=](Desk& desk, base::Time at) { return desk.expire_silence(id, actor, at); });
}

base::Result<std::vector<Silence>> Backend::silences() {
  return asked(*parts_.pipeline, [](Desk& desk, base::Time at) { return desk.silences(at); });
}

base::Result<std::optional<Silence>> Backend::silence(const std::string& id) {
  return asked(*parts_.pipeline, [id](Desk& desk, base::Time) { return desk.find_silence(id); });
}

base::Result<std::vector<api::SilenceView>> Backend::silence_views(const model::Matchers& filter) {
  TRY(auto found, asked(*parts_.pipeline, [filter](Desk& desk, base::Time at) { return desk.silences(at, filter); }));
  std::vector<api::SilenceView> views;
  const base::Time at = now();
  for (Silence& silence : found) views.push_back(view_of(std::move(silence), at));
  return views;
}

base::Result<api::SilenceView> Backend::silence_view(const std::string& id) {
  TRY(auto found, silence(id));
  if (!found) return base::fail(base::Fault::not_found, "there is no silence " + id);
  return view_of(std::move(*found), now());
}

base::Result<api::SilencePreview> Backend::preview_silence(const Silence& silence) {
  TRY(auto preview,
      asked(*parts_.pipeline, [silence](Desk& desk, base::Time) { return desk.preview_silence(silence); }));
  return api::SilencePreview{std::move(preview.alerts), preview.firing, std::move(preview.warning)};
}

}  // namespace tocsin::app
