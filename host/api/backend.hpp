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
#include "model/alert_view.hpp"
#include "model/attachment.hpp"
#include "model/delivery.hpp"
#include "model/feedback.hpp"
#include "model/heartbeat.hpp"
#include "model/incident.hpp"
#include "model/matcher.hpp"
#include "model/pause.hpp"
#include "model/plugin.hpp"
#include "model/received_alert.hpp"
#include "model/rotation.hpp"
#include "model/rule.hpp"
#include "model/signal.hpp"
#include "model/silence.hpp"
#include "model/ticket.hpp"

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
/// What somebody who watches signals asks for.
struct SignalTailQuery {
  model::Selector selector;  ///< without a name: every signal
  std::string after;         ///< SignalTailPage::next of the answer before; empty: from now on
  std::size_t limit = 100;   ///< most signals of an answer with `after`
  std::size_t last = 0;      ///< without `after`: the last ones, so many at most
  base::Time since{};        ///< of those: not before; no_time: however old
};
struct TailedSignal {
  base::Time at{};
  std::string name;
  model::Labels labels;
  std::string instance;  ///< "source.auth"
  double value = 0;      ///< NaN where it is a summary
  std::optional<model::Summary> summary;
  bool stale = false;
  std::string text;
};
struct SignalTailPage {
  std::vector<TailedSignal> items;  ///< oldest first
  std::string next;
  std::optional<std::uint64_t> lost = 0;  ///< signals of any name that came and went unseen; none: unknown how many
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
  std::vector<model::Category> category;
  std::vector<std::string> owner, service;  ///< any of them
  std::vector<std::string> tags;            ///< all of them
  std::string rule;
  model::Matchers matchers;
  Page page;
};
struct IncidentView {
  model::Incident incident;
  std::vector<model::IncidentAlert> alerts;
  std::vector<model::TimelineEntry> timeline;
};

/// A silence with what the time makes of it.
struct SilenceView {
  model::Silence silence;
  model::SilenceState state = model::SilenceState::expired;
  bool holds = false;  ///< active, and not between two recurrences
  base::Time until{};  ///< when `holds` changes; no_time: not known, or never
};
/// Who is on call over [since, until).
struct OncallSpan {
  std::string contact;      ///< empty: nobody
  std::string by;           ///< "shift", "override", "fallback", "nobody"
  std::string override_id;  ///< of the override that says so
  base::Time since{}, until{};
};
struct OncallView {
  std::string rotation;
  OncallSpan now, next;
  std::vector<model::OncallOverride> overrides;  ///< that hold then or later
};

/// One message of a drill and what became of it.
struct DrillMessage {
  std::string who;             ///< empty: the instance has no recipients
  std::string instance, type;  ///< "sms-main", "sms"
  std::string reason;          ///< "ladder step 1", "fire drill"
  std::string state;           ///< PENDING, SENT, DELIVERED, FAILED, DEAD, SUPPRESSED
  base::Time decided_at{}, sent_at{}, delivered_at{};
  std::string error;
};
struct DrillView {
  model::Incident incident;
  std::string state;                 ///< RUNNING, ACKNOWLEDGED, UNANSWERED (nobody did in time), ENDED (by hand)
  base::Time ends_at{};              ///< while it runs; no_time: it is over
  std::string acknowledged_by, way;  ///< "first", "SMS reply"
  std::vector<DrillMessage> messages;
};
struct DrillWish {
  std::string route;
  model::Severity severity = model::Severity::high;
  std::vector<std::string> to;
  base::Duration wait{};
  bool tickets = false;
};

