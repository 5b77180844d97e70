#include "incidents/silences.hpp"

#include "incidents/desk_world.hpp"

namespace tocsin::incidents {
namespace {

using namespace std::chrono_literals;
using base::Fault;
using base::Time;
using model::Alert;
using model::Labels;
using model::Silence;
using model::SilenceState;

constexpr Time noon = base::from_ns(1'795'435'200'000'000'000);  // 2026-11-23T12:00:00Z, a Monday

Alert alert(Labels labels) {
  Alert a;
  a.labels = std::move(labels);
  a.fingerprint = a.labels.fingerprint();
  a.id = base::hex16(a.fingerprint);
  a.state = model::AlertState::firing;
  return a;
}

class SilencesTest : public ::testing::Test {
 protected:
  static Silence silence(const std::vector<std::string>& texts, base::Duration lasts = 1h) {
    Silence s;
    s.matchers = testing::matchers(texts);
    s.ends_at = noon + lasts;
    s.created_by = "ana";
    s.comment = "CHG1";
    return s;
  }
  std::string set(Silence s) {
    FiringAlerts known;
    for (const Alert& a : firing) known.push_back(&a);
    auto id = silences.set(std::move(s), now, known, rows);
    EXPECT_TRUE(id) << (id ? "" : id.error().message());
    return id.value_or("");
  }
  std::string refused(Silence s) {
    FiringAlerts known;
    for (const Alert& a : firing) known.push_back(&a);
    const std::size_t before = rows.size();
    auto id = silences.set(std::move(s), now, known, rows);
    EXPECT_FALSE(id);
    EXPECT_EQ(rows.size(), before) << "what is refused changes nothing";
    return id ? "" : id.error().message();
  }
  bool silent(const Labels& labels) const { return silences.of(alert(labels), now).has_value(); }
  SilenceState state(const std::string& id) const { return silences.find(id)->state(now); }
  std::vector<std::string> listed(const std::vector<std::string>& filter = {}) const {
    std::vector<std::string> ids;
    for (const Silence& s : silences.list(now, testing::matchers(filter))) ids.push_back(s.id);
    return ids;
  }
  void pass(base::Duration d) {
    now += d;
    silences.advance(now, rows);
  }

