#include "detection/heartbeats.hpp"

#include <algorithm>
#include <set>

#include "base/text.hpp"

namespace tocsin::detection {
namespace {

using base::Time;
using model::BeatKind;

constexpr const char* missed_name = "HeartbeatMissed";
constexpr const char* failed_name = "HeartbeatFailed";
constexpr std::size_t most_note_shown = 300;

model::Rule rule_of(const char* name, const model::Heartbeat& heartbeat, const char* suggestion) {
  model::Rule rule;
  rule.name = name;
  rule.category = model::Category::infrastructure;
  rule.severity = heartbeat.severity;
  rule.by = {"heartbeat"};
  rule.labels = heartbeat.labels;
  rule.suggestion = suggestion;
  // Each time it stays away is news: it was there in between.
  rule.cooldown = base::Duration::zero();
  return rule;
}

/// To the second: people read it.
std::string instant_text(Time t) {
  return base::format_rfc3339(std::chrono::floor<std::chrono::seconds>(t));
}

/// The first line of the note, not cut within a character.
std::string note_text(const std::string& note) {
  std::string line = note.substr(0, note.find('\n'));
  if (line.size() > most_note_shown) {
    std::size_t end = most_note_shown;
    while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xc0) == 0x80) --end;
    line = line.substr(0, end) + "…";
  }
  return line.empty() ? "" : ": " + line;
}

}  // namespace

void Heartbeats::set(const std::vector<model::Heartbeat>& wanted, Time now, Decided& out) {
  std::set<std::string> names;
  for (const auto& heartbeat : wanted) {
    names.insert(heartbeat.name);
    auto [at, fresh] = watched_.try_emplace(heartbeat.name);
    Watched& each = at->second;
    each.heartbeat = heartbeat;
    each.group = model::Labels{{"heartbeat", heartbeat.name}};
    each.missed = rule_of(missed_name, heartbeat, "See whether {{heartbeat}} ran, and whether it can reach the agent");
    each.failed = rule_of(failed_name, heartbeat, "Look at the last run of {{heartbeat}}");
    if (!fresh) continue;
    each.from = now;
    if (const auto row = known_.find(heartbeat.name); row != known_.end()) each.record = row->second;
    if (each.record.since != base::no_time) continue;
    model::Beat first{heartbeat.name, BeatKind::watched, now, -1, {}, {}};
    apply(first, each.record);
    out.beats.push_back(std::move(first));
  }
  for (auto it = watched_.begin(); it != watched_.end();) {
    if (names.contains(it->first)) {
      ++it;
      continue;
    }
    if (judging_) {
      for (const char* rule : {missed_name, failed_name}) alerts_.end(rule, it->second.group, now, out.alerts);
    }
    known_[it->first] = it->second.record;
    it = watched_.erase(it);
  }
  advance(now, out);
}

void Heartbeats::learn(const std::vector<model::HeartbeatRecord>& records) {
  for (const auto& record : records) {
    const auto at = watched_.find(record.name);
    merge(record, at == watched_.end() ? known_[record.name] : at->second.record);
  }
}

void Heartbeats::take_over(const std::vector<model::Alert>& alerts, Time now, Decided& out) {
  judging_ = true;
  // Who judged before may have been away for a while, and pings with it.
  for (auto& [name, each] : watched_) each.from = std::max(each.from, now);
  for (const auto& alert : alerts) {
    alerts_.restore(alert);
    const std::string name(alert.group.get("heartbeat"));
    if (alert.keeper == keeper && !watched_.contains(name)) alerts_.end(alert.rule, alert.group, now, out.alerts);
  }
  advance(now, out);
}

void Heartbeats::give_up() {
  judging_ = false;
  alerts_.clear();
}

base::Result<void> Heartbeats::ping(model::Beat beat, Decided& out) {
  const auto at = watched_.find(beat.name);
  if (at == watched_.end()) {
    std::vector<std::string> names;
    for (const auto& [name, each] : watched_) names.push_back(name);
    const std::string near = base::nearest(beat.name, names);
    return base::fail(base::Fault::not_found,
                      "there is no heartbeat \"" + beat.name + "\"" +
                          (near.empty() ? "; add [heartbeat." + beat.name + "] to the configuration"
                                        : "; did you mean \"" + near + "\"?"));
  }
  Watched& each = at->second;
  if (beat.kind != BeatKind::start && running(each) && beat.at > each.record.last_start)
    beat.duration = beat.at - each.record.last_start;
  apply(beat, each.record);
  const Time now = beat.at;
  out.beats.push_back(std::move(beat));
  if (judging_) judge(each, now, out);
  return {};
}