/// What a silence would mean now.
struct SilencePreview {
  std::vector<model::Alert> alerts;  ///< firing ones that it means
  std::size_t firing = 0;            ///< all that fire
  std::string warning;               ///< it means very much; empty: nothing to say
};
/// What Alertmanager's clients are told of this agent.
struct AlertmanagerStatus {
  std::string version;  ///< of this program
  base::Time started{};
  std::string cluster = "disabled";                        ///< ready, settling, disabled
  std::string name;                                        ///< in the cluster; empty: none
  std::vector<std::pair<std::string, std::string>> peers;  ///< name and address, this one too
};
struct ExplainQuery {
  base::Time from{}, to{};  ///< no_time: the last day, or an incident's whole life
  model::Matchers matchers;
  std::string rule, incident, who;
};
/// What came of asking a tracker for what changed on its other side.
struct TrackerAsked {
  std::string instance;
  bool synced = false;
  std::string error;  ///< why not
};
struct TrackerSync {
  std::vector<TrackerAsked> trackers;
  std::size_t queued = 0;  ///< incidents of which something is on its way now
};
/// What a tracker would send for an incident now: lines that begin with "error: ", "warning: " or "ok: ".
struct TicketTrial {
  std::string instance, report;
};
/// One thing that happened: a verdict, an alert's change, a source's failure, an attempt that will be repeated.
struct ExplainEntry {
  base::Time at{}, until{};
  std::string kind;  ///< a verdict's word, or pending firing resolved source_down retrying
  std::string who, target, by, text, route, group_key, rule, title;
  model::Labels labels;
  std::uint64_t incident = 0, alerts = 0;
};
/// One thing that is due if nothing changes.
struct ExplainDue {
  base::Time at{};  ///< no_time: it waits for alerts, or for the end of what holds it
  std::string what, target, route, group_key, title, text;
  std::vector<std::string> who;
  std::uint64_t incident = 0, alerts = 0;
  std::string held_kind = {}, held_by = {};  ///< what holds it back: a verdict's word; empty: nothing
  base::Time held_until = {};                ///< no_time: not known
};
struct Explanation {
  base::Time from{}, to{};
  bool told = false;            ///< somebody was, or the one who was asked for
  std::string verdict, remedy;  ///< one sentence; what to do, empty: nothing
  std::vector<ExplainEntry> entries;
  std::vector<ExplainDue> next;
  bool more = false;  ///< there was more than is shown: a shorter span or more matchers narrow it
};

/// What an action link of a message (/a/TOKEN) is about.
struct LinkView {
  enum class State : std::uint8_t {
    good,
    forged,   ///< not made here, or altered: nothing else of this is set
    limited,  ///< the same, and too many of them came from there
    expired,
    gone,  ///< there is no such incident
  };
  State state = State::forged;
  model::AnswerKind kind = model::AnswerKind::acknowledge;
  std::string who;  ///< whom the message went to
  base::Time expires{};
  model::Incident incident;  ///< as it is now
  // Of one that was followed.
  model::Answered answered;
  std::string refusal;  ///< why it cannot be done (any more); empty: it was, or was before
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual base::Time now() const = 0;