  Time now = noon;
  std::vector<Alert> firing;
  Silences silences;
  Silences::Rows rows;
};

// --- which alerts it means -----------------------------------------------------------------------------------------

TEST_F(SilencesTest, AllOfItsMatchersMustFit) {
  set(silence({"service=~\"core-.*\"", "dc!=\"jeddah\""}));
  EXPECT_TRUE(silent({{"service", "core-db"}, {"dc", "riyadh"}}));
  EXPECT_TRUE(silent({{"service", "core-db"}}));
  EXPECT_FALSE(silent({{"service", "core-db"}, {"dc", "jeddah"}}));
  EXPECT_FALSE(silent({{"service", "x-core-db"}}));
}

TEST_F(SilencesTest, IsFoundByAnyFormOfItsMatchers) {
  struct {
    const char* text;
    const char* fits;
    const char* other;
  } const forms[] = {{"host=\"n1\"", "n1", "n2"},           {"host=~\"n1|n2\"", "n2", "n3"},
                     {"host=~\"n\\\\.1|b\"", "n.1", "nx1"}, {"host=~\"n[0-9]\"", "n7", "m7"},
                     {"host!~\"n1|n2\"", "n3", "n1"},       {"host=~\"n1\"", "n1", "n11"},
                     {"host=~\"(n1|n2)\"", "n1", "("},      {"host=~\"n1|\"", "n1", "n2"}};
  for (const auto& form : forms) {
    silences = Silences();
    set(silence({form.text, "up=\"1\""}));
    EXPECT_TRUE(silent({{"host", form.fits}, {"up", "1"}})) << form.text;
    EXPECT_FALSE(silent({{"host", form.other}, {"up", "1"}})) << form.text;
    silences = Silences();
    set(silence({form.text, "up!=\"\""}));
    EXPECT_TRUE(silent({{"host", form.fits}, {"up", "1"}})) << form.text;
    EXPECT_FALSE(silent({{"host", form.other}, {"up", "1"}})) << form.text;
  }
}

TEST_F(SilencesTest, AnExceptionIsToldAllTheSame) {
  Silence s = silence({"host=\"n1\""});
  s.except = testing::matchers({"severity=\"critical\"", "team=\"dba\""});
  set(s);
  EXPECT_TRUE(silent({{"host", "n1"}, {"severity", "warning"}}));
  EXPECT_FALSE(silent({{"host", "n1"}, {"severity", "critical"}}));
  EXPECT_FALSE(silent({{"host", "n1"}, {"team", "dba"}}));
}

TEST_F(SilencesTest, ThoseMadeByPeopleCompareSeverityAsReceived) {
  set(silence({"severity=\"CRITICAL\""}));
  EXPECT_FALSE(silent({{"severity", "critical"}}));
  EXPECT_TRUE(silent({{"severity", "CRITICAL"}}));
}

TEST_F(SilencesTest, ThoseOfTheConfigurationCompareTheMappedSeverityWithoutCase) {
  Silence s = silence({"severity=~\"critical|High\""});
  s.id = configured_silence_id("x");
  model::SeverityMap map;
  map.map["page"] = model::Severity::critical;
  map.unknown = model::Severity::low;
  silences.configure({s}, map);
  EXPECT_TRUE(silent({{"severity", "page"}}));
  EXPECT_TRUE(silent({{"severity", "HIGH"}}));
  EXPECT_FALSE(silent({{"severity", "whatever"}}));
}

TEST_F(SilencesTest, TheOneThatHoldsLongestIsNamed) {
  set(silence({"host=\"n1\""}, 1h));
  const std::string longest = set(silence({"host=~\"n.*\""}, 3h));
  const std::string middle = set(silence({"job=\"a\""}, 2h));
  const Alert a = alert({{"host", "n1"}, {"job", "a"}});
  const auto held = silences.of(a, now);
  ASSERT_TRUE(held);
  EXPECT_EQ(held->kind, model::VerdictKind::silenced);
  EXPECT_EQ(held->by, longest);
  EXPECT_EQ(held->until, noon + 3h);
  EXPECT_EQ(silences.silenced_by(a, now).size(), 3u);
  pass(2h);
  EXPECT_EQ(silences.silenced_by(a, now), std::vector<std::string>{longest}) << middle;
}

TEST_F(SilencesTest, ThousandsAreToldApartByTheirValues) {
  for (int i = 0; i < 5000; ++i) set(silence({"host=\"n" + std::to_string(i) + "\"", "job=\"node\""}));
  EXPECT_TRUE(silent({{"host", "n4321"}, {"job", "node"}}));
  EXPECT_FALSE(silent({{"host", "n4321"}, {"job", "other"}}));
  EXPECT_FALSE(silent({{"host", "n5000"}, {"job", "node"}}));
}

// --- setting and editing ---------------------------------------------------------------------------------------------

TEST_F(SilencesTest, AStartInThePastBecomesNow) {
  Silence s = silence({"a=\"b\""});
  s.starts_at = noon - 2h;
  const std::string id = set(s);
  EXPECT_EQ(silences.find(id)->starts_at, noon);
  EXPECT_EQ(silences.find(id)->updated_at, noon);
}

TEST_F(SilencesTest, HoldsFromItsStartUpToItsEnd) {
  Silence s = silence({"a=\"b\""}, 2h);
  s.starts_at = noon + 1h;
  const std::string id = set(s);
  EXPECT_EQ(state(id), SilenceState::pending);
  EXPECT_FALSE(silent({{"a", "b"}}));
  pass(1h);
  EXPECT_TRUE(silent({{"a", "b"}}));
  pass(1h);
  EXPECT_FALSE(silent({{"a", "b"}}));
  EXPECT_EQ(state(id), SilenceState::expired);
}

TEST_F(SilencesTest, EndCommentAndAuthorChangeInPlace) {
  const std::string id = set(silence({"a=\"b\""}));
  Silence edit = *silences.find(id);
  pass(10min);
  edit.ends_at = noon + 5h;
  edit.comment = "longer";
  edit.created_by = "ben";
  EXPECT_EQ(set(edit), id);
  EXPECT_EQ(silences.find(id)->ends_at, noon + 5h);
  EXPECT_EQ(silences.find(id)->comment + silences.find(id)->created_by, "longerben");
  EXPECT_EQ(silences.find(id)->starts_at, noon);
  EXPECT_EQ(listed().size(), 1u);
  pass(3h);
  EXPECT_TRUE(silent({{"a", "b"}}));
}

TEST_F(SilencesTest, OtherMatchersMakeAnotherSilence) {
  const std::string id = set(silence({"a=\"b\""}));
  Silence edit = *silences.find(id);
  edit.matchers = testing::matchers({"a=\"c\""});
  rows.clear();
  const std::string other = set(edit);
  EXPECT_NE(other, id);
  EXPECT_EQ(state(id), SilenceState::expired);
  EXPECT_FALSE(silent({{"a", "b"}}));
  EXPECT_TRUE(silent({{"a", "c"}}));
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].id + rows[1].id, id + other);
}

