// A backend with a handful of things in it, for the tests of this room. Thread-safe where the server is.
#pragma once

#include <algorithm>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "api/backend.hpp"

namespace tocsin::api::testing {

using base::fail;
using base::Fault;
using base::Result;

inline const base::Time noon = base::from_ns(1'795'168'800'000'000'000);  // 2026-11-20T10:00:00Z

class FakeBackend : public Backend {
 public:
  FakeBackend() {
    model::Incident first;
    first.number = 1042;
    first.correlation_id = "0193-first";
    first.title = "disk_filling host=\"n1\", mount=/";
    first.severity = model::Severity::high;
    first.category = model::Category::infrastructure;
    first.labels = {{"host", "n1"}};
    first.tags = {"night"};
    first.links = {{"Grafana", "https://grafana.corp/d/1"}};
    first.detected_at = first.created_at = first.updated_at = noon;
    incidents_.push_back(first);
    first.number = 1043;
    first.correlation_id = "0193-second";
    first.title = "=cmd|' /C calc'!A0";
    first.metric_value = 5;
    incidents_.push_back(first);
  }

  base::Time now() const override { return noon; }

  Result<std::vector<HistorySeries>> history(const HistoryQuery& query) override {
    std::lock_guard lock(mutex);
    last_history = query;
    return histories;
  }
  Result<std::vector<SeriesInfo>> series(const std::string& pattern) override {
    {
      std::lock_guard lock(mutex);
      last_pattern = pattern;
    }
    if (wait_in_series) wait_in_series();
    return std::vector<SeriesInfo>{{"etl.run", {{"loader", "B"}}, noon, noon, 3},
                                   {"etl.run", {{"loader", "A"}}, noon, noon, 2},
                                   {"cpu", {}, noon, noon, 1}};
  }
  std::vector<RuleInfo> rules() override {
    auto rule = std::make_shared<model::Rule>();
    rule->name = "disk_filling";
    rule->severity = model::Severity::high;
    rule->by = {"host", "mount"};
    rule->for_ = std::chrono::minutes(5);
    RuleInfo info;
    info.rule = rule;
    info.health = "ok";
    info.evaluations = 7;
    return {info};
  }
  Result<Listed<model::Alert>> alerts(bool history, const std::string& rule, base::Time from, base::Time to,
                                      const Page& page) override {
    std::lock_guard lock(mutex);
    last_alerts = {history, rule, from, to, page.limit, page.after};
    model::Alert alert;
    alert.id = "a1";
    alert.rule = "disk_filling";
    alert.fingerprint = 0x172e140873e2d000;
    alert.state = model::AlertState::firing;
    alert.severity = model::Severity::high;
    alert.labels = {{"host", "n1"}};
    alert.value = 96;
    alert.active_at = alert.fired_at = noon;
    return Listed<model::Alert>{{alert}, "cursor-2"};
  }
  Result<Listed<model::Incident>> incidents(const IncidentFilter& filter) override {
    std::lock_guard lock(mutex);
    last_filter = filter;
    Listed<model::Incident> out;
    std::size_t start = filter.page.after.empty() ? 0 : std::stoul(filter.page.after);
    for (std::size_t i = start; i < incidents_.size() && out.items.size() < filter.page.limit; ++i) {
      out.items.push_back(incidents_[i]);
    }
    if (start + out.items.size() < incidents_.size()) out.next = std::to_string(start + out.items.size());
    return out;
  }
  Result<IncidentView> incident(const std::string& id) override {
    if (throw_in_incident) throw std::runtime_error("the store is on fire");
    std::lock_guard lock(mutex);
    model::Incident* found = find(id);
    if (found == nullptr) return fail(Fault::not_found, "no incident " + id + "; `tocsin incident list` lists them");
    IncidentView view{*found, {}, {}};
    view.alerts.push_back({found->correlation_id, {}});
    view.timeline.push_back({found->correlation_id, noon, "tocsin", "opened", "", "OPEN", ""});
    return view;
  }
  Result<model::Incident> create_incident(model::Incident incident, const std::string& actor) override {
    std::lock_guard lock(mutex);
    last_actor = actor;
    incident.number = 2000;
    incident.correlation_id = "0193-new";
    incidents_.push_back(incident);
    return incident;
  }
  Result<model::Incident> set_status(const std::string& id, model::IncidentStatus to, const std::string& notes,
                                     const std::string&, const std::string& actor) override {
    std::lock_guard lock(mutex);
    last_actor = actor;
    model::Incident* found = find(id);
    if (found == nullptr) return fail(Fault::not_found, "no incident " + id);
    if (!model::valid_transition(found->status, to)) {
      return fail(Fault::conflict, "an incident that is OPEN cannot become CLOSED; valid: ACKNOWLEDGED");
    }
    found->status = to;
    found->resolution_notes = notes;
    return *found;
  }
  Result<model::Incident> assign(const std::string& id, const std::string& owner, const std::string& actor) override {
    std::lock_guard lock(mutex);
    last_actor = actor;
    model::Incident* found = find(id);
    if (found == nullptr) return fail(Fault::not_found, "no incident " + id);
    found->owner = owner;
    return *found;
  }
  Result<model::Incident> note(const std::string& id, const std::string& text, const std::string& actor) override {
    std::lock_guard lock(mutex);
    last_actor = actor;
    last_note = text;
    model::Incident* found = find(id);
    if (found == nullptr) return fail(Fault::not_found, "no incident " + id);
    return *found;
  }
  Result<model::Incident> acknowledge_alert(const std::string& id, const std::string& actor) override {
    std::lock_guard lock(mutex);
    last_actor = actor;
    if (id != "a/1") return fail(Fault::not_found, "no alert " + id);
    return incidents_[0];
  }
  Result<Listed<model::Attempt>> notifications(const std::string& incident, const std::string&, const std::string&,
                                               const Page&) override {
    model::Attempt attempt;
    attempt.delivery_key = "k1";
    attempt.correlation_id = incident;
    attempt.type = "email";
    attempt.status = "SENT";
    attempt.sent_at = noon;
    return Listed<model::Attempt>{{attempt}, ""};
  }
  Result<model::Attempt> send_test(const std::string& instance, const std::string& to) override {
    if (fault) return fail(*fault, "send_test was told to fail");
    model::Attempt attempt;
    attempt.instance = instance;
    attempt.recipient = to;
    attempt.status = "SENT";
    return attempt;
  }
  std::vector<model::PluginStatus> plugins() override {
    model::PluginStatus status;
    status.id = "http";
    status.instance = "source.http";
    status.state = "running";
    status.error = "<b>none</b>";
    status.usage.calls = 1, status.usage.of(model::Function::handle).calls = 1;
    status.usage.of(model::Function::handle).buckets[0] = 1;
    return {status};
  }
  Result<Listed<model::DeadLetter>> dead_letters(const Page&) override {
    model::DeadLetter letter;
    letter.id = 7;
    letter.at = noon;
    letter.what = "delivery";
    return Listed<model::DeadLetter>{{letter}, ""};
  }
  Result<void> replay_dead_letter(std::uint64_t id) override {
    if (id != 7) return fail(Fault::not_found, "no dead letter " + std::to_string(id));
    return {};
  }
  Result<std::vector<model::TicketRef>> tickets() override {
    model::TicketRef ticket;
    ticket.correlation_id = "0193-first";
    ticket.key = "OPS-1";
    ticket.url = "https://jira.corp/browse/OPS-1";
    ticket.synced_at = noon;
    return std::vector<model::TicketRef>{ticket};
  }
  std::vector<model::HeartbeatView> heartbeats() override {
    model::HeartbeatView view;
    view.heartbeat = {"nightly-close", std::chrono::hours(24), std::chrono::minutes(30), model::Severity::high, {}};
    view.expected_at = view.late_at = noon;
    return {view};
  }
  Result<model::HeartbeatView> beat(model::Beat beat) override {
    if (beat.name != "nightly-close") return fail(Fault::not_found, "there is no heartbeat \"" + beat.name + "\"");
    std::lock_guard lock(mutex);
    last_beat = beat;
    beat.at = noon;
    model::HeartbeatView view = heartbeats().front();
    apply(beat, view.record);
    return view;
  }
  Result<std::vector<std::string>> reload() override {
    if (fault) return fail(*fault, "agent.toml:3:1: unknown key \"lissten\"");
    return std::vector<std::string>{"agent.toml: applied"};
  }
  std::string metrics(bool openmetrics) override { return openmetrics ? "up 1\n# EOF\n" : "up 1\n"; }
  std::string not_ready() override {
    std::lock_guard lock(mutex);
    return reason;
  }
  std::map<std::string, std::string> version() override { return {{"version", "0.1.0"}}; }

