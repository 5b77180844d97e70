// What the API asks the agent. Declared here, the consumer; implemented in app. Any thread; calls may block.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/alert.hpp"
#include "model/delivery.hpp"
#include "model/heartbeat.hpp"
#include "model/incident.hpp"
#include "model/matcher.hpp"
#include "model/plugin.hpp"
#include "model/rule.hpp"

namespace tocsin::api {

struct Page {
  std::size_t limit = 100;
  std::string after;
};
template <class T>
struct Listed {
  std::vector<T> items;
  std::string next;
};

struct HistoryQuery {
  std::string name;  ///< or loader
  std::string loader, segment;
  model::Matchers matchers;
  base::Time from{}, to{};
  std::string aggregation = "raw";  ///< raw avg sum min max count p50 p95 p99
  base::Duration bucket{};          ///< 0: none given
  std::size_t limit = 10'000;       ///< points per series; above it LTTB downsampling
};
struct Point {
  double timestamp = 0;  ///< epoch seconds
  double value = 0;
};
struct HistorySeries {
  std::string name;
  model::Labels labels;
  std::vector<Point> points;
};
struct SeriesInfo {
  std::string name;
  model::Labels labels;
  base::Time first{}, last{};
  std::uint64_t samples = 0;
};
struct RuleInfo {
  model::SharedRule rule;
  std::string health, last_error;
  std::uint64_t evaluations = 0, failures = 0, groups = 0, pending = 0, firing = 0;
  base::Time last_evaluation{};
};
struct IncidentFilter {
  std::vector<model::IncidentStatus> status;
  std::vector<model::Severity> severity;
  std::string text;
  base::Time from{}, to{};
  Page page;
};
struct IncidentView {
  model::Incident incident;
  std::vector<model::IncidentAlert> alerts;
  std::vector<model::TimelineEntry> timeline;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual base::Time now() const = 0;

  virtual base::Result<std::vector<HistorySeries>> history(const HistoryQuery& query) = 0;
  virtual base::Result<std::vector<SeriesInfo>> series(const std::string& pattern) = 0;
  virtual std::vector<RuleInfo> rules() = 0;
  virtual base::Result<Listed<model::Alert>> alerts(bool history, const std::string& rule, base::Time from,
                                                    base::Time to, const Page& page) = 0;
  virtual base::Result<Listed<model::Incident>> incidents(const IncidentFilter& filter) = 0;
  virtual base::Result<IncidentView> incident(const std::string& id) = 0;
  virtual base::Result<model::Incident> create_incident(model::Incident incident, const std::string& actor) = 0;
  virtual base::Result<model::Incident> set_status(const std::string& id, model::IncidentStatus to,
                                                   const std::string& notes, const std::string& reason,
                                                   const std::string& actor) = 0;
  virtual base::Result<model::Incident> assign(const std::string& id, const std::string& owner,
                                               const std::string& actor) = 0;
  virtual base::Result<model::Incident> note(const std::string& id, const std::string& text,
                                             const std::string& actor) = 0;
  virtual base::Result<model::Incident> acknowledge_alert(const std::string& alert_id, const std::string& actor) = 0;
  virtual base::Result<Listed<model::Attempt>> notifications(const std::string& incident, const std::string& instance,
                                                             const std::string& status, const Page& page) = 0;
  /// A trial message (`tocsin notify test`); answers when the first attempt ended.
  virtual base::Result<model::Attempt> send_test(const std::string& instance, const std::string& to) = 0;
  virtual std::vector<model::PluginStatus> plugins() = 0;
  virtual base::Result<Listed<model::DeadLetter>> dead_letters(const Page& page) = 0;
  virtual base::Result<void> replay_dead_letter(std::uint64_t id) = 0;
  virtual base::Result<std::vector<model::TicketRef>> tickets() = 0;
  virtual std::vector<model::HeartbeatView> heartbeats() = 0;
  /// A ping at this instant; returns when it is durable, with how its heartbeat stands then.
  virtual base::Result<model::HeartbeatView> beat(model::Beat beat) = 0;
  /// What was applied or refused, one line each; an error: nothing was changed.
  virtual base::Result<std::vector<std::string>> reload() = 0;

  virtual std::string metrics(bool openmetrics) = 0;
  /// Empty: ready; else why not.
  virtual std::string not_ready() = 0;
  virtual std::map<std::string, std::string> version() = 0;

  // --- routes of plugins -----------------------------------------------------------------------------------------
  struct PluginRequest {
    std::string_view method, path, query, remote, user;
    std::vector<std::pair<std::string_view, std::string_view>> headers;  ///< names in lower case
    std::string_view body;                                               ///< with at least 64 readable bytes after it
  };
  struct PluginResponse {
    std::uint32_t status = 200;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
  };
  /// False: no plugin serves it. `done` exactly once, on any thread; the request is valid until then.
  virtual bool plugin_route(const PluginRequest& request, std::function<void(PluginResponse)> done) = 0;
  /// The routes plugin_route() serves now; a last segment "*" takes any rest. For OpenAPI, 404, 405 and metrics.
  virtual std::vector<model::RouteDoc> plugin_routes() { return {}; }
};

}  // namespace tocsin::api
