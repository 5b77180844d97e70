#include "app/explanation.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "base/text.hpp"

namespace tocsin::app {
namespace {

using api::ExplainEntry;
using api::Explanation;
using model::Alert;
using model::AlertState;
using model::Verdict;
using model::VerdictKind;

constexpr std::size_t most_entries = 1000;
constexpr std::size_t most_named = 3;

std::string when(base::Time t) {
  return base::format_rfc3339(std::chrono::floor<std::chrono::seconds>(t));
}
std::string until(const Verdict& v) {
  return v.until == base::no_time ? std::string() : " until " + when(v.until);
}
std::string in_quotes(std::string_view text) {
  return "\"" + std::string(text) + "\"";
}
std::string in_brackets(const std::string& text) {
  return text.empty() ? text : " (" + text + ")";
}

/// Whom a verdict speaks of: "first by sms:contact.first", "hook".
std::string whom(const Verdict& v) {
  return v.who.empty() ? v.target : v.who;
}
std::string by_what(const Verdict& v) {
  return v.who.empty() || v.target.empty() ? std::string() : " by " + v.target;
}

// What kept somebody from being told, the most decisive first: an answer names one reason.
constexpr std::array by_weight = {
    VerdictKind::failed,         VerdictKind::silenced,       VerdictKind::inhibited,        VerdictKind::muted,
    VerdictKind::outside_active, VerdictKind::paused,         VerdictKind::limited,          VerdictKind::shadow,
    VerdictKind::no_receiver,    VerdictKind::acknowledged,   VerdictKind::flapping,         VerdictKind::storm,
    VerdictKind::cooldown,       VerdictKind::in_flight,      VerdictKind::below_open_after, VerdictKind::deduplicated,
    VerdictKind::group_wait,     VerdictKind::group_interval, VerdictKind::repeat_interval};

std::string reason_of(const Verdict& v) {
  switch (v.kind) {
    case VerdictKind::failed:
      return "the message to " + whom(v) + by_what(v) + " failed at " + when(v.at) + in_brackets(v.text);
    case VerdictKind::paused:
      return "notifications are paused by " + v.by + until(v) + in_brackets(v.text);
    case VerdictKind::limited:
      return "the message to " + whom(v) + by_what(v) + " waits" + until(v) + in_brackets(v.text);
    case VerdictKind::silenced:
      return "silenced by " + v.by + until(v) + in_brackets(v.text);
    case VerdictKind::inhibited:
      return "inhibited by " + v.by + in_brackets(v.text);
    case VerdictKind::muted:
      return "muted by " + v.by + until(v);
    case VerdictKind::outside_active:
      return "outside the active times of route " + v.route + in_brackets(v.by) + until(v);
    case VerdictKind::shadow:
      return "shadow mode: recorded for " + whom(v) + " at " + when(v.at) + ", nothing left";
    case VerdictKind::no_receiver:
      return (v.target.empty() ? "" : v.target + ": ") + v.text;
    case VerdictKind::acknowledged:
      return (v.by.empty() ? "somebody has it" : "acknowledged by " + v.by) + " at " + when(v.at) + in_brackets(v.text);
    case VerdictKind::cooldown:
      return "within the rule's cooldown" + until(v);
    case VerdictKind::flapping:
      return "held by flap damping: " + v.by + until(v) + in_brackets(v.text);
    case VerdictKind::storm:
      return v.text + until(v);
    case VerdictKind::below_open_after:
      return v.text + ", too few for an incident";
    case VerdictKind::group_wait:
    case VerdictKind::group_interval:
      return v.until == base::no_time ? v.text : "its group waits" + until(v) + in_brackets(v.text);
    case VerdictKind::repeat_interval:
      return v.text + (v.until == base::no_time ? "" : ", again from " + when(v.until));
    default:
      return std::string(model::to_string(v.kind)) + until(v) + in_brackets(v.text);
  }
}

std::string remedy_of(const Verdict& v) {
  const std::string route = v.route.empty() ? "its route" : "route " + v.route;
  switch (v.kind) {
    case VerdictKind::failed:
      return "mend the notifier of " + v.target +
             "; `tocsin dead-letter list` has the message, `tocsin dead-letter replay ID` sends it again";
    case VerdictKind::paused:
      return "`tocsin notify resume` ends the pause; what is still true is told then";
    case VerdictKind::limited:
      return "wait, or raise `limits` of the notifier of " + v.target;
    case VerdictKind::silenced:
      return "`tocsin silence query` shows the silence; `tocsin silence expire " + v.by + "` ends it";
    case VerdictKind::inhibited:
      return "end what inhibits it, or change the inhibition rule";
    case VerdictKind::muted:
    case VerdictKind::outside_active:
      return "give " + route +
             " a sibling for these hours; `tocsin route test LABELS --at TIME` shows who is told when";
    case VerdictKind::shadow:
      return "end the shadow: `[delivery] mode = \"live\"`, and no `shadow` on the route, the rule or its pack";
    case VerdictKind::no_receiver:
      return "give " + route +
             " a `policy` or `notify` that reaches somebody; `tocsin check` names what leads to nobody";
    case VerdictKind::acknowledged:
      return "ask who took the incident; reopened it tells again";
    case VerdictKind::cooldown:
      return "wait, or lower the rule's `cooldown`; a rise in severity always passes";
    case VerdictKind::in_flight:
      return "`tocsin notify log` has the attempts so far";
    case VerdictKind::below_open_after:
      return "lower `open_after` of " + route + ", or raise the severity: CRITICAL opens at once";
    case VerdictKind::flapping:
      return "wait until it settles, or change `m_of_n` or `flap_detection` of " + route;
    case VerdictKind::storm:
      return "wait for the digest, or raise `storm_after`";
    case VerdictKind::group_wait:
      return "wait, or lower `group_wait` of " + route;
    case VerdictKind::group_interval:
      return "wait, or lower `group_interval` of " + route;
    case VerdictKind::repeat_interval:
      return "lower `repeat_interval` of " + route + " to be told more often";
    default:
      return {};
  }
}

class Answer {
 public:
  Answer(const api::ExplainQuery& query, const Facts& facts) : query_(query), facts_(facts) {
    for (const Verdict& v : facts.verdicts) {
      if (v.kind == VerdictKind::failed) failed_[v.delivery_key] = v.at;
      if (v.kind == VerdictKind::told) told_[v.delivery_key] = v.at;
    }
    for (const model::Attempt& a : facts.retrying) retrying_[a.delivery_key] = &a;
    for (const Verdict& v : facts.verdicts) {
      if (v.kind == VerdictKind::limited && v.until > facts.now) limited_.insert(v.delivery_key);
    }
  }

