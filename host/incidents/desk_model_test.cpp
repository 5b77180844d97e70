// A random history of alerts, people, deliveries and crashes, against what must hold at every moment.
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "incidents/desk_world.hpp"

namespace tocsin::incidents::testing {
namespace {

/// notify at every flush, and a ladder for what has severity CRITICAL.
model::Routing mixed_routing() {
  model::Routing r = ladder_routing();
  r.channels["jira"] = tracker("jira");
  r.root->notify = {"hook", "mail:group.platform"};
  model::Route child = *r.root;
  child.name = "day";
  child.path = "root/day";
  child.matchers = matchers({R"(alertname=~"R[01]")"});
  child.policy.clear();
  child.group_wait = 0s;
  child.notify = {"mail:contact.second"};
  r.root->routes = {child};
  return r;
}

class History {
 public:
  explicit History(unsigned seed) : random_(seed), w_(mixed_routing()) {}

  void run(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) {
      step();
      check();
    }
    finish();
  }

 private:
  unsigned pick(unsigned below) { return std::uniform_int_distribution<unsigned>(0, below - 1)(random_); }

  void step() {
    switch (pick(12)) {
      case 0:
      case 1:
      case 2:
        return fire();
      case 3:
        return rise();
      case 4:
      case 5:
        return resolve();
      case 6:
        return w_.pass(std::chrono::seconds(pick(900)));
      case 7:
        return deliver();
      case 8:
        return person();
      case 9:
        return w_.restart();
      case 10:
        return crash_before_commit();
      default:
        return update();
    }
  }

  Labels labels() { return Labels{{"alertname", "R" + std::to_string(pick(4))}, {"host", std::to_string(pick(3))}}; }
  void fire() {
    w_.clock.advance(1ms);
    const Labels l = labels();
    if (firing_.contains(l.fingerprint())) return;
    const Alert a = w_.alert(l, pick(2) ? Severity::high : Severity::critical);
    firing_[a.fingerprint] = a;
    send(a);
  }
  Alert* some_firing() {
    if (firing_.empty()) return nullptr;
    auto it = firing_.begin();
    std::advance(it, pick(static_cast<unsigned>(firing_.size())));
    return &it->second;
  }
  void rise() {
    Alert* a = some_firing();
    if (!a) return;
    w_.clock.advance(1ms);
    a->severity = Severity::critical;
    a->updated_at = w_.now();
    send(*a);
  }
  void update() {
    Alert* a = some_firing();
    if (!a) return;
    w_.clock.advance(1ms);
    a->value = pick(100);
    a->updated_at = w_.now();
    send(*a);
  }
  void resolve() {
    Alert* a = some_firing();
    if (!a) return;
    w_.clock.advance(1ms);
    Alert gone = *a;
    firing_.erase(gone.fingerprint);
    gone.state = AlertState::resolved;
    gone.resolved_at = gone.updated_at = w_.now();
    send(gone);
  }
  void send(const Alert& a) {
    recent_.push_back(a);
    ever_.insert(a.fingerprint);
    if (recent_.size() > 5) recent_.erase(recent_.begin());
    keep(w_.desk->on_alerts({a}, w_.now()));
  }
  void keep(model::Changes changes) {
    for (const Delivery& d : changes.deliveries) {
      EXPECT_FALSE(w_.store.deliveries.contains(d.key)) << "decided twice: " << d.key << " " << d.reason;
    }
    w_.keep(std::move(changes));
  }

  /// The agent dies between deciding and keeping; the journal is read again, with some records before.
  void crash_before_commit() {
    w_.clock.advance(1ms);
    const Labels l = labels();
    if (firing_.contains(l.fingerprint())) return;
    const Alert a = w_.alert(l);
    firing_[a.fingerprint] = a;
    (void)w_.desk->on_alerts({a}, w_.now());
    w_.restart();
    std::vector<Alert> again = recent_;
    again.push_back(a);
    recent_.push_back(a);
    keep(w_.desk->on_alerts(again, w_.now()));
  }

  void deliver() {
    for (const std::string& key : std::vector<std::string>(w_.store.order)) {
      if (w_.store.deliveries[key].state != DeliveryState::pending || pick(3) == 0) continue;
      w_.deliver(key, pick(5) == 0 ? DeliveryState::dead : DeliveryState::sent);
    }
  }

  void person() {
    const auto all = w_.incidents();
    if (all.empty()) return;
    w_.clock.advance(1ms);
    const Incident& i = all[pick(static_cast<unsigned>(all.size()))];
    const auto to = static_cast<IncidentStatus>(1 + pick(5));
    const bool done = w_.set(i, to).has_value();
    // A person may end an incident whose alerts go on, and reopen one whose alerts are over.
    if (done) by_hand_.insert(i.correlation_id);
  }

