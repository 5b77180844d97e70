// A backend with a handful of things in it, for the tests of this room. Thread-safe where the server is.
#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <iterator>
#include <memory>
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
    if (fail_after_incidents != 0 && start >= fail_after_incidents) return fail(Fault::unavailable, "the disk is gone");
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
                                     const std::string&, base::Duration lasts, const std::string& actor) override {
    std::lock_guard lock(mutex);
    last_actor = actor;
    last_lasts = lasts;
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
  Result<model::Incident> tag(const std::string& id, const std::vector<std::string>& add,
                              const std::vector<std::string>& remove, const std::string& actor) override {
    return act(id, actor, [&](model::Incident& i) {
      for (const std::string& tag : remove) std::erase(i.tags, tag);
      i.tags.insert(i.tags.end(), add.begin(), add.end());
    });
  }
  Result<model::Incident> link(const std::string& id, const model::Link& link, const std::string& actor) override {
    return act(id, actor, [&](model::Incident& i) { i.links.push_back(link); });
  }
  Result<model::Incident> merge(const std::string& id, const std::string& into, const std::string& actor) override {
    if (id == into) return fail(Fault::invalid, "incident " + id + " cannot be merged into itself");
    return act(into, actor, [](model::Incident&) {});
  }
  Result<model::Incident> snooze(const std::string& id, base::Time until, const std::string& actor) override {
    return act(id, actor, [&](model::Incident& i) { i.snoozed_until = until; });
  }
  Result<model::Incident> escalate(const std::string& id, const std::string& actor) override {
    return act(id, actor, [](model::Incident&) {});
  }
  Result<model::Incident> page(const std::string& id, const std::vector<std::string>& targets, const std::string& text,
                               const std::string& actor) override {
    return act(id, actor, [&](model::Incident&) { last_targets = targets, last_note = text; });
  }
  Result<model::Attachment> attach(const std::string& id, model::Attachment file, const std::string& actor) override {
    TRY_VOID(act(id, actor, [](model::Incident&) {}));
    std::lock_guard lock(mutex);
    file.id = files.size() + 1;
    file.by = actor;
    file.at = noon;
    files.push_back(file);
    return file;
  }
  Result<std::vector<model::Attachment>> attachments(const std::string&) override {
    std::lock_guard lock(mutex);
    return files;
  }
  Result<model::Attachment> attachment(const std::string& id, std::uint64_t file) override {
    std::lock_guard lock(mutex);
    if (file == 0 || file > files.size()) {
      return fail(Fault::not_found, "incident " + id + " has no attachment " + std::to_string(file));
    }
    return files[file - 1];
  }
  Result<std::pair<std::vector<model::IncidentEvent>, std::uint64_t>> incident_events(
      std::optional<std::uint64_t> after, std::size_t) override {
    if (!after) return std::pair(std::vector<model::IncidentEvent>(), std::uint64_t{7});
    if (quiet) {
      ++asked_in_vain;
      return std::pair(std::vector<model::IncidentEvent>(), *after);
    }
    model::IncidentEvent event;
    event.id = *after + 1;
    event.incident = 1042;
    event.title = "disk";
    event.severity = model::Severity::high;
    event.entry = {"0193-first", noon, "amal", "note", "", "", "looking"};
    return std::pair(std::vector{event}, event.id);
  }
  Result<SignalTailPage> tail_signals(const SignalTailQuery& query) override {
    if (query.after == "x") return fail(Fault::invalid, "after: x is no cursor");
    SignalTailPage page{{}, "7", 0};
    if (query.after == "6") page.lost = std::nullopt;
    if (quiet && !query.after.empty()) {
      ++asked_in_vain;
      return page;
    }
    TailedSignal plain{noon, "etl.run", {}, "source.http", 3, std::nullopt, false, "a \"line\""}, summary = plain;
    summary.name = "etl.duration";
    summary.summary = model::Summary{2, 1, 3, 2, 4};
    for (const auto& each : {plain, summary})
      if (query.selector.matches(each.name, each.labels)) page.items.push_back(each);
    return page;
  }
  void on_incident_events(std::function<void()> listener) override {
    std::lock_guard lock(events_mutex);
    on_events = std::move(listener);
  }
  /// Something happens after a quiet time.
  void happen() {
    quiet = false;
    std::lock_guard lock(events_mutex);
    if (on_events) on_events();
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
  Result<model::TicketRef> link_ticket(const std::string& incident, model::TicketRef wanted,
                                       const std::string& actor) override {
    std::lock_guard lock(mutex);
    if (fault) return fail(*fault, "link_ticket was told to fail");
    last_actor = actor;
    wanted.correlation_id = incident == "1042" ? "0193-first" : incident;
    wanted.intent = "linked";
    wanted.synced_at = noon;
    return wanted;
  }
  Result<model::TicketRef> open_ticket(const std::string&, const std::string&, const std::string& actor) override {
    last_actor = actor;
    return model::TicketRef{"0193-first", "jira", "", "", "", "create", noon};
  }
  Result<model::TicketRef> unlink_ticket(const std::string&, const std::string& instance,
                                         const std::string& actor) override {
    last_actor = actor;
    return model::TicketRef{"0193-first", instance.empty() ? "jira" : instance, "", "", "", "unlinked", noon};
  }
  Result<TrackerSync> sync_trackers(const std::string& instance) override {
    if (instance == "none") return fail(Fault::not_found, "there is no [tracker.none]");
    return TrackerSync{{{"jira", true, ""}, {"other", false, "401"}}, 2};
  }
  Result<std::vector<TicketTrial>> try_ticket(const std::string&, const std::string&) override {
    return std::vector<TicketTrial>{{"jira", "ok: POST /rest/api/3/issue\nerror: no priority \"Top\"\n"}};
  }
  Result<Listed<model::Exchange>> exchanges(const std::string& incident, const Page& page) override {
    model::Exchange e;
    e.id = 9;
    e.instance = "jira";
    e.correlation_id = incident;
    e.method = "POST";
    e.target = "/rest/api/3/issue";
    e.http_status = 201;
    e.took = std::chrono::milliseconds(12);
    e.at = noon;
    return Listed<model::Exchange>{{e}, page.after.empty() ? "9" : ""};
  }
  Result<std::string> set_silence(model::Silence silence) override {
    std::lock_guard lock(mutex);
    if (fault) return fail(*fault, "set_silence was told to fail");
    if (silence.id.empty()) silence.id = silence_id;
    last_silence = silence;
    kept_silence_ = silence;
    return silence.id;
  }
  Result<void> expire_silence(const std::string& id, const std::string& actor) override {
    std::lock_guard lock(mutex);
    last_actor = actor;
    if (id == "0193-expired") return fail(Fault::conflict, "silence " + id + " already expired");
    if (id == silence_id) {
      if (silences_.front().ends_at <= noon) return fail(Fault::conflict, "silence " + id + " already expired");
      return {};
    }
    if (id != kept_silence_.id) return fail(Fault::not_found, "there is no silence " + id);
    kept_silence_.ends_at = noon;
    kept_silence_.ended_by = actor;
    return {};
  }
  Result<std::vector<model::Silence>> silences() override {
    std::lock_guard lock(mutex);
    return silences_;
  }
  Result<std::optional<model::Silence>> silence(const std::string& id) override {
    std::lock_guard lock(mutex);
    if (id == silence_id) return std::optional(silences_.front());
    return id == kept_silence_.id ? std::optional(kept_silence_) : std::nullopt;
  }
  Result<std::vector<SilenceView>> silence_views(const model::Matchers& filter) override {
    std::lock_guard lock(mutex);
    last_matchers = filter;
    return std::vector<SilenceView>{view_of(kept_silence_)};
  }
  Result<SilenceView> silence_view(const std::string& id) override {
    std::lock_guard lock(mutex);
    if (id != kept_silence_.id) return fail(Fault::not_found, "there is no silence " + id);
    return view_of(kept_silence_);
  }
  Result<SilencePreview> preview_silence(const model::Silence& silence) override {
    std::lock_guard lock(mutex);
    last_matchers = silence.matchers;
    model::Alert alert;
    alert.id = "a1";
    alert.labels = {{"host", "n1"}};
    return SilencePreview{{alert}, 1, "it silences every firing alert (1 of 1)"};
  }
  Result<std::vector<OncallView>> oncall(base::Time at) override {
    OncallView view{"payments", {"first", "shift", "", at, at + std::chrono::hours(1)}, {}, {}};
    view.next = {"second", "override", "0193-override", at + std::chrono::hours(1), at + std::chrono::hours(2)};
    view.overrides = {an_override()};
    return std::vector{view};
  }
  Result<model::OncallOverride> set_override(model::OncallOverride wanted) override {
    std::lock_guard lock(mutex);
    if (wanted.rotation != "payments")
      return fail(Fault::not_found, "there is no rotation \"" + wanted.rotation + "\"");
    last_actor = wanted.created_by;
    wanted.id = "0193-override";
    wanted.created_at = noon;
    return wanted;
  }
  Result<void> remove_override(const std::string& id, const std::string& actor) override {
    std::lock_guard lock(mutex);
    last_actor = actor;
    if (id != "0193-override") return fail(Fault::not_found, "there is no override " + id);
    return {};
  }
  Result<std::string> oncall_calendar(const std::string& rotation) override {
    if (rotation != "payments") return fail(Fault::not_found, "there is no rotation \"" + rotation + "\"");
    return "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n";
  }
  Result<std::optional<model::Pause>> pause_state() override {
    std::lock_guard lock(mutex);
    return pause_;
  }
  Result<std::optional<model::Pause>> pause(model::Pause wanted) override {
    std::lock_guard lock(mutex);
    last_actor = wanted.by;
    wanted.from = noon;
    pause_ = std::move(wanted);
    return pause_;
  }
  Result<void> resume(const std::string& actor) override {
    std::lock_guard lock(mutex);
    last_actor = actor;
    if (!pause_) return fail(Fault::conflict, "notifications are not paused");
    pause_.reset();
    return {};
  }
  Result<DrillView> start_drill(const DrillWish& wish, const std::string& actor) override {
    std::lock_guard lock(mutex);
    last_actor = actor;
    last_drill = wish;
    if (wish.route != "payments") return fail(Fault::not_found, "there is no route \"" + wish.route + "\"");
    return a_drill();
  }
  Result<DrillView> drill(const std::string& id) override {
    if (id != "1044") return fail(Fault::not_found, "there is no drill " + id);
    return a_drill();
  }
  DrillWish last_drill;
  Result<Explanation> explain(const ExplainQuery& query) override {
    std::lock_guard lock(mutex);
    last_explain = query;
    Explanation out;
    out.from = noon - std::chrono::hours(1);
    out.to = noon;
    out.told = true;
    out.verdict = "first was told";
    ExplainEntry entry;
    entry.at = noon;
    entry.kind = "told";
    entry.labels = {{"host", "n1"}};
    entry.incident = 1042;
    out.entries.push_back(entry);
    ExplainDue due;
    due.what = "open_after";
    due.who = {"second"};
    out.next.push_back(due);
    return out;
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

  std::string alertmanager_off() override { return serves_alertmanager ? "" : Backend::alertmanager_off(); }
  AlertmanagerStatus alertmanager_status() override {
    return {"0.1.0", noon, "ready", "n1", {{"n1", "127.0.0.1:7676"}}};
  }
  std::string alertmanager_config() override { return "route:\n  receiver: \"root\"\n"; }
  Result<void> receive(std::vector<model::ReceivedAlert> alerts) override {
    if (fault) return fail(*fault, "the store refuses writes");
    std::lock_guard lock(mutex);
    std::ranges::move(alerts, std::back_inserter(received));
    return {};
  }
  Result<std::vector<model::AlertView>> active_alerts(const model::AlertFilter& filter) override {
    std::lock_guard lock(mutex);
    last_alert_filter = filter;
    return views;
  }
  Result<std::vector<model::AlertGroupView>> alert_groups(const model::AlertFilter& filter) override {
    std::lock_guard lock(mutex);
    last_alert_filter = filter;
    return std::vector<model::AlertGroupView>{{"root", {{"alertname", "Manual"}}, views}};
  }
  Result<std::vector<std::string>> receivers() override { return std::vector<std::string>{"root", "team-x"}; }
  /// One that fires: the alert whose fingerprint every user of Alertmanager's can check.
  static model::AlertView view() {
    model::Alert alert;
    alert.received = true;
    alert.rule = "Manual";
    alert.labels = {{"alertname", "Manual"}, {"node", "n1"}, {"severity", "warning"}};
    alert.annotations = {{"summary", "by hand"}};
    alert.fingerprint = alert.labels.fingerprint();
    alert.generator_url = "http://prom/graph";
    alert.updated_at = noon;
    model::AlertView out;
    out.alert = std::make_shared<const model::Alert>(std::move(alert));
    out.starts_at = noon;
    out.ends_at = noon + std::chrono::minutes(5);
    out.receivers = {"root"};
    return out;
  }
  static model::Silence silence_of(const char* id, base::Duration from, base::Duration to) {
    model::Silence out;
    out.id = id;
    out.matchers = {model::Matcher::make("node", model::MatchOp::not_match, "n1|n2").value()};
    out.starts_at = noon + from;
    out.ends_at = noon + to;
    out.updated_at = noon;
    out.created_by = "amal";
    out.comment = "work";
    return out;
  }

  bool plugin_route(const PluginRequest& request, std::function<void(PluginResponse)> done) override {
    return on_plugin && on_plugin(request, std::move(done));
  }
  /// With "authorization: right" nothing is refused.
  std::optional<PluginResponse> plugin_refuses(const PluginRequest& request) override {
    return request.path == "/guarded" ? refused(request) : std::nullopt;
  }
  std::optional<PluginResponse> alertmanager_refuses(const PluginRequest& request, bool /*whole*/) override {
    return guarded ? refused(request) : std::nullopt;
  }
  static std::optional<PluginResponse> refused(const PluginRequest& request) {
    for (const auto& [name, value] : request.headers)
      if (name == "authorization" && value == "right") return std::nullopt;
    return PluginResponse{401, {{"www-authenticate", "Bearer"}}, "who are you?"};
  }
  bool guarded = false;  ///< Alertmanager's API; set before the server starts
  std::vector<model::RouteDoc> plugin_routes() override {
    return {{"POST", "/api/v1/signals/bulk", "Bulk push"}, {"POST", "/callbacks/*", "Callbacks"}};
  }

  using PluginHandler = std::function<bool(const PluginRequest&, std::function<void(PluginResponse)>)>;
  /// "good" is a link of the first incident; "late" and "gone" are what they say, everything else is forged.
  Result<LinkView> link_view(std::string_view token, std::string_view remote) override {
    std::lock_guard lock(mutex);
    last_remote = remote;
    if (token == "broken") return fail(Fault::unavailable, "the store <is> away");
    LinkView view;
    view.state = token == "good"      ? LinkView::State::good
                 : token == "late"    ? LinkView::State::expired
                 : token == "gone"    ? LinkView::State::gone
                 : token == "flooded" ? LinkView::State::limited
                                      : LinkView::State::forged;
    if (view.state == LinkView::State::forged || view.state == LinkView::State::limited) return view;
    view.kind = link_kind;
    view.who = "first";
    view.expires = noon + std::chrono::hours(24);
    view.incident = incidents_.front();
    return view;
  }
  Result<LinkView> follow_link(std::string_view token, std::string_view remote) override {
    auto view = link_view(token, remote);
    if (!view || view->state != LinkView::State::good) return view;
    std::lock_guard lock(mutex);
    ++followed;
    if (!link_refusal.empty()) {
      view->refusal = link_refusal;
      return view;
    }
    model::Incident& incident = incidents_.front();
    view->answered.changed = incident.status == model::IncidentStatus::open;
    view->answered.text =
        view->answered.changed ? "1042 acknowledged by first" : "1042 was acknowledged before by first";
    incident.status = model::IncidentStatus::acknowledged;
    incident.acknowledged_by = "first";
    view->incident = incident;
    return view;
  }

  std::string last_remote, link_refusal;
  model::AnswerKind link_kind = model::AnswerKind::acknowledge;
  int followed = 0;
  PluginHandler on_plugin;  ///< set before the server starts
  std::function<void()> wait_in_series;
  std::vector<HistorySeries> histories{{"etl.run", {{"loader", "A"}}, {{1'795'168'740, 2}, {1'795'168'800, 3.5}}}};
  std::optional<Fault> fault;
  bool throw_in_incident = false;
  bool serves_alertmanager = true;
  static constexpr const char* silence_id = "4243d46b-de60-4fe1-b92c-9a68e1f8607c";
  std::vector<model::AlertView> views{view()};
  std::vector<model::Silence> silences_{silence_of(silence_id, -std::chrono::hours(1), std::chrono::hours(1))};

  std::atomic<bool> quiet{false};  ///< no events
  std::atomic<int> asked_in_vain{0};
  std::mutex events_mutex;
  std::function<void()> on_events;
  std::mutex mutex;
  HistoryQuery last_history;
  IncidentFilter last_filter;
  model::Matchers last_matchers;
  std::vector<model::ReceivedAlert> received;
  model::AlertFilter last_alert_filter;
  model::Silence last_silence;
  ExplainQuery last_explain;
  model::Beat last_beat;
  std::string last_pattern, last_actor, last_note, reason;
  base::Duration last_lasts{};
  std::vector<std::string> last_targets;
  std::vector<model::Attachment> files;
  std::size_t fail_after_incidents = 0;
  struct AlertCall {
    bool history = false;
    std::string rule;
    base::Time from{}, to{};
    std::size_t limit = 0;
    std::string after;
  } last_alerts;

 private:
  static DrillView a_drill() {
    DrillView view;
    view.incident.number = 1044;
    view.incident.correlation_id = "0193-drill";
    view.incident.title = "DRILL: fire drill of route payments";
    view.incident.route = "root/payments";
    view.incident.severity = model::Severity::high;
    view.incident.created_at = noon;
    view.state = "RUNNING";
    view.ends_at = noon + std::chrono::minutes(10);
    view.messages = {{"first", "sms", "sms", "ladder step 1", "SENT", noon, noon, {}, ""}};
    return view;
  }
  std::optional<model::Pause> pause_;
  template <class Change>
  Result<model::Incident> act(const std::string& id, const std::string& actor, Change change) {
    std::lock_guard lock(mutex);
    last_actor = actor;
    model::Incident* found = find(id);
    if (found == nullptr) return fail(Fault::not_found, "no incident " + id);
    change(*found);
    return *found;
  }
  model::Incident* find(const std::string& id) {
    auto found = std::find_if(incidents_.begin(), incidents_.end(), [&](const model::Incident& i) {
      return i.correlation_id == id || std::to_string(i.number) == id;
    });
    return found == incidents_.end() ? nullptr : &*found;
  }
  static model::OncallOverride an_override() {
    model::OncallOverride one;
    one.id = "0193-override", one.rotation = "payments", one.contact = "second", one.created_by = "amal";
    one.from = noon, one.until = noon + std::chrono::hours(1), one.created_at = noon;
    return one;
  }
  static SilenceView view_of(const model::Silence& silence) {
    const auto state = silence.state(noon);
    return {silence, state, state == model::SilenceState::active, silence.ends_at};
  }
  static model::Silence first_silence() {
    model::Silence silence;
    silence.id = "0193-silence";
    silence.matchers = {*model::Matcher::make("host", model::MatchOp::equal, "n1")};
    silence.starts_at = noon - std::chrono::hours(1);
    silence.ends_at = noon + std::chrono::hours(1);
    silence.updated_at = silence.starts_at;
    silence.created_by = "amal";
    silence.comment = "CHG1";
    silence.annotations = {{"change", "CHG1"}};
    silence.recurrence = {"fri 22:00", std::chrono::hours(4), "Asia/Riyadh"};
    return silence;
  }
  model::Silence kept_silence_ = first_silence();

 public:
  std::vector<model::Incident> incidents_;  ///< set before the server starts
};

}  // namespace tocsin::api::testing