  bool plugin_route(const PluginRequest& request, std::function<void(PluginResponse)> done) override {
    return on_plugin && on_plugin(request, std::move(done));
  }
  std::vector<model::RouteDoc> plugin_routes() override {
    return {{"POST", "/api/v1/signals/bulk", "Bulk push"}, {"POST", "/callbacks/*", "Callbacks"}};
  }

  using PluginHandler = std::function<bool(const PluginRequest&, std::function<void(PluginResponse)>)>;
  PluginHandler on_plugin;  ///< set before the server starts
  std::function<void()> wait_in_series;
  std::vector<HistorySeries> histories{{"etl.run", {{"loader", "A"}}, {{1'795'168'740, 2}, {1'795'168'800, 3.5}}}};
  std::optional<Fault> fault;
  bool throw_in_incident = false;

  std::mutex mutex;
  HistoryQuery last_history;
  IncidentFilter last_filter;
  model::Beat last_beat;
  std::string last_pattern, last_actor, last_note, reason;
  struct AlertCall {
    bool history = false;
    std::string rule;
    base::Time from{}, to{};
    std::size_t limit = 0;
    std::string after;
  } last_alerts;

 private:
  model::Incident* find(const std::string& id) {
    auto found = std::find_if(incidents_.begin(), incidents_.end(), [&](const model::Incident& i) {
      return i.correlation_id == id || std::to_string(i.number) == id;
    });
    return found == incidents_.end() ? nullptr : &*found;
  }
  std::vector<model::Incident> incidents_;
};

}  // namespace tocsin::api::testing