  Explanation give() {
    out_.from = query_.from;
    out_.to = query_.to;
    judge();
    entries();
    for (const auto& due : facts_.next) {
      out_.next.push_back({due.at, due.what, due.target, due.route, due.group_key, due.title, due.text, due.who,
                           due.incident, due.alerts});
      if (!due.held) continue;
      out_.next.back().held_kind = model::to_string(due.held->kind);
      out_.next.back().held_by = due.held->by;
      out_.next.back().held_until = due.held->until;
    }
    return std::move(out_);
  }

 private:
  bool concerns(const Verdict& v) const { return !facts_.concerns || facts_.concerns(v); }
  bool in_span(const Verdict& v) const { return v.at >= query_.from && v.at <= query_.to; }

  /// A message that was given up reached nobody, unless it was sent again since.
  bool failed(const Verdict& v) const {
    const auto found = failed_.find(v.delivery_key);
    return found != failed_.end() && v.at <= found->second;
  }
  bool sent_again(const Verdict& v) const {
    const auto found = told_.find(v.delivery_key);
    return v.kind == VerdictKind::failed && found != told_.end() && found->second > v.at;
  }

  void judge() {
    const std::string nobody = query_.who.empty() ? "nobody was told: " : query_.who + " was not told: ";
    if (was_told()) return;
    if (const Verdict* late = on_its_way()) {
      out_.verdict = nobody + "the message to " + whom(*late) + by_what(*late) +
                     " has not arrived, it is tried again (" + retrying_.at(late->delivery_key)->error + ")";
      out_.remedy = "mend what the error names; `tocsin notify log` has the attempts";
      return;
    }
    if (const Verdict* held = decisive(true)) {
      out_.verdict = nobody + reason_of(*held);
      out_.remedy = remedy_of(*held);
      return;
    }
    if (const std::string others = told_others(); !others.empty()) {
      out_.verdict = nobody + "no decision concerned this one; " + others;
      out_.remedy = "`tocsin route test LABELS` shows whom the route leads to";
      return;
    }
    if (const Verdict* before = last_before()) {
      const bool told = before->kind == VerdictKind::told;
      out_.verdict =
          nobody + "nothing was decided in this span; before it, " +
          (told ? whom(*before) + " was told at " + when(before->at) + in_brackets(before->text) : reason_of(*before));
      if (!told) out_.remedy = remedy_of(*before);
      return;
    }
    if (any(AlertState::firing) || any(AlertState::resolved)) return fired_unsaid(nobody);
    nothing_fired();
  }