void Heartbeats::advance(Time now, Decided& out) {
  if (!judging_) return;
  for (const auto& [name, each] : watched_) judge(each, now, out);
}

Time Heartbeats::last_end(const Watched& each) {
  return std::max({each.record.since, each.record.last_success, each.record.last_failure});
}

bool Heartbeats::running(const Watched& each) {
  return each.record.last_start > std::max(each.record.last_success, each.record.last_failure);
}

Time Heartbeats::expected_at(const Watched& each) {
  const Time regular = last_end(each) + each.heartbeat.every;
  return running(each) ? std::min(regular, each.record.last_start) : regular;
}

Time Heartbeats::late_at(const Watched& each) {
  return expected_at(each) + each.heartbeat.grace;
}

bool Heartbeats::failed(const Watched& each) {
  return each.record.last_failure > each.record.last_success;
}

bool Heartbeats::is_missed(const Watched& each, Time now) const {
  if (now < late_at(each)) return false;
  return now >= each.from + each.heartbeat.grace || alerts_.firing(missed_name, each.group);
}

void Heartbeats::judge(const Watched& each, Time now, Decided& out) {
  const auto& [name, every, grace, severity, labels] = each.heartbeat;
  Judgement missed;
  missed.firing = is_missed(each, now);
  const Time last = std::max(each.record.last_success, each.record.last_failure);
  const std::string late =
      running(each) && each.record.last_start + grace <= now
          ? name + " began at " + instant_text(each.record.last_start) + " and has not ended within " +
                base::format_duration(grace)
          : name + (last == base::no_time ? " has never reported" : " has not reported since " + instant_text(last)) +
                "; it should every " + base::format_duration(every) + ", with " + base::format_duration(grace) +
                " of grace";
  missed.message = late;
  alerts_.judge(each.missed, each.group, missed, now, out.alerts);

  Judgement broken;
  broken.firing = failed(each);
  const int status = each.record.exit_status;
  const std::string text = name + " failed" + (status > 0 ? " with exit status " + std::to_string(status) : "") +
                           note_text(each.record.note);
  broken.message = text;
  if (status > 0) broken.value = status;
  alerts_.judge(each.failed, each.group, broken, now, out.alerts);
}

std::optional<Time> Heartbeats::next_due() const {
  std::optional<Time> due;
  if (!judging_) return due;
  for (const auto& [name, each] : watched_) {
    if (alerts_.firing(missed_name, each.group)) continue;
    const Time at = std::max(late_at(each), each.from + each.heartbeat.grace);
    if (!due || at < *due) due = at;
  }
  return due;
}

model::HeartbeatView Heartbeats::view(const Watched& each, Time now) const {
  model::HeartbeatView out;
  out.heartbeat = each.heartbeat;
  out.record = each.record;
  out.running = running(each);
  out.expected_at = expected_at(each);
  out.late_at = std::max(late_at(each), each.from + each.heartbeat.grace);
  if (alerts_.firing(missed_name, each.group)) out.late_at = late_at(each);
  out.status = failed(each)                             ? model::HeartbeatStatus::failed
               : is_missed(each, now)                   ? model::HeartbeatStatus::missed
               : now >= out.expected_at                 ? model::HeartbeatStatus::grace
               : each.record.last_ping == base::no_time ? model::HeartbeatStatus::fresh
                                                        : model::HeartbeatStatus::up;
  return out;
}

std::vector<model::HeartbeatView> Heartbeats::list(Time now) const {
  std::vector<model::HeartbeatView> all;
  for (const auto& [name, each] : watched_) all.push_back(view(each, now));
  return all;
}

std::optional<model::HeartbeatView> Heartbeats::find(const std::string& name, Time now) const {
  const auto at = watched_.find(name);
  if (at == watched_.end()) return std::nullopt;
  return view(at->second, now);
}

}  // namespace tocsin::detection