TEST_F(SilencesTest, AnotherStartOfAnActiveOneMakesAnotherSilence) {
  const std::string id = set(silence({"a=\"b\""}));
  Silence edit = *silences.find(id);
  edit.starts_at = noon + 10min;
  EXPECT_NE(set(edit), id);
  EXPECT_EQ(state(id), SilenceState::expired);
}

TEST_F(SilencesTest, APendingOneMayStartAtAnotherTimeToCome) {
  Silence s = silence({"a=\"b\""}, 5h);
  s.starts_at = noon + 1h;
  const std::string id = set(s);
  Silence edit = *silences.find(id);
  edit.starts_at = noon + 2h;
  EXPECT_EQ(set(edit), id);
  edit.starts_at = noon - 1s;
  EXPECT_NE(set(edit), id);
}

TEST_F(SilencesTest, EditingAnExpiredOneMakesAnotherAndLeavesItAsItWas) {
  const std::string id = set(silence({"a=\"b\""}));
  pass(2h);
  Silence edit = *silences.find(id);
  edit.ends_at = now + 1h;
  rows.clear();
  const std::string other = set(edit);
  EXPECT_NE(other, id);
  EXPECT_EQ(silences.find(id)->ends_at, noon + 1h);
  EXPECT_EQ(silences.find(other)->starts_at, now);
  EXPECT_EQ(rows.size(), 1u);
}

TEST_F(SilencesTest, AWrongEditLeavesTheOldOneActive) {
  const std::string id = set(silence({"a=\"b\""}));
  Silence edit = *silences.find(id);
  edit.matchers = testing::matchers({"a=\"\""});
  refused(edit);
  EXPECT_EQ(state(id), SilenceState::active);
}

TEST_F(SilencesTest, RefusesWhatAlertmanagerRefuses) {
  EXPECT_NE(refused(silence({})).find("at least one matcher"), std::string::npos);
  EXPECT_NE(refused(silence({"a!=\"b\"", "c=~\".*\""})).find("must not match the empty string"), std::string::npos);
  Silence s = silence({"a=\"b\""});
  s.ends_at = noon - 1s;
  s.starts_at = noon - 1h;
  EXPECT_NE(refused(s).find("in the past"), std::string::npos);
  s.ends_at = s.starts_at = noon + 1h;
  EXPECT_NE(refused(s).find("must be before the end"), std::string::npos);
  s.ends_at = base::no_time;
  EXPECT_NE(refused(s).find("needs an end"), std::string::npos);
  s = silence({"a=\"b\""});
  s.id = "no-such-id";
  EXPECT_EQ(refused(s), "there is no silence no-such-id");
}

TEST_F(SilencesTest, RefusesWhatIsTooLarge) {
  Silence s = silence({"a=\"b\""});
  s.comment = std::string(Silences::most_bytes + 1, 'x');
  EXPECT_NE(refused(s).find("65536 bytes"), std::string::npos);
  s = silence({"a=\"b\""});
  while (s.matchers.size() <= Silences::most_matchers) s.matchers.push_back(s.matchers[0]);
  EXPECT_NE(refused(s).find("200 matchers"), std::string::npos);
  s = silence({"a=\"b\""});
  s.comment = "\xff";
  EXPECT_NE(refused(s).find("UTF-8"), std::string::npos);
}

TEST_F(SilencesTest, ExpiringEndsItNowAndSaysWho) {
  const std::string id = set(silence({"a=\"b\""}));
  pass(10min);
  ASSERT_TRUE(silences.expire(id, "ben", now, rows));
  EXPECT_EQ(state(id), SilenceState::expired);
  EXPECT_EQ(rows.back().ends_at, now);
  EXPECT_EQ(rows.back().ended_by, "ben");
  EXPECT_FALSE(silent({{"a", "b"}}));
}