  /// Tells who was told; false: nobody.
  bool was_told() {
    std::vector<const Verdict*> told;
    std::set<std::pair<std::string, std::string>> seen;
    std::size_t messages = 0;
    for (const Verdict& v : facts_.verdicts) {
      if (v.kind != VerdictKind::told || !in_span(v) || !concerns(v) || failed(v) ||
          retrying_.contains(v.delivery_key) || limited_.contains(v.delivery_key))
        continue;
      ++messages;
      if (seen.insert({v.who, v.target}).second) told.push_back(&v);
    }
    if (told.empty()) return false;
    for (std::size_t i = 0; i < told.size() && i < most_named; ++i) {
      out_.verdict += (i ? "; " : "") + whom(*told[i]) + " was told" + by_what(*told[i]) + " at " + when(told[i]->at) +
                      in_brackets(told[i]->text);
    }
    if (messages > std::min(told.size(), most_named))
      out_.verdict += "; and " + std::to_string(messages - std::min(told.size(), most_named)) + " messages more";
    if (const Verdict* v = last_failed()) {
      out_.verdict += "; but " + reason_of(*v);
      out_.remedy = remedy_of(*v);
    }
    return out_.told = true;
  }

  const Verdict* last_failed() const {
    const Verdict* last = nullptr;
    for (const Verdict& v : facts_.verdicts) {
      if (v.kind == VerdictKind::failed && in_span(v) && concerns(v) && !sent_again(v)) last = &v;
    }
    return last;
  }
  const Verdict* on_its_way() const {
    for (const Verdict& v : facts_.verdicts) {
      if (v.kind == VerdictKind::told && in_span(v) && concerns(v) && retrying_.contains(v.delivery_key) && !failed(v))
        return &v;
    }
    return nullptr;
  }
  /// The last one of the weightiest kind.
  const Verdict* decisive(bool within) const {
    for (VerdictKind kind : by_weight) {
      const Verdict* last = nullptr;
      for (const Verdict& v : facts_.verdicts) {
        if (v.kind == kind && in_span(v) == within && concerns(v) && !sent_again(v)) last = &v;
      }
      if (last) return last;
    }
    return nullptr;
  }
  const Verdict* last_before() const {
    const Verdict* last = nullptr;
    for (const Verdict& v : facts_.verdicts) {
      if (v.at < query_.from && v.kind == VerdictKind::told && concerns(v) && !failed(v)) last = &v;
    }
    return last ? last : decisive(false);
  }
  std::string told_others() const {
    for (const Verdict& v : facts_.verdicts) {
      if (v.kind == VerdictKind::told && in_span(v))
        return whom(v) + " was told" + by_what(v) + " at " + when(v.at) + in_brackets(v.text);
    }
    return {};
  }
  bool any(AlertState state) const {
    return std::ranges::any_of(facts_.alerts, [&](const Alert& a) { return a.state == state; });
  }

  void fired_unsaid(const std::string& nobody) {
    const auto due = std::ranges::find_if(facts_.next, [](const auto& d) { return d.at != base::no_time || d.held; });
    if (due != facts_.next.end()) {
      out_.verdict =
          nobody + due->what + (due->target.empty() || due->at != base::no_time ? "" : " to " + due->target) +
          (due->at == base::no_time ? " is held back" : " is due at " + when(due->at)) +
          (due->target.empty() || due->at == base::no_time ? "" : " to " + due->target) + in_brackets(due->text);
    } else if (!query_.who.empty()) {
      out_.verdict = nobody + "no route of these alerts leads to this one";
      out_.remedy = "`tocsin route test LABELS` shows whom the route leads to";
    } else {
      out_.verdict = nobody + "no decision about " + in_quotes(facts_.alerts.front().title) +
                     " is kept; decisions are kept for 30 days";
    }
  }

  void nothing_fired() {
    std::vector<std::string> why, what;
    for (const Alert& down : facts_.sources_down) {
      why.push_back("source " + std::string(down.labels.get("source")) + " was down from " + when(down.fired_at) +
                    (down.state == AlertState::resolved ? " to " + when(down.resolved_at) : " and is"));
    }
    if (!why.empty()) what.push_back("`tocsin plugin list` has a source's last error");
    for (const auto& info : facts_.rules) rule_is(info, why, what);
    if (const auto pending = std::ranges::find(facts_.alerts, AlertState::pending, &Alert::state);
        pending != facts_.alerts.end())
      why.push_back(in_quotes(pending->title) + " is pending since " + when(pending->active_at) +
                    pending_until(*pending));
    if (why.empty()) {
      why.push_back("no alert" +
                    std::string(query_.matchers.empty() && query_.rule.empty() && query_.incident.empty()
                                    ? " of any rule"
                                    : " that matches") +
                    " was firing");
      what.push_back("`tocsin rule list` shows what is watched; `tocsin alert history` what fired");
    }
    out_.verdict = "nothing fired: " + joined(why);
    out_.remedy = joined(what);
  }

  std::string pending_until(const Alert& pending) const {
    for (const auto& info : facts_.rules) {
      if (info.rule->name == pending.rule && info.rule->for_ > base::Duration::zero())
        return ", fires at " + when(pending.active_at + info.rule->for_) + " if it lasts";
    }
    return {};
  }

