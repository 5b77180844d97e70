// The agent as the HTTP API sees it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "api/backend.hpp"
#include "app/action_links.hpp"
#include "app/agent.hpp"
#include "app/detectors.hpp"
#include "app/fleet.hpp"
#include "app/heartbeat_watch.hpp"
#include "app/query_loop.hpp"
#include "app/route_guard.hpp"
#include "app/row_rule_loop.hpp"
#include "app/signal_tail.hpp"
#include "app/tracker_desk.hpp"
#include "pipeline/pipeline.hpp"
#include "settings/load.hpp"
#include "telemetry/metrics.hpp"

namespace tocsin::app {

class Backend final : public api::Backend {
 public:
  struct Parts {
    const base::Clock* clock = nullptr;
    pipeline::Pipeline* pipeline = nullptr;
    Fleet* fleet = nullptr;
    ActionLinks* links = nullptr;
    Detectors* detectors = nullptr;
    telemetry::Metrics* metrics = nullptr;
    HeartbeatWatch* heartbeats = nullptr;
    RowRuleLoop* row_rules = nullptr;
    QueryLoop* queries = nullptr;
    TrackerDesk* trackers = nullptr;
    SignalTail* tail = nullptr;
    std::function<std::vector<model::SharedRule>()> rules;
    std::function<model::Routing()> routing;
    std::function<base::Result<std::vector<std::string>>()> reload;
    std::function<std::string()> not_ready;  ///< of the agent as a whole; empty: ready
    /// Alertmanager's API as it is configured now; none: it is not served.
    std::function<std::optional<settings::AlertmanagerSource>()> alertmanager;
    RouteGuard* alertmanager_guard = nullptr;
    /// The configuration as Alertmanager's clients read it; null or empty: YAML made from the routing.
    std::function<std::string()> shown;
    std::string name;
    std::string address;  ///< of the listener, as clients are told
    Cluster cluster;
    /// The agent that decides (api::Backend::decider); null: this one.
    std::function<base::Result<std::string>()> decider;
  };
  explicit Backend(Parts parts);
  ~Backend() override;