TEST_F(SilencesTest, ExpiringAPendingOneExpiresIt) {
  Silence s = silence({"a=\"b\""}, 5h);
  s.starts_at = noon + 1h;
  const std::string id = set(s);
  ASSERT_TRUE(silences.expire(id, "ben", now, rows));
  EXPECT_EQ(silences.find(id)->starts_at, noon);
  EXPECT_EQ(silences.find(id)->ends_at, noon);
  EXPECT_EQ(state(id), SilenceState::expired);
}

TEST_F(SilencesTest, ExpiringAnExpiredOrUnknownOneIsAnError) {
  const std::string id = set(silence({"a=\"b\""}));
  ASSERT_TRUE(silences.expire(id, "ben", now, rows));
  const auto again = silences.expire(id, "ben", now, rows);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().message(), "silence " + id + " already expired");
  EXPECT_EQ(silences.expire("nope", "ben", now, rows).error().fault(), Fault::not_found);
}

// --- lists -----------------------------------------------------------------------------------------------------------

TEST_F(SilencesTest, ListsActiveByEndPendingByStartExpiredNewestFirst) {
  const std::string old = set(silence({"a=\"1\""}, 10min)), newer = set(silence({"a=\"2\""}, 20min));
  pass(30min);
  const std::string late = set(silence({"a=\"3\""}, 9h)), soon = set(silence({"a=\"4\""}, 8h));
  Silence s = silence({"a=\"5\""}, 20h);
  s.starts_at = noon + 7h;
  const std::string far = set(s);
  s.starts_at = noon + 6h;
  const std::string near = set(s);
  EXPECT_EQ(listed(), (std::vector<std::string>{soon, late, near, far, newer, old}));
}

TEST_F(SilencesTest, FiltersByTheValuesOfItsOwnMatchers) {
  const std::string one = set(silence({"alertname=\"x\"", "job=~\"a|b\""}, 1h)),
                    two = set(silence({"alertname=\"y\""}, 2h));
  using Ids = std::vector<std::string>;
  EXPECT_EQ(listed({"alertname=\"x\""}), Ids{one});
  EXPECT_EQ(listed({"alertname!=\"x\""}), Ids{two});
  EXPECT_EQ(listed({"alertname=~\"x|y\""}), (Ids{one, two}));
  EXPECT_EQ(listed({"job=\"a|b\""}), Ids{one});
  EXPECT_EQ(listed({"job=\"a\""}), Ids{});
  EXPECT_EQ(listed({"job=\"\""}), Ids{two});
  EXPECT_EQ(listed({"job!=\"\""}), Ids{one});
}

// --- recurring -------------------------------------------------------------------------------------------------------

TEST_F(SilencesTest, ARecurringOneHoldsOnlyWhileItsTimeIs) {
  Silence s = silence({"a=\"b\""});
  s.ends_at = base::no_time;
  s.recurrence = {"mon 14:00", 2h, ""};
  const std::string id = set(s);
  EXPECT_EQ(silences.find(id)->ends_at, model::no_end);
  EXPECT_EQ(state(id), SilenceState::active);
  EXPECT_FALSE(silent({{"a", "b"}}));
  EXPECT_EQ(Silences::phase(*silences.find(id), now).until, noon + 2h);
  pass(3h);
  EXPECT_EQ(silences.of(alert({{"a", "b"}}), now)->until, noon + 4h);
  EXPECT_TRUE(Silences::phase(*silences.find(id), now).holds);
  pass(1h);
  EXPECT_FALSE(silent({{"a", "b"}}));
  pass(7 * 24h - 1h);
  EXPECT_TRUE(silent({{"a", "b"}}));
}

TEST_F(SilencesTest, ARecurringOneStaysWithinItsStartAndEnd) {
  Silence s = silence({"a=\"b\""}, 150min);
  s.starts_at = noon + 90min;
  s.recurrence = {"13:00", 4h, ""};
  const std::string id = set(s);
  pass(80min);
  EXPECT_FALSE(silent({{"a", "b"}}));
  EXPECT_EQ(Silences::phase(*silences.find(id), now).until, noon + 90min);
  pass(20min);
  EXPECT_EQ(silences.of(alert({{"a", "b"}}), now)->until, noon + 150min);
  pass(2h);
  EXPECT_FALSE(silent({{"a", "b"}}));
}

