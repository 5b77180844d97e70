#include "app/backend.hpp"

#include <condition_variable>
#include <optional>

#include "app/explain.hpp"
#include "app/history_query.hpp"
#include "app/version.hpp"
#include "base/id.hpp"
#include "base/text.hpp"

namespace tocsin::app {
namespace {

constexpr base::Duration trial_patience = std::chrono::seconds(25);

storage::Page page_of(const api::Page& page) {
  return {page.limit, page.after};
}

template <class T>
api::Listed<T> listed(storage::Listed<T>&& from) {
  return {std::move(from.items), std::move(from.next)};
}

}  // namespace

struct Backend::Waiting {
  std::mutex mutex;
  std::condition_variable ended;
  std::map<std::string, std::optional<std::pair<model::Delivery, delivery::Outcome>>> by_key;
};

struct Backend::Listening {
  std::mutex mutex;
  std::function<void()> listener;
};

Backend::Backend(Parts parts)
    : parts_(std::move(parts)),
      started_(parts_.clock->now()),
      waiting_(std::make_shared<Waiting>()),
      listening_(std::make_shared<Listening>()) {
  parts_.pipeline->on_timeline([listening = listening_] {
    std::lock_guard lock(listening->mutex);
    if (listening->listener) listening->listener();
  });
  parts_.pipeline->on_delivered(
      [waiting = waiting_](const model::Delivery& delivery, const delivery::Outcome& outcome) {
        std::lock_guard lock(waiting->mutex);
        if (const auto it = waiting->by_key.find(delivery.key); it != waiting->by_key.end()) {
          it->second.emplace(delivery, outcome);
          waiting->ended.notify_all();
        }
      });
}

Backend::~Backend() = default;

void Backend::on_incident_events(std::function<void()> listener) {
  parts_.tail->on_signals(listener);
  std::lock_guard lock(listening_->mutex);
  listening_->listener = std::move(listener);
}

base::Result<std::vector<api::HistorySeries>> Backend::history(const api::HistoryQuery& query) {
  storage::SampleQuery samples;
  samples.name = query.name;
  samples.matchers = query.matchers;
  samples.from = query.from;
  samples.to = query.to;
  for (const auto& [label, value] : {std::pair{"loader", query.loader}, {"segment", query.segment}}) {
    if (value.empty()) continue;
    TRY(auto matcher, model::Matcher::make(label, model::MatchOp::equal, value));
    samples.matchers.push_back(std::move(matcher));
  }
  std::vector<api::HistorySeries> answer;
  if (adds_up(query.aggregation) && query.bucket > base::Duration::zero()) {
    TRY(const auto found, parts_.pipeline->store().buckets(samples, query.bucket));
    const std::size_t limit = points_each(query.limit, found.size());
    for (const auto& series : found)
      answer.push_back(
          {series.key.name, series.key.labels, downsample(points_of(series.buckets, query.aggregation), limit)});
    return answer;
  }
  samples.most_samples = most_samples_at_once;
  TRY(const auto found, parts_.pipeline->store().samples(samples));
  const std::size_t limit = points_each(query.limit, found.size());
  for (const auto& series : found) {
    TRY(auto points, aggregate(series, query.aggregation, query.bucket));
    answer.push_back({series.key.name, series.key.labels, downsample(std::move(points), limit)});
  }
  return answer;
}

base::Result<std::vector<api::SeriesInfo>> Backend::series(const std::string& pattern) {
  TRY(auto found, parts_.pipeline->store().series(pattern));
  std::vector<api::SeriesInfo> answer;
  for (auto& series : found)
    answer.push_back({series.key.name, series.key.labels, series.first, series.last, series.samples});
  return answer;
}

std::vector<api::RuleInfo> Backend::rules() {
  std::map<std::string, detection::RuleStatus> by_name;
  for (auto& status : parts_.pipeline->rule_status()) by_name[status.rule] = status;
  for (auto& status : parts_.queries->status()) by_name[status.rule] = status;
  std::vector<api::RuleInfo> answer;
  for (const auto& rule : parts_.rules()) {
    const auto& status = by_name[rule->name];
    answer.push_back({rule, status.health.empty() ? "unknown" : status.health, status.last_error, status.evaluations,
                      status.failures, status.groups, status.pending, status.firing, status.last_evaluation});
  }
  for (const auto& [row, status] : parts_.row_rules->status()) {
    answer.push_back({std::make_shared<const model::Rule>(detection::rule_of(row)), status.health, status.last_error,
                      status.evaluations, status.failures, status.groups, status.pending, status.firing,
                      status.last_evaluation});
  }
  return answer;
}

base::Result<api::Listed<model::Alert>> Backend::alerts(bool history, const std::string& rule, base::Time from,
                                                        base::Time to, const api::Page& page) {
  storage::AlertQuery query;
  if (!history) query.states = {model::AlertState::pending, model::AlertState::firing};
  query.rule = rule;
  query.from = from;
  query.to = to;
  query.page = page_of(page);
  TRY(auto found, parts_.pipeline->store().alerts(query));
  return listed(std::move(found));
}

base::Result<api::Listed<model::Attempt>> Backend::notifications(const std::string& incident,
                                                                 const std::string& instance, const std::string& status,
                                                                 const api::Page& page) {
  storage::LogQuery query;
  if (!incident.empty()) {
    TRY(query.correlation_id, correlation_of(incident));
  }
  query.instance = instance;
  query.status = status;
  query.page = page_of(page);
  TRY(auto found, parts_.pipeline->store().attempts(query));
  return listed(std::move(found));
}

base::Result<model::Delivery> Backend::trial(const std::string& instance, const std::string& to) {
  const auto routing = parts_.routing();
  const auto channel = routing.channels.find(instance);
  if (channel == routing.channels.end() || channel->second.tracker) {
    std::vector<std::string> names;
    for (const auto& [name, each] : routing.channels) {
      if (!each.tracker) names.push_back(name);
    }
    const auto near = base::nearest(instance, names);
    return base::fail(base::Fault::not_found, "there is no [notifier." + instance + "]" +
                                                  (near.empty() ? "" : "; did you mean \"" + near + "\"?"));
  }
  model::Delivery delivery;
  delivery.instance = instance;
  delivery.kind = model::MessageKind::test;
  delivery.reason = "test";
  delivery.target = to.empty() ? instance : instance + ":" + to;
  delivery.created_at = delivery.next_attempt_at = now();
  delivery.key = "test/" + base::uuid_v7(now());
  delivery.title = "Trial message from Tocsin";
  delivery.text =
      "Trial message from Tocsin on " + parts_.name + ": if you can read this, [notifier." + instance + "] works.";
  delivery.incident.title = delivery.title;
  delivery.incident.description = delivery.text;
  delivery.incident.severity = model::Severity::low;
  delivery.incident.detected_at = now();
  if (to.starts_with("contact.")) {
    const auto contact = routing.contacts.find(to.substr(8));
    if (contact == routing.contacts.end()) return base::fail(base::Fault::not_found, "there is no [" + to + "]");
    const auto& person = contact->second;
    const auto& field = channel->second.address_field;
    const auto other = person.fields.find(field);
    delivery.recipient = person.name;
    delivery.address = field == "email"               ? person.email
                       : field == "phone"             ? person.phone
                       : field == "slack"             ? person.slack
                       : other != person.fields.end() ? other->second
                                                      : "";
    if (delivery.address.empty()) return base::fail(base::Fault::invalid, "[" + to + "] has no \"" + field + "\"");
  } else {
    if (to.empty() && !channel->second.no_recipient && channel->second.default_recipient.empty()) {
      return base::fail(base::Fault::invalid, "[notifier." + instance + "] needs a recipient: --to contact.NAME" +
                                                  (channel->second.takes_channels ? " or #channel" : ""));
    }
    delivery.recipient = delivery.address = to.empty() ? channel->second.default_recipient : to;
  }
  return delivery;
}

base::Result<model::Attempt> Backend::send_test(const std::string& instance, const std::string& to) {
  TRY(auto delivery, trial(instance, to));
  // A trial is not worth insisting on: one attempt's outcome is the answer.
  delivery.deadline = now() + std::chrono::seconds(20);
  const std::string key = delivery.key;
  {
    std::lock_guard lock(waiting_->mutex);
    waiting_->by_key[key];
  }
  auto forget = [&] { waiting_->by_key.erase(key); };
  if (auto sent = parts_.pipeline->send({delivery}); !sent) {
    std::lock_guard lock(waiting_->mutex);
    forget();
    return base::fail(sent.error());
  }
  std::unique_lock lock(waiting_->mutex);
  const bool ended = waiting_->ended.wait_for(lock, trial_patience, [&] { return waiting_->by_key[key].has_value(); });
  model::Attempt attempt;
  attempt.delivery_key = key;
  attempt.instance = instance;
  attempt.type = instance;
  attempt.recipient = delivery.recipient;
  attempt.sent_at = now();
  if (ended) {
    const auto& [last, outcome] = *waiting_->by_key[key];
    attempt.status = outcome.ok ? "SENT" : last.state == model::DeliveryState::shadow ? "SHADOW" : "FAILED";
    attempt.error = outcome.error.empty() ? last.last_error : outcome.error;
    attempt.provider_id = outcome.provider_id;
    attempt.attempt = last.attempts;
  } else {
    attempt.status = "RETRYING";
    attempt.error = "no answer within 25 s; see `tocsin notify log`";
  }
  forget();
  return attempt;
}

std::vector<model::PluginStatus> Backend::plugins() {
  auto lines = parts_.fleet->status();
  for (auto& detector : parts_.detectors->status()) {
    std::erase_if(lines, [&](const auto& line) { return line.id == detector.id && line.state == "available"; });
    lines.push_back(std::move(detector));
  }
  for (const auto& channel : parts_.pipeline->channel_status()) {
    for (auto& line : lines) {
      if (line.instance == "notifier." + channel.instance || line.instance == "tracker." + channel.instance)
        line.queue_depth = channel.queued, line.dropped = channel.dead;
    }
  }
  return lines;
}

base::Result<api::Listed<model::DeadLetter>> Backend::dead_letters(const api::Page& page) {
  TRY(auto found, parts_.pipeline->store().dead_letters(page_of(page)));
  return listed(std::move(found));
}

base::Result<void> Backend::replay_dead_letter(std::uint64_t id) {
  TRY(auto letter, parts_.pipeline->store().dead_letter(id));
  if (!letter) return base::fail(base::Fault::not_found, "there is no dead letter " + std::to_string(id));
  if (letter->what != "delivery") {
    return base::fail(base::Fault::conflict,
                      "dead letter " + std::to_string(id) + " is a " + letter->what +
                          " that ended its plugin, not a delivery; there is nothing to send again");
  }
  auto again = letter->delivery;
  again.state = model::DeliveryState::pending;
  again.attempts = 0;
  again.created_at = now();
  again.next_attempt_at = now();
  again.deadline = base::no_time;
  again.last_error.clear();
  model::Changes changes;
  changes.dead_letters_replayed.push_back(id);
  if (!again.tracker && again.kind != model::MessageKind::test) {
    changes.verdicts.push_back(incidents::verdict_of(again, model::VerdictKind::told,
                                                     "dead letter " + std::to_string(id) + " sent again", now()));
  }
  return parts_.pipeline->send({std::move(again)}, std::move(changes));
}

base::Result<std::vector<model::TicketRef>> Backend::tickets() {
  return parts_.pipeline->store().tickets();
}

base::Result<api::Explanation> Backend::explain(const api::ExplainQuery& query) {
  return find_and_explain({now(), parts_.pipeline, rules(), parts_.routing()}, query);
}

std::map<std::string, std::string> Backend::version() {
  return {
      {"name", parts_.name}, {"version", tocsin_version}, {"abi", "1"}, {"store", parts_.pipeline->store().describe()}};
}

namespace {

plugin_host::Instance::Request instance_request(const api::Backend::PluginRequest& request) {
  return {request.method, request.path, request.query,      request.remote, request.user, request.headers,
          request.body,   64,           request.certificate};
}

std::optional<api::Backend::PluginResponse> plugin_response(std::optional<plugin_host::Instance::Response> response) {
  if (!response) return std::nullopt;
  return api::Backend::PluginResponse{response->status, std::move(response->headers), std::move(response->body)};
}

}  // namespace

bool Backend::plugin_route(const PluginRequest& request, std::function<void(PluginResponse)> done) {
  return parts_.fleet->handle(instance_request(request),
                              [done = std::move(done)](plugin_host::Instance::Response response) {
                                done({response.status, std::move(response.headers), std::move(response.body)});
                              });
}

std::optional<api::Backend::PluginResponse> Backend::alertmanager_refuses(const PluginRequest& request, bool whole) {
  if (parts_.alertmanager_guard == nullptr) return std::nullopt;
  const auto asked = instance_request(request);
  if (!whole) return plugin_response(parts_.alertmanager_guard->refuse_head(asked));
  auto admitted = parts_.alertmanager_guard->admit(asked);
  return admitted ? std::nullopt : plugin_response(std::move(admitted.error()));
}

std::optional<api::Backend::PluginResponse> Backend::plugin_refuses(const PluginRequest& request) {
  return plugin_response(parts_.fleet->refuse_head(instance_request(request)));
}

}  // namespace tocsin::app