  base::Time now() const override { return parts_.clock->now(); }
  base::Result<std::vector<api::HistorySeries>> history(const api::HistoryQuery& query) override;
  base::Result<std::vector<api::SeriesInfo>> series(const std::string& pattern) override;
  base::Result<api::SignalTailPage> tail_signals(const api::SignalTailQuery& query) override {
    return parts_.tail->read(query);
  }
  std::vector<api::RuleInfo> rules() override;
  base::Result<api::Listed<model::Alert>> alerts(bool history, const std::string& rule, base::Time from, base::Time to,
                                                 const api::Page& page) override;
  base::Result<api::Listed<model::Incident>> incidents(const api::IncidentFilter& filter) override;
  base::Result<api::IncidentView> incident(const std::string& id) override;
  base::Result<model::Incident> create_incident(model::Incident incident, const std::string& actor) override;
  base::Result<model::Incident> set_status(const std::string& id, model::IncidentStatus to, const std::string& notes,
                                           const std::string& reason, base::Duration lasts,
                                           const std::string& actor) override;
  base::Result<model::Incident> assign(const std::string& id, const std::string& owner,
                                       const std::string& actor) override;
  base::Result<model::Incident> note(const std::string& id, const std::string& text, const std::string& actor) override;
  base::Result<model::Incident> tag(const std::string& id, const std::vector<std::string>& add,
                                    const std::vector<std::string>& remove, const std::string& actor) override;
  base::Result<model::Incident> link(const std::string& id, const model::Link& link, const std::string& actor) override;
  base::Result<model::Incident> merge(const std::string& id, const std::string& into,
                                      const std::string& actor) override;
  base::Result<model::Incident> snooze(const std::string& id, base::Time until, const std::string& actor) override;
  base::Result<model::Incident> escalate(const std::string& id, const std::string& actor) override;
  base::Result<model::Incident> page(const std::string& id, const std::vector<std::string>& targets,
                                     const std::string& text, const std::string& actor) override;
  base::Result<model::Attachment> attach(const std::string& id, model::Attachment file,
                                         const std::string& actor) override;
  base::Result<std::vector<model::Attachment>> attachments(const std::string& id) override;
  base::Result<model::Attachment> attachment(const std::string& id, std::uint64_t file) override;
  base::Result<std::pair<std::vector<model::IncidentEvent>, std::uint64_t>> incident_events(
      std::optional<std::uint64_t> after, std::size_t most) override;
  void on_incident_events(std::function<void()> listener) override;
  base::Result<model::Incident> acknowledge_alert(const std::string& alert_id, const std::string& actor) override;
  base::Result<api::Listed<model::Attempt>> notifications(const std::string& incident, const std::string& instance,
                                                          const std::string& status, const api::Page& page) override;
  base::Result<model::Attempt> send_test(const std::string& instance, const std::string& to) override;
  std::vector<model::PluginStatus> plugins() override;
  base::Result<api::Listed<model::DeadLetter>> dead_letters(const api::Page& page) override;
  base::Result<void> replay_dead_letter(std::uint64_t id) override;
  base::Result<std::vector<model::TicketRef>> tickets() override;
  base::Result<model::TicketRef> link_ticket(const std::string& incident, model::TicketRef wanted,
                                             const std::string& actor) override;
  base::Result<model::TicketRef> open_ticket(const std::string& incident, const std::string& instance,
                                             const std::string& actor) override;
  base::Result<model::TicketRef> unlink_ticket(const std::string& incident, const std::string& instance,
                                               const std::string& actor) override;
  base::Result<api::TrackerSync> sync_trackers(const std::string& instance) override {
    return parts_.trackers->sync(instance);
  }
  base::Result<std::vector<api::TicketTrial>> try_ticket(const std::string& incident,
                                                         const std::string& instance) override;
  base::Result<api::Listed<model::Exchange>> exchanges(const std::string& incident, const api::Page& page) override;
  base::Result<std::string> set_silence(model::Silence silence) override;
  base::Result<void> expire_silence(const std::string& id, const std::string& actor) override;
  base::Result<std::vector<model::Silence>> silences() override;
  base::Result<std::optional<model::Silence>> silence(const std::string& id) override;
  base::Result<std::vector<api::SilenceView>> silence_views(const model::Matchers& filter) override;
  base::Result<api::SilenceView> silence_view(const std::string& id) override;
  base::Result<api::SilencePreview> preview_silence(const model::Silence& silence) override;
  base::Result<std::vector<api::OncallView>> oncall(base::Time at) override;
  base::Result<model::OncallOverride> set_override(model::OncallOverride wanted) override;
  base::Result<void> remove_override(const std::string& id, const std::string& actor) override;
  base::Result<std::string> oncall_calendar(const std::string& rotation) override;
  base::Result<std::optional<model::Pause>> pause_state() override;
  base::Result<std::optional<model::Pause>> pause(model::Pause wanted) override;
  base::Result<void> resume(const std::string& actor) override;
  base::Result<api::DrillView> start_drill(const api::DrillWish& wish, const std::string& actor) override;
  base::Result<api::DrillView> drill(const std::string& id) override;
  base::Result<api::Explanation> explain(const api::ExplainQuery& query) override;
  std::vector<model::HeartbeatView> heartbeats() override { return parts_.heartbeats->list(); }
  base::Result<model::HeartbeatView> beat(model::Beat beat) override {
    return parts_.heartbeats->ping(std::move(beat));
  }
  base::Result<std::vector<std::string>> reload() override { return parts_.reload(); }
  std::string metrics(bool openmetrics) override { return parts_.metrics->text(openmetrics); }
  std::string not_ready() override { return parts_.not_ready(); }
  base::Result<std::string> decider() override { return parts_.decider ? parts_.decider() : std::string(); }
  base::Result<api::LinkView> link_view(std::string_view token, std::string_view remote) override {
    return parts_.links->view(token, remote);
  }
  base::Result<api::LinkView> follow_link(std::string_view token, std::string_view remote) override {
    return parts_.links->follow(token, remote);
  }
  std::string alertmanager_off() override;
  api::AlertmanagerStatus alertmanager_status() override;
  std::string alertmanager_config() override;
  base::Result<void> receive(std::vector<model::ReceivedAlert> alerts) override;
  base::Result<std::vector<model::AlertView>> active_alerts(const model::AlertFilter& filter) override;
  base::Result<std::vector<model::AlertGroupView>> alert_groups(const model::AlertFilter& filter) override;
  base::Result<std::vector<std::string>> receivers() override;
  std::map<std::string, std::string> version() override;
  std::vector<model::RouteDoc> plugin_routes() override { return parts_.fleet->routes(); }
  bool plugin_route(const PluginRequest& request, std::function<void(PluginResponse)> done) override;
  std::optional<PluginResponse> alertmanager_refuses(const PluginRequest& request, bool whole) override;
  std::optional<PluginResponse> plugin_refuses(const PluginRequest& request) override;

 private:
  base::Result<std::string> correlation_of(const std::string& id);
  /// Decides; an incident that the desk has let go of is taken back from the store first.
  base::Result<model::Incident> decide(const std::string& id, const pipeline::Pipeline::Decide& decide);
  base::Result<void> adopt(const std::string& id);
  base::Result<model::TicketRef> decide_ticket(const std::string& id, const std::string& instance,
                                               const pipeline::Pipeline::Decide& decide);
  base::Result<model::Delivery> trial(const std::string& instance, const std::string& to);

  Parts parts_;
  const base::Time started_;
  // Trial messages wait for the end of their delivery by key.
  struct Waiting;
  std::shared_ptr<Waiting> waiting_;
  struct Listening;
  std::shared_ptr<Listening> listening_;
};

}  // namespace tocsin::app
