#include "incidents/silences.hpp"

#include <algorithm>
#include <cctype>
#include <tuple>

#include "base/id.hpp"
#include "base/text.hpp"
#include "incidents/tree.hpp"

namespace tocsin::incidents {
namespace {

using base::Fault;
using model::MatchOp;
using model::Silence;
using model::SilenceState;

bool same_matchers(const model::Matchers& a, const model::Matchers& b) {
  return std::ranges::equal(a, b, {}, &model::Matcher::text, &model::Matcher::text);
}

bool same_recurrence(const model::Recurrence& a, const model::Recurrence& b) {
  return std::tie(a.every, a.length, a.zone) == std::tie(b.every, b.length, b.zone);
}

/// Alertmanager's canUpdate(): whether the edit leaves the silence the same one.
bool can_update(const Silence& before, const Silence& after, base::Time now) {
  if (!same_matchers(before.matchers, after.matchers) || !same_matchers(before.except, after.except)) return false;
  if (!same_recurrence(before.recurrence, after.recurrence) || before.until_resolved != after.until_resolved)
    return false;
  const auto second = [](base::Time t) { return std::chrono::floor<std::chrono::seconds>(t); };
  switch (before.state(now)) {
    case SilenceState::active:
      return second(before.starts_at) == second(after.starts_at) && after.ends_at >= now;
    case SilenceState::pending:
      return after.starts_at >= now;
    case SilenceState::expired:
      break;
  }
  return false;
}

std::uint64_t value_key(std::string_view label, std::string_view value) {
  return base::Fnv1a().add(label).add_byte(0xff).add(value).value();
}

/// The words of a regular expression that only lists them, "a|b\.c"; empty: it is another.
std::vector<std::string> listed_words(std::string_view pattern) {
  std::vector<std::string> words(1);
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const auto c = static_cast<unsigned char>(pattern[i]);
    const bool plain = std::isalnum(c) || c >= 0x80 ||
                       std::string_view("_-:/ @,=%#&'\"<>~!;`").find(pattern[i]) != std::string_view::npos;
    if (pattern[i] == '|') {
      words.emplace_back();
    } else if (plain) {
      words.back() += pattern[i];
    } else if (pattern[i] == '\\' && i + 1 < pattern.size() &&
               std::ispunct(static_cast<unsigned char>(pattern[i + 1]))) {
      words.back() += pattern[++i];
    } else {
      return {};
    }
  }
  if (std::ranges::any_of(words, &std::string::empty)) return {};
  return words;
}

/// The values of its label that a matcher can mean; empty: not to be told.
std::vector<std::string> values_of(const model::Matcher& matcher) {
  if (matcher.op() == MatchOp::equal && !matcher.value().empty()) return {matcher.value()};
  if (matcher.op() == MatchOp::match) return listed_words(matcher.value());
  return {};
}

/// Alertmanager's matchFilterLabels(): the filter against the values written in the silence's own matchers.
bool matches_filter(const Silence& silence, const model::Matchers& filter) {
  return std::ranges::all_of(filter, [&](const model::Matcher& wanted) {
    std::string_view value;
    bool present = false;
    for (const model::Matcher& own : silence.matchers) {
      if (own.label() == wanted.label()) value = own.value(), present = true;
    }
    const bool negative = wanted.op() == MatchOp::not_equal || wanted.op() == MatchOp::not_match;
    if (wanted.value().empty() && present == negative) return true;
    return wanted.matches(value);
  });
}

/// The order of Alertmanager's lists.
bool before_in_list(const Silence& a, const Silence& b, base::Time now) {
  const auto rank = [&](const Silence& s) {
    const SilenceState state = s.state(now);
    if (state == SilenceState::active) return std::tuple(0, base::to_ns(s.ends_at));
    if (state == SilenceState::pending) return std::tuple(1, base::to_ns(s.starts_at));
    return std::tuple(2, -base::to_ns(s.ends_at));
  };
  return std::tuple_cat(rank(a), std::tie(a.id)) < std::tuple_cat(rank(b), std::tie(b.id));
}

std::optional<Recurring> recurring_of(const Silence& silence) {
  if (silence.recurrence.every.empty()) return std::nullopt;
  auto made = Recurring::make(silence.recurrence);
  return made ? std::optional(std::move(*made)) : std::nullopt;
}

}  // namespace

/// An alert as the silences look at it. What matchers of agent.toml see is made when the first of them asks.
class Silences::Subject {
 public:
  Subject(const model::Alert& of, const model::SeverityMap& severities) : alert_(of), severities_(severities) {}

