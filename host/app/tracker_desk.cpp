#include "app/tracker_desk.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <set>

#include "app/adoption.hpp"
#include "base/text.hpp"

namespace tocsin::app {
namespace {

using base::Fault;
using base::Result;

constexpr base::Duration sync_time = std::chrono::seconds(20), probe_time = std::chrono::seconds(20);
/// A plugin that keeps to its deadline answers by it; the host ends what does not a second later.
constexpr base::Duration answer_grace = std::chrono::seconds(3);
constexpr std::size_t most_owed = 10'000;

/// Answers that come on the pool, waited for by one thread. Shared: a late one finds its place still there.
struct Asking {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<api::TrackerAsked> answers;
  std::size_t open = 0;

  void answer(std::size_t at, std::string error) {
    std::lock_guard lock(mutex);
    answers[at].synced = error.empty();
    answers[at].error = std::move(error);
    --open;
    changed.notify_all();
  }
};

}  // namespace

Result<std::vector<std::string>> TrackerDesk::trackers(const std::string& instance) const {
  std::vector<std::string> names;
  for (const auto& [name, channel] : parts_.routing().channels) {
    if (channel.tracker) names.push_back(name);
  }
  if (instance.empty()) {
    if (names.empty()) return base::fail(Fault::not_found, "no [tracker.*] is configured");
    return names;
  }
  if (std::ranges::find(names, instance) != names.end()) return std::vector<std::string>{instance};
  const std::string near = base::nearest(instance, names);
  return base::fail(Fault::not_found, "there is no [tracker." + instance + "]" +
                                          (near.empty() ? "" : "; did you mean \"" + near + "\"?"));
}

std::vector<api::TrackerAsked> TrackerDesk::ask_all(const std::vector<std::string>& names) const {
  auto asking = std::make_shared<Asking>();
  asking->open = names.size();
  for (const auto& name : names)
    asking->answers.push_back({name, false, "it has not answered in time; see the agent's log"});
  const base::Time deadline = parts_.clock->now() + sync_time;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto tracker = parts_.fleet->instance("tracker." + names[i]);
    if (!tracker) {
      asking->answer(i, "its plugin is not running; see `tocsin plugin list`");
    } else if (!tracker->syncs()) {
      asking->answer(i, "it cannot be asked for what changed");
    } else {
      parts_.pool->post([asking, tracker, deadline, i] {
        const auto done = tracker->sync(deadline);
        asking->answer(i, done ? "" : done.error().message());
      });
    }
  }
  std::unique_lock lock(asking->mutex);
  asking->changed.wait_for(lock, sync_time + answer_grace, [&] { return asking->open == 0; });
  return asking->answers;
}

/// After the other side was heard, so that what people decided there is not overruled by what was owed.
Result<std::size_t> TrackerDesk::queue_owed(const std::vector<std::string>& names) const {
  const std::set<std::string> wanted(names.begin(), names.end());
  std::vector<model::DeadLetter> dead;
  storage::Page page{1000, ""};
  do {
    TRY(auto found, parts_.pipeline->store().dead_letters(page));
    for (auto& letter : found.items) {
      if (letter.what == "delivery" && letter.delivery.tracker && wanted.contains(letter.delivery.instance))
        dead.push_back(std::move(letter));
    }
    page.after = found.next;
  } while (!page.after.empty() && dead.size() < most_owed);
  auto queued = std::make_shared<std::size_t>(0);
  TRY_VOID(parts_.pipeline->decide(
      [wanted, dead = std::move(dead), queued](incidents::Desk& desk, base::Time now) -> Result<model::Changes> {
        return desk.bring_tickets_in_step(wanted, dead, now, queued.get());
      }));
  return *queued;
}

Result<api::TrackerSync> TrackerDesk::sync(const std::string& instance) const {
  TRY(const auto names, trackers(instance));
  api::TrackerSync out;
  out.trackers = ask_all(names);
  TRY(out.queued, queue_owed(names));
  return out;
}

Result<std::vector<api::TicketTrial>> TrackerDesk::trial(const std::string& incident,
                                                         const std::string& instance) const {
  TRY(const auto names, trackers(instance));
  std::vector<api::TicketTrial> out;
  for (const auto& name : names) {
    const auto tracker = parts_.fleet->instance("tracker." + name);
    if (!tracker) {
      return base::fail(
          Fault::unavailable,
          "[tracker." + name + "] is not running: its plugin is missing or failed; see `tocsin plugin list`");
    }
    if (!tracker->probes()) {
      return base::fail(Fault::unsupported, "[tracker." + name + "] cannot say what it would send");
    }
    // An incident that the desk has let go of is taken back first.
    auto preview = std::make_shared<model::Delivery>();
    TRY_VOID(
        decide_adopting(*parts_.pipeline, incident,
                        [incident, name, preview](incidents::Desk& desk, base::Time now) -> Result<model::Changes> {
                          TRY(*preview, desk.ticket_preview(incident, name, now));
                          return model::Changes{};
                        }));
    TRY(std::string report, tracker->probe(preview.get(), parts_.external_url, parts_.clock->now() + probe_time));
    if (!preview->last_error.empty()) report = "warning: " + preview->last_error + "\n" + report;
    out.push_back({name, std::move(report)});
  }
  return out;
}

}  // namespace tocsin::app