  /// Only what explains silence is said of a rule, and all of it where it was asked for by name.
  void rule_is(const api::RuleInfo& info, std::vector<std::string>& why, std::vector<std::string>& what) const {
    const std::string name = "rule " + info.rule->name;
    if (info.health == "failing") {
      why.push_back(name + " fails" + in_brackets(info.last_error));
      what.push_back("mend the rule; `tocsin rule show " + info.rule->name + "` has it");
    } else if (info.last_evaluation == base::no_time) {
      why.push_back(name + " was not evaluated: no signal it reads has come");
      what.push_back("`tocsin series` shows which signals come in");
    } else if (info.last_evaluation < query_.from) {
      why.push_back(name + " was not evaluated since " + when(info.last_evaluation));
      what.push_back("`tocsin series` shows which signals come in");
    } else if (query_.rule == info.rule->name) {
      why.push_back(name + " was evaluated last at " + when(info.last_evaluation) + " and its condition did not hold");
      what.push_back("`tocsin signal query` shows what it read");
    }
  }

  static std::string joined(const std::vector<std::string>& parts) {
    std::string out;
    for (std::size_t i = 0; i < parts.size() && i < 2 * most_named; ++i) out += (i ? "; " : "") + parts[i];
    if (parts.size() > 2 * most_named) out += "; and " + std::to_string(parts.size() - 2 * most_named) + " more";
    return out;
  }

  // --- entries -------------------------------------------------------------------------------------------------------
  void entries() {
    for (const Alert& a : facts_.alerts) alert_entries(a);
    for (const Alert& down : facts_.sources_down) {
      ExplainEntry entry = of_alert(down, "source_down", down.fired_at);
      entry.until = down.resolved_at;
      out_.entries.push_back(std::move(entry));
    }
    for (const model::Attempt& a : facts_.retrying) {
      ExplainEntry entry;
      entry.at = a.sent_at;
      entry.kind = "retrying";
      entry.who = a.recipient;
      entry.target = a.instance;
      entry.text = "attempt " + std::to_string(a.attempt) + ": " + a.error;
      entry.incident = number_of(a.correlation_id);
      out_.entries.push_back(std::move(entry));
    }
    for (const Verdict& v : facts_.verdicts) {
      if (in_span(v) && concerns(v)) out_.entries.push_back(of_verdict(v));
    }
    std::ranges::stable_sort(out_.entries, {}, &ExplainEntry::at);
    out_.more = facts_.more || out_.entries.size() > most_entries;
    // The end is what an answer is about.
    if (out_.entries.size() > most_entries)
      out_.entries.erase(out_.entries.begin(), out_.entries.end() - static_cast<std::ptrdiff_t>(most_entries));
  }

  void alert_entries(const Alert& a) {
    for (const auto& [word, at] :
         {std::pair{"pending", a.active_at}, {"firing", a.fired_at}, {"resolved", a.resolved_at}}) {
      if (at == base::no_time || at < query_.from || at > query_.to) continue;
      if (std::string_view(word) == "pending" && a.fired_at == a.active_at) continue;
      out_.entries.push_back(of_alert(a, word, at));
    }
  }

  static ExplainEntry of_alert(const Alert& a, std::string word, base::Time at) {
    ExplainEntry entry;
    entry.at = at;
    entry.kind = std::move(word);
    entry.rule = a.rule;
    entry.title = a.title;
    entry.labels = a.labels;
    entry.alerts = 1;
    if (entry.kind != "resolved") entry.text = std::string(a.annotations.get("message"));
    return entry;
  }

  ExplainEntry of_verdict(const Verdict& v) const {
    ExplainEntry entry;
    entry.at = v.at;
    entry.until = v.until;
    entry.kind = std::string(model::to_string(v.kind));
    entry.who = v.who;
    entry.target = v.target;
    entry.by = v.by;
    entry.text = v.text;
    entry.route = v.route;
    entry.group_key = v.group_key;
    entry.rule = v.rule;
    entry.labels = v.labels;
    entry.alerts = v.alerts;
    entry.incident = number_of(v.correlation_id);
    return entry;
  }

  std::uint64_t number_of(const std::string& correlation_id) const {
    const auto found = facts_.numbers.find(correlation_id);
    return found == facts_.numbers.end() ? 0 : found->second;
  }

  const api::ExplainQuery& query_;
  const Facts& facts_;
  std::map<std::string, base::Time> failed_, told_;  ///< when last, by key
  std::map<std::string, const model::Attempt*> retrying_;
  std::set<std::string> limited_;  ///< keys of messages that the limits hold just now
  Explanation out_;
};

}  // namespace

Explanation explain(const api::ExplainQuery& query, const Facts& facts) {
  return Answer(query, facts).give();
}

}  // namespace tocsin::app