  virtual base::Result<std::vector<HistorySeries>> history(const HistoryQuery& query) = 0;
  /// What came in lately.
  virtual base::Result<SignalTailPage> tail_signals(const SignalTailQuery&) { return unserved(); }
  virtual base::Result<std::vector<SeriesInfo>> series(const std::string& pattern) = 0;
  virtual std::vector<RuleInfo> rules() = 0;
  virtual base::Result<Listed<model::Alert>> alerts(bool history, const std::string& rule, base::Time from,
                                                    base::Time to, const Page& page) = 0;
  virtual base::Result<Listed<model::Incident>> incidents(const IncidentFilter& filter) = 0;
  virtual base::Result<IncidentView> incident(const std::string& id) = 0;
  virtual base::Result<model::Incident> create_incident(model::Incident incident, const std::string& actor) = 0;
  /// `lasts`: an acknowledgement's time; zero: it holds.
  virtual base::Result<model::Incident> set_status(const std::string& id, model::IncidentStatus to,
                                                   const std::string& notes, const std::string& reason,
                                                   base::Duration lasts, const std::string& actor) = 0;
  virtual base::Result<model::Incident> assign(const std::string& id, const std::string& owner,
                                               const std::string& actor) = 0;
  virtual base::Result<model::Incident> note(const std::string& id, const std::string& text,
                                             const std::string& actor) = 0;
  virtual base::Result<model::Incident> tag(const std::string& id, const std::vector<std::string>& add,
                                            const std::vector<std::string>& remove, const std::string& actor) = 0;
  virtual base::Result<model::Incident> link(const std::string& id, const model::Link& link,
                                             const std::string& actor) = 0;
  /// The incident that goes on.
  virtual base::Result<model::Incident> merge(const std::string& id, const std::string& into,
                                              const std::string& actor) = 0;
  /// no_time wakes it.
  virtual base::Result<model::Incident> snooze(const std::string& id, base::Time until, const std::string& actor) = 0;
  virtual base::Result<model::Incident> escalate(const std::string& id, const std::string& actor) = 0;
  virtual base::Result<model::Incident> page(const std::string& id, const std::vector<std::string>& targets,
                                             const std::string& text, const std::string& actor) = 0;
  /// Name, type and content were checked.
  virtual base::Result<model::Attachment> attach(const std::string& id, model::Attachment file,
                                                 const std::string& actor) = 0;
  virtual base::Result<std::vector<model::Attachment>> attachments(const std::string& id) = 0;
  virtual base::Result<model::Attachment> attachment(const std::string& id, std::uint64_t file) = 0;
  /// Timeline entries after `after`, oldest first; the second: where to go on.
  virtual base::Result<std::pair<std::vector<model::IncidentEvent>, std::uint64_t>> incident_events(
      std::optional<std::uint64_t> after, std::size_t most) = 0;
  /// `listener` is called on any thread when there are new ones, and must not block; after a call with an empty one it
  /// is not running any more.
  virtual void on_incident_events(std::function<void()> listener) = 0;
  virtual base::Result<model::Incident> acknowledge_alert(const std::string& alert_id, const std::string& actor) = 0;
  virtual base::Result<Listed<model::Attempt>> notifications(const std::string& incident, const std::string& instance,
                                                             const std::string& status, const Page& page) = 0;
  /// A trial message (`tocsin notify test`); answers when the first attempt ended.
  virtual base::Result<model::Attempt> send_test(const std::string& instance, const std::string& to) = 0;
  virtual std::vector<model::PluginStatus> plugins() = 0;
  virtual base::Result<Listed<model::DeadLetter>> dead_letters(const Page& page) = 0;
  virtual base::Result<void> replay_dead_letter(std::uint64_t id) = 0;
  virtual base::Result<std::vector<model::TicketRef>> tickets() = 0;
  /// `instance` empty: the only tracker there is.
  virtual base::Result<model::TicketRef> link_ticket(const std::string& incident, model::TicketRef wanted,
                                                     const std::string& actor) = 0;
  virtual base::Result<model::TicketRef> open_ticket(const std::string& incident, const std::string& instance,
                                                     const std::string& actor) = 0;
  virtual base::Result<model::TicketRef> unlink_ticket(const std::string& incident, const std::string& instance,
                                                       const std::string& actor) = 0;
  /// `instance` empty: every tracker, here and in try_ticket().
  virtual base::Result<TrackerSync> sync_trackers(const std::string& instance) = 0;
  virtual base::Result<std::vector<TicketTrial>> try_ticket(const std::string& incident,
                                                            const std::string& instance) = 0;
  /// `incident` empty: all.
  virtual base::Result<Listed<model::Exchange>> exchanges(const std::string& incident, const Page& page) = 0;
  /// Who was or was not told, why, and what comes next.
  virtual base::Result<Explanation> explain(const ExplainQuery& query) = 0;
  virtual std::vector<model::HeartbeatView> heartbeats() = 0;
  /// A ping at this instant; returns when it is durable, with how its heartbeat stands then.
  virtual base::Result<model::HeartbeatView> beat(model::Beat beat) = 0;
  /// What was applied or refused, one line each; an error: nothing was changed.
  virtual base::Result<std::vector<std::string>> reload() = 0;

  // --- silences --------------------------------------------------------------------------------------------------
  /// New without an id; with one, an edit: end, comment and author change in place, anything else expires the old one
  /// and makes another. Returns the id that counts. An unset start is now. An edit begins with silence(id), so
  /// that what its caller does not know of stays.
  virtual base::Result<std::string> set_silence(model::Silence silence) = 0;
  /// Fault::conflict for one that expired already, or that stands in the configuration.
  virtual base::Result<void> expire_silence(const std::string& id, const std::string& actor) = 0;
  /// All, in Alertmanager's order: active by end, pending by start, expired newest first.
  virtual base::Result<std::vector<model::Silence>> silences() = 0;
  virtual base::Result<std::optional<model::Silence>> silence(const std::string& id) = 0;
  /// In the same order; `filter` is compared with the values in the silences' matchers, as Alertmanager does.
  virtual base::Result<std::vector<SilenceView>> silence_views(const model::Matchers& filter) = 0;
  virtual base::Result<SilenceView> silence_view(const std::string& id) = 0;
  virtual base::Result<SilencePreview> preview_silence(const model::Silence& silence) = 0;

  // --- who is on call ----------------------------------------------------------------------------------------------
  virtual base::Result<std::vector<OncallView>> oncall(base::Time at) = 0;
  /// A new one; an unset `from` is now.
  virtual base::Result<model::OncallOverride> set_override(model::OncallOverride wanted) = 0;
  virtual base::Result<void> remove_override(const std::string& id, const std::string& actor) = 0;
  /// The rotation's next 90 days as iCalendar (RFC 5545).
  virtual base::Result<std::string> oncall_calendar(const std::string& rotation) = 0;