TEST_F(SilencesTest, AnotherRecurrenceMakesAnotherSilence) {
  Silence s = silence({"a=\"b\""}, 48h);
  s.recurrence = {"mon 14:00", 2h, ""};
  const std::string id = set(s);
  s = *silences.find(id);
  s.recurrence.length = 3h;
  EXPECT_NE(set(s), id);
}

TEST_F(SilencesTest, AWrongRecurrenceIsRefused) {
  Silence s = silence({"a=\"b\""});
  s.recurrence = {"mondays", 2h, ""};
  EXPECT_NE(refused(s).find("does not say when"), std::string::npos);
  s.recurrence = {"", 2h, ""};
  EXPECT_NE(refused(s).find("goes with `every`"), std::string::npos);
}

TEST_F(SilencesTest, ARowWhoseRecurrenceCannotBeReadHoldsNothing) {
  Silence s = silence({"a=\"b\""});
  s.id = "row";
  s.recurrence = {"mon 14:00", 2h, "Nowhere/Land"};
  silences.learn({s}, now, {});
  pass(3h);
  EXPECT_FALSE(silent({{"a", "b"}}));
}

// --- until resolved --------------------------------------------------------------------------------------------------

class UntilResolved : public SilencesTest {
 protected:
  UntilResolved() { firing = {one, two, alert({{"host", "other"}})}; }
  static Silence until_resolved() {
    Silence s = silence({"host=\"n1\""});
    s.ends_at = base::no_time;
    s.until_resolved = true;
    return s;
  }
  Alert one = alert({{"host", "n1"}, {"disk", "a"}}), two = alert({{"host", "n1"}, {"disk", "b"}});
};

TEST_F(UntilResolved, EndsWhenTheLastAlertItMeansIsOver) {
  const std::string id = set(until_resolved());
  EXPECT_EQ(silences.of(one, now)->until, base::no_time);
  pass(1min);
  silences.resolved(one, now, rows);
  EXPECT_EQ(state(id), SilenceState::active);
  pass(1min);
  silences.resolved(two, now, rows);
  EXPECT_EQ(state(id), SilenceState::expired);
  EXPECT_EQ(rows.back().ends_at, now);
  EXPECT_EQ(rows.back().ended_by, "tocsin");
}

TEST_F(UntilResolved, WaitsForAlertsThatBeganMeanwhile) {
  const std::string id = set(until_resolved());
  const Alert three = alert({{"host", "n1"}, {"disk", "c"}});
  silences.fired(three);
  silences.fired(alert({{"host", "n2"}}));
  silences.resolved(one, now, rows);
  silences.resolved(two, now, rows);
  EXPECT_EQ(state(id), SilenceState::active);
  silences.resolved(three, now, rows);
  EXPECT_EQ(state(id), SilenceState::expired);
}

TEST_F(UntilResolved, AnAlertWhoseLabelsChangedIsWaitedForOnce) {
  const std::string id = set(until_resolved());
  Alert risen = one;
  risen.labels.set("severity", "critical");
  risen.fingerprint = risen.labels.fingerprint();
  silences.fired(risen);
  silences.resolved(two, now, rows);
  EXPECT_EQ(state(id), SilenceState::active);
  silences.resolved(risen, now, rows);
  EXPECT_EQ(state(id), SilenceState::expired);
}

TEST_F(UntilResolved, WithNothingToWaitForItIsRefused) {
  firing.clear();
  EXPECT_NE(refused(until_resolved()).find("nothing to wait for"), std::string::npos);
}

TEST_F(UntilResolved, GoesOnAfterARestart) {
  const std::string id = set(until_resolved());
  Silences again;
  again.learn({*silences.find(id)}, now, {&one});
  EXPECT_TRUE(again.of(one, now));
  again.resolved(one, now, rows);
  EXPECT_EQ(again.find(id)->state(now), SilenceState::expired);
}

TEST_F(UntilResolved, EndsAfterARestartThatTheAlertsDidNotOutlive) {
  const std::string id = set(until_resolved());
  Silences again;
  again.learn({*silences.find(id)}, now, {});
  ASSERT_TRUE(again.next_due());
  EXPECT_LE(*again.next_due(), now);
  again.advance(now, rows);
  EXPECT_EQ(again.find(id)->state(now), SilenceState::expired);
}

TEST_F(UntilResolved, OneOfAnotherAgentIsThatAgentsToEnd) {
  const std::string id = set(until_resolved());
  Silence row = *silences.find(id);
  row.elsewhere = true;
  Silences again;
  again.learn({row}, now, {});
  again.advance(now, rows);
  again.fired(one);
  again.resolved(one, now, rows);
  EXPECT_TRUE(again.of(two, now));
}