  bool meant_by(const Silence& silence) const {
    if (!silence.configured) {
      return model::matches(silence.matchers, alert_.labels) &&
             std::ranges::none_of(silence.except, [&](const auto& m) { return m.matches(alert_.labels); });
    }
    if (!seen_) seen_ = seen_labels(severities_, alert_);
    return matches_seen(silence.matchers, *seen_) &&
           std::ranges::none_of(silence.except, [&](const auto& m) { return matches_seen(m, *seen_); });
  }

 private:
  const model::Alert& alert_;
  const model::SeverityMap& severities_;
  mutable std::optional<model::Labels> seen_;
};

bool Silences::means(const Silence& silence, const model::Alert& alert) const {
  return Subject(alert, severities_).meant_by(silence);
}

std::optional<base::Time> Silences::held_until(const Entry& entry, const Subject& subject, base::Time now) const {
  const Silence& silence = entry.silence;
  if (entry.unreadable || silence.state(now) != SilenceState::active) return std::nullopt;
  if (!subject.meant_by(silence)) return std::nullopt;
  if (!entry.recurring) return silence.ends_at;
  const auto span = entry.recurring->at(now);
  return span ? std::optional(std::min(silence.ends_at, span->to)) : std::nullopt;
}

template <class Visit>
void Silences::each_that_holds(const model::Alert& alert, base::Time now, Visit visit) const {
  if (by_id_.empty()) return;
  const Subject subject(alert, severities_);
  const auto look = [&](const std::vector<const Entry*>& entries) {
    for (const Entry* entry : entries) {
      if (const auto until = held_until(*entry, subject, now)) visit(entry->silence, *until);
    }
  };
  if (!by_value_.empty()) {
    for (const auto& [name, value] : alert.labels) {
      if (const auto found = by_value_.find(value_key(name, value)); found != by_value_.end()) look(found->second);
    }
  }
  look(others_);
}

std::optional<Held> Silences::of(const model::Alert& alert, base::Time now) const {
  const Silence* longest = nullptr;
  base::Time end{};
  each_that_holds(alert, now, [&](const Silence& silence, base::Time until) {
    if (longest && std::tie(until, silence.id) <= std::tie(end, longest->id)) return;
    longest = &silence;
    end = until;
  });
  if (!longest) return std::nullopt;
  return Held{model::VerdictKind::silenced, longest->id, end == model::no_end ? base::no_time : end};
}

std::vector<std::string> Silences::silenced_by(const model::Alert& alert, base::Time now) const {
  std::vector<std::string> ids;
  each_that_holds(alert, now, [&](const Silence& silence, base::Time) { ids.push_back(silence.id); });
  std::ranges::sort(ids);
  return ids;
}

std::vector<Silence> Silences::list(base::Time now, const model::Matchers& filter) const {
  std::vector<const Silence*> found;
  for (const auto& [id, entry] : by_id_) {
    if (matches_filter(entry.silence, filter)) found.push_back(&entry.silence);
  }
  std::ranges::sort(found, [&](const Silence* a, const Silence* b) { return before_in_list(*a, *b, now); });
  std::vector<Silence> out;
  out.reserve(found.size());
  for (const Silence* silence : found) out.push_back(*silence);
  return out;
}

const Silence* Silences::find(const std::string& id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &found->second.silence;
}

Silences::Phase Silences::phase(const Silence& silence, base::Time now) {
  const SilenceState state = silence.state(now);
  if (state == SilenceState::expired) return {};
  const auto recurring = recurring_of(silence);
  if (!silence.recurrence.every.empty() && !recurring) return {};
  const base::Time end = silence.ends_at == model::no_end ? base::no_time : silence.ends_at;
  if (!recurring) return state == SilenceState::active ? Phase{true, end} : Phase{false, silence.starts_at};
  const auto span = recurring->at(std::max(now, silence.starts_at));
  if (state == SilenceState::active && span) return {true, std::min(span->to, silence.ends_at)};
  const base::Time next = span ? silence.starts_at : recurring->next(std::max(now, silence.starts_at)).from;
  return {false, next < silence.ends_at ? next : base::no_time};
}