  const std::map<std::string, std::map<std::uint64_t, Alert>> members() const {
    std::map<std::string, std::map<std::uint64_t, Alert>> out;
    for (const auto& [id, row] : w_.store.members) {
      Alert& kept = out[row.correlation_id][row.alert.fingerprint];
      if (kept.id.empty() || row.alert.updated_at >= kept.updated_at) kept = row.alert;
    }
    return out;
  }
  static bool live(const Incident& i) {
    return i.status != IncidentStatus::resolved && i.status != IncidentStatus::closed;
  }

  void check() {
    const auto members_of = members();
    std::map<std::uint64_t, std::set<std::string>> holders, any_holder;
    for (const Incident& i : w_.incidents()) {
      bool burns = false;
      for (const auto& [fingerprint, alert] : members_of.at(i.correlation_id)) {
        if (alert.state != AlertState::firing) continue;
        burns = true;
        any_holder[fingerprint].insert(i.correlation_id);
        if (live(i)) holders[fingerprint].insert(i.correlation_id);
      }
      if (live(i)) {
        const auto known = w_.desk->find(std::to_string(i.number));
        ASSERT_TRUE(known) << "lost incident " << i.number;
        EXPECT_EQ(known->status, i.status);
        EXPECT_EQ(known->severity, i.severity);
        EXPECT_TRUE(burns || by_hand_.contains(i.correlation_id)) << "open with nothing firing: " << i.number;
      }
      told_at_opening(i);
    }
    for (const auto& [fingerprint, ids] : holders) EXPECT_EQ(ids.size(), 1u) << "in two open incidents";
    for (const auto& [fingerprint, alert] : firing_) {
      EXPECT_TRUE(any_holder.contains(fingerprint)) << alert.title << " fires and is in no incident";
    }
  }

  /// The ladder's first step, and the ticket, are in the same changes as the incident.
  void told_at_opening(const Incident& i) {
    bool ticket = false, step = i.route != "root";
    for (const auto& [key, d] : w_.store.deliveries) {
      if (d.correlation_id != i.correlation_id) continue;
      ticket = ticket || (d.tracker && d.change == 1);
      step = step || d.target == "sms:contact.first";
    }
    EXPECT_TRUE(ticket) << i.number;
    EXPECT_TRUE(step) << i.number;
  }

  /// Targets whose last news of the alert, by a group flush that arrived, is that it fires.
  std::set<std::string> believe_it_fires(std::uint64_t fingerprint) const {
    std::map<std::string, std::pair<Time, AlertState>> last;
    for (const auto& [key, d] : w_.store.deliveries) {
      if (d.group_key.empty() || d.state != DeliveryState::sent) continue;
      for (const Alert& a : d.alerts) {
        auto& known = last[d.target];
        if (a.fingerprint == fingerprint && d.created_at >= known.first) known = {d.created_at, a.state};
      }
    }
    std::set<std::string> out;
    for (const auto& [target, news] : last) {
      if (news.second == AlertState::firing) out.insert(target);
    }
    return out;
  }

  /// Everything resolves, everything arrives: nothing is left running, and who was to hear of an alert has.
  void finish() {
    for (int i = 0; i < 4; ++i) {
      w_.pass(10min);
      w_.deliver_all();
    }
    for (const auto& [fingerprint, alert] : firing_) {
      const bool day = alert.rule == "R0" || alert.rule == "R1";
      EXPECT_EQ(believe_it_fires(fingerprint), (day ? std::set<std::string>{"mail:contact.second"}
                                                    : std::set<std::string>{"hook", "mail:group.platform"}))
          << alert.title;
    }
    while (!firing_.empty()) resolve();
    check();
    for (int i = 0; i < 30; ++i) {
      w_.deliver_all();
      w_.pass(5min);
    }
    for (std::uint64_t fingerprint : ever_) EXPECT_EQ(believe_it_fires(fingerprint), std::set<std::string>{});
    EXPECT_TRUE(w_.store.groups.empty());
    EXPECT_FALSE(w_.desk->next_due()) << "a timer without a cause";
  }

  std::mt19937 random_;
  World w_;
  std::map<std::uint64_t, Alert> firing_;
  std::vector<Alert> recent_;
  std::set<std::uint64_t> ever_;
  std::set<std::string> by_hand_;
};

class DeskModel : public ::testing::TestWithParam<unsigned> {};

TEST_P(DeskModel, LosesNoIncidentDoublesNoneAndTellsEveryTarget) {
  for (unsigned i = 0; i < 20 && !HasFailure(); ++i) {
    const unsigned seed = GetParam() * 1000 + i;
    SCOPED_TRACE("seed " + std::to_string(seed));
    History(seed).run(80);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, DeskModel, ::testing::Range(1u, 9u));

}  // namespace
}  // namespace tocsin::incidents::testing