TEST_F(UntilResolved, APendingOneWithNothingLeftEndsAsItBegins) {
  Silence s = until_resolved();
  s.starts_at = noon + 1h;
  const std::string id = set(s);
  silences.resolved(one, now, rows);
  silences.resolved(two, now, rows);
  EXPECT_EQ(state(id), SilenceState::pending);
  EXPECT_EQ(silences.next_due(), noon + 1h);
  pass(1h);
  EXPECT_EQ(state(id), SilenceState::expired);
}

TEST_F(UntilResolved, MayHaveAnEndBesides) {
  Silence s = until_resolved();
  s.ends_at = noon + 1h;
  const std::string id = set(s);
  pass(1h);
  EXPECT_EQ(state(id), SilenceState::expired);
  silences.resolved(one, now, rows);
  silences.resolved(two, now, rows);
  EXPECT_EQ(silences.find(id)->ended_by, "");
}

// --- what is kept ----------------------------------------------------------------------------------------------------

TEST_F(SilencesTest, ForgetsAnExpiredOneAfter120Hours) {
  const std::string id = set(silence({"a=\"b\""}));
  pass(1h + 120h - 1s);
  EXPECT_TRUE(silences.find(id));
  EXPECT_EQ(silences.next_due(), noon + 121h);
  rows.clear();
  pass(1s);
  EXPECT_FALSE(silences.find(id));
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_TRUE(rows[0].gone);
  EXPECT_FALSE(silences.next_due());
}

TEST_F(SilencesTest, OfTwoVersionsOfARowTheNewerCounts) {
  const std::string id = set(silence({"a=\"b\""}));
  Silence older = *silences.find(id), newer = older;
  older.updated_at -= 1s;
  older.comment = "older";
  newer.updated_at += 1s;
  newer.comment = "newer";
  silences.learn({older}, now, {});
  EXPECT_EQ(silences.find(id)->comment, "CHG1");
  silences.learn({newer}, now, {});
  EXPECT_EQ(silences.find(id)->comment, "newer");
}

TEST_F(SilencesTest, ThoseOfTheConfigurationComeAndGoWithIt) {
  Silence s = silence({"a=\"b\""});
  s.id = configured_silence_id("x");
  s.created_by = "[silence.x]";
  s.starts_at = base::no_time;
  s.ends_at = model::no_end;
  const std::string mine = set(silence({"c=\"d\""}));
  rows.clear();
  silences.configure({s}, {});
  EXPECT_TRUE(silent({{"a", "b"}}));
  EXPECT_EQ(silences.expire(s.id, "ana", now, rows).error().message(),
            "silence " + s.id + " ([silence.x]) stands in the configuration; take it out there and reload");
  EXPECT_NE(refused(s).find("change it there and reload"), std::string::npos);
  silences.configure({}, {});
  EXPECT_FALSE(silent({{"a", "b"}}));
  EXPECT_TRUE(silences.find(mine));
  EXPECT_TRUE(rows.empty()) << "they are not kept";
}

TEST(ConfiguredSilenceId, IsAUuidOfItsName) {
  const std::string id = configured_silence_id("friday");
  EXPECT_EQ(id, configured_silence_id("friday"));
  EXPECT_NE(id, configured_silence_id("fridays"));
  EXPECT_EQ(id.size(), 36u);
  EXPECT_EQ(id[14], '8');
  EXPECT_NE(std::string("89ab").find(id[19]), std::string::npos);
}

TEST_F(SilencesTest, OneThatSilencesVeryMuchIsWorthAWord) {
  const Silence narrow = silence({"host=\"n1\""});
  EXPECT_EQ(silence_warning(narrow, 1, 1), "");
  EXPECT_EQ(silence_warning(narrow, 5, 11), "");
  EXPECT_EQ(silence_warning(narrow, 9, 10), "");
  EXPECT_EQ(silence_warning(narrow, 6, 11), "it silences more than half of the firing alerts (6 of 11)");
  EXPECT_EQ(silence_warning(narrow, 3, 3), "it silences every firing alert (3 of 3)");
  EXPECT_NE(silence_warning(silence({"alertname=~\".+\""}), 0, 0).find("whatever their name"), std::string::npos);
}

}  // namespace
}  // namespace tocsin::incidents