base::Result<std::string> Silences::set(Silence silence, base::Time now, const FiringAlerts& firing, Rows& out) {
  Entry* before = nullptr;
  if (!silence.id.empty()) {
    const auto found = by_id_.find(silence.id);
    if (found == by_id_.end()) return base::fail(Fault::not_found, "there is no silence " + silence.id);
    before = &found->second;
    if (before->silence.configured) {
      return base::fail(Fault::conflict, "silence " + silence.id + " (" + before->silence.created_by +
                                             ") stands in the configuration; change it there and reload");
    }
  }
  const bool endless = silence.until_resolved || !silence.recurrence.every.empty();
  if (silence.ends_at == base::no_time && endless) silence.ends_at = model::no_end;
  if (silence.starts_at == base::no_time) silence.starts_at = before ? before->silence.starts_at : now;
  TRY_VOID(check_silence(silence, now));
  silence.updated_at = now;
  silence.configured = silence.gone = false;
  silence.ended_by.clear();
  if (before && can_update(before->silence, silence, now)) {
    silence.elsewhere = before->silence.elsewhere;
    out.push_back(put(std::move(silence), now).silence);
    return out.back().id;
  }
  if (by_id_.size() >= most_silences) {
    return base::fail(Fault::exhausted, "there are " + std::to_string(by_id_.size()) +
                                            " silences, which is the most there may be; expired ones go after 120h");
  }
  silence.starts_at = std::max(silence.starts_at, now);
  silence.elsewhere = false;
  const bool meant = std::ranges::any_of(firing, [&](const model::Alert* alert) { return means(silence, *alert); });
  if (silence.until_resolved && silence.starts_at <= now && !meant) {
    return base::fail(Fault::conflict,
                      "no firing alert matches, so there is nothing to wait for until it is resolved; give the silence "
                      "an end instead");
  }
  // The old one goes only now that nothing can refuse the new one.
  if (before && before->silence.state(now) != SilenceState::expired) end(*before, silence.created_by, now, out);
  silence.id = base::uuid_v7(now);
  Entry& entry = put(std::move(silence), now);
  watch(entry, firing, now);
  out.push_back(entry.silence);
  return entry.silence.id;
}

base::Result<void> Silences::expire(const std::string& id, const std::string& actor, base::Time now, Rows& out) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return base::fail(Fault::not_found, "there is no silence " + id);
  Entry& entry = found->second;
  if (entry.silence.configured) {
    return base::fail(Fault::conflict, "silence " + id + " (" + entry.silence.created_by +
                                           ") stands in the configuration; take it out there and reload");
  }
  if (entry.silence.state(now) == SilenceState::expired) {
    return base::fail(Fault::conflict, "silence " + id + " already expired");
  }
  end(entry, actor, now, out);
  return {};
}

void Silences::end(Entry& entry, const std::string& actor, base::Time now, Rows& out) {
  Silence silence = entry.silence;
  silence.starts_at = std::min(silence.starts_at, now);
  silence.ends_at = silence.updated_at = now;
  silence.ended_by = actor;
  out.push_back(put(std::move(silence), now).silence);
}

void Silences::fired(const model::Alert& alert) {
  for (const std::string& id : watching_) wait_for(by_id_.at(id), alert);
}

/// Under another fingerprint, its severity having risen, an alert may have come under a silence or out of it.
void Silences::wait_for(Entry& entry, const model::Alert& alert) {
  const auto known = entry.waits_for.find(alert.fingerprint);
  if (known != entry.waits_for.end() && known->second == alert.id) return;
  std::erase_if(entry.waits_for, [&](const auto& waited) { return waited.second == alert.id; });
  if (means(entry.silence, alert)) entry.waits_for[alert.fingerprint] = alert.id;
}

void Silences::resolved(const model::Alert& alert, base::Time now, Rows& out) {
  std::vector<Entry*> over;
  for (const std::string& id : watching_) {
    Entry& entry = by_id_.at(id);
    const bool waited = std::erase_if(entry.waits_for, [&](const auto& one) {
                          return one.first == alert.fingerprint || one.second == alert.id;
                        }) > 0;
    if (!waited || !entry.waits_for.empty()) continue;
    if (entry.silence.state(now) == SilenceState::active)
      over.push_back(&entry);
    else
      schedule(entry, now);
  }
  for (Entry* entry : over) end(*entry, "tocsin", now, out);
}

void Silences::advance(base::Time now, Rows& out) {
  while (!ends_.empty() && ends_.begin()->first <= now) {
    const std::string id = ends_.begin()->second;
    ends_.erase(ends_.begin());
    Entry& entry = by_id_.at(id);
    unlist(entry);
    if (watching_.erase(id) == 0) continue;
    entry.waits_for.clear();
    schedule(entry, now);
  }
  while (!wakes_.empty() && wakes_.begin()->first <= now) {
    Entry& entry = by_id_.at(wakes_.begin()->second);
    if (entry.silence.state(now) == SilenceState::active) {
      end(entry, "tocsin", now, out);
    } else if (entry.silence.ends_at + model::silence_retention <= now) {
      Silence row = entry.silence;
      row.gone = true;
      out.push_back(std::move(row));
      erase(entry);
    } else {
      schedule(entry, now);
    }
  }
}

