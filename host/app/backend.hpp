// The agent as the HTTP API sees it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "api/backend.hpp"
#include "app/detectors.hpp"
#include "app/fleet.hpp"
#include "app/heartbeat_watch.hpp"
#include "app/row_rule_loop.hpp"
#include "pipeline/pipeline.hpp"
#include "telemetry/metrics.hpp"

namespace tocsin::app {

class Backend final : public api::Backend {
 public:
  struct Parts {
    const base::Clock* clock = nullptr;
    pipeline::Pipeline* pipeline = nullptr;
    Fleet* fleet = nullptr;
    Detectors* detectors = nullptr;
    telemetry::Metrics* metrics = nullptr;
    HeartbeatWatch* heartbeats = nullptr;
    RowRuleLoop* row_rules = nullptr;
    std::function<std::vector<model::SharedRule>()> rules;
    std::function<model::Routing()> routing;
    std::function<base::Result<std::vector<std::string>>()> reload;
    std::function<std::string()> not_ready;  ///< of the agent as a whole; empty: ready
    std::string name;
  };
  explicit Backend(Parts parts);
  ~Backend() override;

  base::Time now() const override { return parts_.clock->now(); }
  base::Result<std::vector<api::HistorySeries>> history(const api::HistoryQuery& query) override;
  base::Result<std::vector<api::SeriesInfo>> series(const std::string& pattern) override;
  std::vector<api::RuleInfo> rules() override;
  base::Result<api::Listed<model::Alert>> alerts(bool history, const std::string& rule, base::Time from, base::Time to,
                                                 const api::Page& page) override;
  base::Result<api::Listed<model::Incident>> incidents(const api::IncidentFilter& filter) override;
  base::Result<api::IncidentView> incident(const std::string& id) override;
  base::Result<model::Incident> create_incident(model::Incident incident, const std::string& actor) override;
  base::Result<model::Incident> set_status(const std::string& id, model::IncidentStatus to, const std::string& notes,
                                           const std::string& reason, const std::string& actor) override;
  base::Result<model::Incident> assign(const std::string& id, const std::string& owner,
                                       const std::string& actor) override;
  base::Result<model::Incident> note(const std::string& id, const std::string& text, const std::string& actor) override;
  base::Result<model::Incident> acknowledge_alert(const std::string& alert_id, const std::string& actor) override;
  base::Result<api::Listed<model::Attempt>> notifications(const std::string& incident, const std::string& instance,
                                                          const std::string& status, const api::Page& page) override;
  base::Result<model::Attempt> send_test(const std::string& instance, const std::string& to) override;
  std::vector<model::PluginStatus> plugins() override;
  base::Result<api::Listed<model::DeadLetter>> dead_letters(const api::Page& page) override;
  base::Result<void> replay_dead_letter(std::uint64_t id) override;
  base::Result<std::vector<model::TicketRef>> tickets() override;
  std::vector<model::HeartbeatView> heartbeats() override { return parts_.heartbeats->list(); }
  base::Result<model::HeartbeatView> beat(model::Beat beat) override {
    return parts_.heartbeats->ping(std::move(beat));
  }
  base::Result<std::vector<std::string>> reload() override { return parts_.reload(); }
  std::string metrics(bool openmetrics) override { return parts_.metrics->text(openmetrics); }
  std::string not_ready() override { return parts_.not_ready(); }
  std::map<std::string, std::string> version() override;
  std::vector<model::RouteDoc> plugin_routes() override { return parts_.fleet->routes(); }
  bool plugin_route(const PluginRequest& request, std::function<void(PluginResponse)> done) override;

 private:
  base::Result<std::string> correlation_of(const std::string& id);
  /// Decides; an incident that the desk has let go of is taken back from the store first.
  base::Result<model::Incident> decide(const std::string& id, const pipeline::Pipeline::Decide& decide);
  base::Result<void> adopt(const std::string& id);
  base::Result<model::Delivery> trial(const std::string& instance, const std::string& to);

  Parts parts_;
  // Trial messages wait for the end of their delivery by key.
  struct Waiting;
  std::shared_ptr<Waiting> waiting_;
};

}  // namespace tocsin::app