  // --- maintenance pause and drills --------------------------------------------------------------------------------
  /// The pause that holds now; none: notifications are not paused.
  virtual base::Result<std::optional<model::Pause>> pause_state() { return unserved(); }
  /// Pauses until then, or changes the pause there is; what holds now.
  virtual base::Result<std::optional<model::Pause>> pause(model::Pause) { return unserved(); }
  virtual base::Result<void> resume(const std::string&) { return unserved(); }
  virtual base::Result<DrillView> start_drill(const DrillWish&, const std::string&) { return unserved(); }
  /// By number or correlation id of its incident.
  virtual base::Result<DrillView> drill(const std::string&) { return unserved(); }

  virtual std::string metrics(bool openmetrics) = 0;
  /// Empty: ready; else why not.
  virtual std::string not_ready() = 0;
  virtual std::map<std::string, std::string> version() = 0;
  /// Who answers what only the agent that decides can answer (route_decider): its base url ("http://10.0.0.5:8080",
  /// with its route prefix). Empty: this agent. Fault::unavailable: nobody decides just now. Asked for each such
  /// request on an io thread, so it must not wait.
  virtual base::Result<std::string> decider() { return std::string(); }

  // --- action links of messages ----------------------------------------------------------------------------------
  /// What its page shows; changes nothing. `remote`: who asks, for what is logged and limited.
  virtual base::Result<LinkView> link_view(std::string_view /*token*/, std::string_view /*remote*/) {
    return unserved();
  }
  /// Does what it says, once; again it changes nothing. Fault::unavailable: another agent decides.
  virtual base::Result<LinkView> follow_link(std::string_view /*token*/, std::string_view /*remote*/) {
    return unserved();
  }

  // --- Alertmanager's API ---------------------------------------------------------------------------------------
  /// Empty: it is served; else why not, and what to do.
  virtual std::string alertmanager_off() {
    return "Alertmanager's API is not served by this agent; an empty [source.alertmanager] in agent.toml enables it";
  }
  virtual AlertmanagerStatus alertmanager_status() { return {}; }
  /// The configuration as YAML that amtool can read.
  virtual std::string alertmanager_config() { return {}; }
  /// Returns when they are durable. Each was checked (model::check_received).
  virtual base::Result<void> receive(std::vector<model::ReceivedAlert>) { return unserved(); }
  /// In order of their fingerprints.
  virtual base::Result<std::vector<model::AlertView>> active_alerts(const model::AlertFilter&) { return unserved(); }
  virtual base::Result<std::vector<model::AlertGroupView>> alert_groups(const model::AlertFilter&) {
    return unserved();
  }
  virtual base::Result<std::vector<std::string>> receivers() { return unserved(); }
  /// A new one where its id is empty; the id it has now. Returns when it is durable.

  // --- routes of plugins -----------------------------------------------------------------------------------------
  struct PluginRequest {
    std::string_view method, path, query, remote, user;
    std::vector<std::pair<std::string_view, std::string_view>> headers;  ///< names in lower case
    std::string_view body;                                               ///< with at least 64 readable bytes after it
    std::string_view certificate = {};  ///< subject of the client's, verified; empty: none was asked for
  };
  struct PluginResponse {
    std::uint32_t status = 200;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
  };
  /// False: no plugin serves it. `done` exactly once, on any thread; the request is valid until then.
  virtual bool plugin_route(const PluginRequest& request, std::function<void(PluginResponse)> done) = 0;
  /// The answer to a request to Alertmanager's API (/api/v2) that does not show what its section's `auth` asks for.
  /// `whole`: its body is there; else what the head shows is judged alone. Called on an io thread: it must not wait.
  virtual std::optional<PluginResponse> alertmanager_refuses(const PluginRequest&, bool /*whole*/) {
    return std::nullopt;
  }
  /// The answer to a request that plugin_route() would refuse whatever its body is, which has not come yet. Likewise.
  virtual std::optional<PluginResponse> plugin_refuses(const PluginRequest&) { return std::nullopt; }
  /// The routes plugin_route() serves now; a last segment "*" takes any rest. For OpenAPI, 404, 405 and metrics.
  virtual std::vector<model::RouteDoc> plugin_routes() { return {}; }

 private:
  static std::unexpected<base::Error> unserved() {
    return base::fail(base::Fault::unsupported, "this is not served by this agent");
  }
};

}  // namespace tocsin::api