std::optional<base::Time> Silences::next_due() const {
  if (wakes_.empty()) return std::nullopt;
  return wakes_.begin()->first;
}

void Silences::learn(Rows rows, base::Time now, const FiringAlerts& firing) {
  for (Silence& row : rows) {
    const auto known = by_id_.find(row.id);
    if (row.gone || row.id.empty()) continue;
    if (known != by_id_.end()) {
      const Silence& mine = known->second.silence;
      if (mine.configured || mine.updated_at >= row.updated_at) continue;
    }
    row.configured = false;
    watch(put(std::move(row), now), firing, now);
  }
}

void Silences::configure(const Rows& configured, const model::SeverityMap& severities) {
  severities_ = severities;
  std::vector<std::string> old;
  for (const auto& [id, entry] : by_id_) {
    if (entry.silence.configured) old.push_back(id);
  }
  for (const std::string& id : old) erase(by_id_.at(id));
  for (Silence silence : configured) {
    silence.configured = true;
    put(std::move(silence), base::no_time);
  }
}

/// Puts a silence in the place of the one with its id, or beside the others; what it waits for stays.
Silences::Entry& Silences::put(Silence silence, base::Time now) {
  Entry& entry = by_id_[silence.id];
  if (!entry.silence.id.empty()) {
    ends_.erase({entry.silence.ends_at, entry.silence.id});
    unlist(entry);
  }
  entry.silence = std::move(silence);
  entry.recurring = recurring_of(entry.silence);
  entry.unreadable = !entry.silence.recurrence.every.empty() && !entry.recurring;
  const Silence& kept = entry.silence;
  const bool over = kept.state(now) == SilenceState::expired;
  if (!over) {
    enlist(entry);
    ends_.insert({kept.ends_at, kept.id});
  }
  if (kept.until_resolved && !kept.elsewhere && !over) {
    watching_.insert(kept.id);
  } else {
    watching_.erase(kept.id);
    entry.waits_for.clear();
  }
  schedule(entry, now);
  return entry;
}

void Silences::watch(Entry& entry, const FiringAlerts& firing, base::Time now) {
  if (!watching_.contains(entry.silence.id)) return;
  for (const model::Alert* alert : firing) wait_for(entry, *alert);
  schedule(entry, now);
}

void Silences::enlist(Entry& entry) {
  std::vector<std::uint64_t> best;
  std::size_t fewest = 0;
  for (const model::Matcher& matcher : entry.silence.matchers) {
    // Severity and category of agent.toml are not the labels as they stand.
    if (entry.silence.configured && (matcher.label() == "severity" || matcher.label() == "category")) continue;
    std::vector<std::uint64_t> keys;
    std::size_t neighbours = 0;
    for (const std::string& value : values_of(matcher)) {
      keys.push_back(value_key(matcher.label(), value));
      if (const auto at = by_value_.find(keys.back()); at != by_value_.end()) neighbours += at->second.size();
    }
    std::ranges::sort(keys);
    keys.erase(std::ranges::unique(keys).begin(), keys.end());
    if (keys.empty() || (!best.empty() && neighbours >= fewest)) continue;
    best = std::move(keys);
    fewest = neighbours;
  }
  entry.keys = std::move(best);
  entry.listed = true;
  if (entry.keys.empty()) others_.push_back(&entry);
  for (const std::uint64_t key : entry.keys) by_value_[key].push_back(&entry);
}

void Silences::unlist(Entry& entry) {
  if (!std::exchange(entry.listed, false)) return;
  if (entry.keys.empty()) std::erase(others_, &entry);
  for (const std::uint64_t key : entry.keys) {
    const auto at = by_value_.find(key);
    std::erase(at->second, &entry);
    if (at->second.empty()) by_value_.erase(at);
  }
  entry.keys.clear();
}

/// The next instant at which time alone changes something that is kept.
void Silences::schedule(Entry& entry, base::Time now) {
  const Silence& silence = entry.silence;
  if (entry.wake != base::no_time) wakes_.erase({entry.wake, silence.id});
  entry.wake = base::no_time;
  if (silence.configured) return;
  const bool idle = watching_.contains(silence.id) && entry.waits_for.empty() && now < silence.ends_at;
  entry.wake = idle ? std::max(silence.starts_at, base::from_ns(1)) : silence.ends_at + model::silence_retention;
  wakes_.insert({entry.wake, silence.id});
}

void Silences::erase(Entry& entry) {
  const std::string id = entry.silence.id;
  unlist(entry);
  ends_.erase({entry.silence.ends_at, id});
  if (entry.wake != base::no_time) wakes_.erase({entry.wake, id});
  watching_.erase(id);
  by_id_.erase(id);
}

}  // namespace tocsin::incidents
