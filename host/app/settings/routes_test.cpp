#include "settings/routes.hpp"

#include "settings/trial_test.hpp"

namespace tocsin::settings {
namespace {

class WrongRoute : public Trial, public testing::WithParamInterface<Wrong> {};
TEST_P(WrongRoute, IsNamedWithPlaceAndRemedy) {
  EXPECT_EQ(says(GetParam().text), GetParam().says);
}
INSTANTIATE_TEST_SUITE_P(
    All, WrongRoute,
    testing::Values(
        Wrong{"Key", "[route]\ngroup_bye = []",
              "agent.toml:2:1: error: [route] unknown key \"group_bye\"; did you mean \"group_by\"?\n"},
        Wrong{"RootMatchers", "[route]\nmatchers = ['a=\"b\"']",
              "agent.toml:2:12: error: [route] matchers: the root takes every alert; put matchers into a "
              "[[route.routes]]\n"},
        Wrong{"Interval", "[route]\ngroup_interval = '0s'",
              "agent.toml:2:18: error: [route] group_interval: must be at least 1ms\n"},
        Wrong{"ChildKey", "[route]\n[[route.routes]]\nmatchers = ['a=\"b\"']\npolicee = 'x'",
              "agent.toml:4:1: error: [[route.routes]] unknown key \"policee\"; did you mean \"policy\"?\n"},
        Wrong{"ChildWithoutMatchers", "[route]\n[[route.routes]]\nname = 'all'",
              "agent.toml:2:1: warning: [[route.routes]] \"all\" has no matchers: it takes every alert that reaches "
              "it, and siblings after it get none\n"},
        Wrong{"UnknownPolicy",
              "[route]\npolicy = 'platfrom'\n[policy.platform]\nsteps = [ { notify = ['terminal'] } "
              "]\n[notifier.terminal]",
              "agent.toml:1:1: error: route \"root\": there is no policy \"platfrom\" (did you mean \"platform\"?)\n"},
        Wrong{"UnknownTarget", "[route]\nnotify = ['terminla']\n[notifier.terminal]",
              "agent.toml:1:1: error: route \"root\" notify: target \"terminla\" leads to nobody: there is no notifier "
              "\"terminla\" (did you mean \"terminal\"?)\n"},
        Wrong{"UnknownTargetInPolicy",
              "[route]\nnotify = ['terminal']\n[notifier.terminal]\n[policy.p]\nsteps = [ { notify = "
              "['mail:contact.x'] } ]",
              "agent.toml:4:9: error: policy \"p\" step 1: target \"mail:contact.x\" leads to nobody: there is no "
              "notifier \"mail\"\n"},
        Wrong{"UnknownTargetWaits", "[route]\nnotify = ['pager']\n[notifier.pager]",
              "agent.toml:1:1: warning: route \"root\" notify: target \"pager\" leads to nobody: there is no notifier "
              "\"pager\"\n"
              "agent.toml:3:1: warning: [notifier.pager] no plugin \"pager\" in the plugin directories: the section "
              "waits until it is there\n"},
        Wrong{"GroupMember", "[contact.first]\nemail = 'a@b'\n[group.g]\nmembers = ['frist']",
              "agent.toml:3:8: error: group \"g\": there is no contact \"frist\" (did you mean \"first\"?)\n"},
        Wrong{"GroupWithout", "[group.g]\n",
              "agent.toml:1:1: error: [group.g] needs \"members\": Contacts.\nagent.toml:1:8: error: group \"g\" has "
              "no members\n"},
        Wrong{"Zone", "[contact.first]\nzone = 'Asia/Riyad'",
              "agent.toml:2:8: error: [contact.first] zone: there is no time zone \"Asia/Riyad\"; expected a name such "
              "as \"Asia/Riyadh\"\n"},
        Wrong{"ContactTypo", "[contact.first]\nemial = 'a@b'",
              "agent.toml:2:1: warning: [contact.first] \"emial\" counts as an address of one's own; did you mean "
              "\"email\"?\n"},
        Wrong{"PreferAfter",
              "[contact.first]\nemail = 'a@b'\nprefer = [ { by = 'terminal', after = '2m' } "
              "]\n[notifier.terminal]\n[route]\nnotify = ['terminal']",
              "agent.toml:3:39: warning: [contact.first] prefer: the first way is tried at once; `after` counts for "
              "those "
              "behind it\n"},
        Wrong{"ContactType", "[contact.first]\nphone = 966",
              "agent.toml:2:9: error: [contact.first] phone: expected a string, got an integer\n"},
        Wrong{"SeverityMap", "[severity]\nmap = { page = 'CRITICLA' }",
              "agent.toml:2:16: error: [severity] map.page: \"CRITICLA\" is not a severity; did you mean CRITICAL? "
              "(one of LOW MEDIUM HIGH CRITICAL)\n"},
        Wrong{"OpenAfter", "[route]\nopen_after = { within = '5m' }",
              "agent.toml:2:14: error: [route] open_after: needs \"alerts\": How many.\n"},
        Wrong{"Rotation", "[contact.a]\nemail='a@b'\n[rotation.r]\nmembers = ['a']\nhandover = 'someday 9:00'",
              "agent.toml:5:12: error: [rotation.r] handover: \"someday 9:00\" has no time of day; write it as \"sun "
              "09:00\", or \"09:00\" for every day\n"},
        Wrong{"RotationMembers", "[rotation.r]\nmembers = []",
              "agent.toml:2:11: error: [rotation.r] members: names nobody; give at least one contact\n"},
        Wrong{"RotationActive", "[contact.a]\nemail='a@b'\n[rotation.r]\nmembers = ['a']\nactive = 'days'",
              "agent.toml:5:10: error: [rotation.r] active: there is no [time_interval.days]\n"},
        Wrong{"RotationWithoutFallback",
              "[contact.a]\nemail='a@b'\n[rotation.r]\nmembers = ['a']\nactive = 'days'\n[time_interval.days]\ntimes "
              "= ['09:00-17:00']",
              "agent.toml:5:10: warning: [rotation.r] active: outside days it yields nobody, and it has no fallback: "
              "whoever is to be told then is not\n"},
        Wrong{"RotationMissing",
              "[route]\nnotify = ['mail:rotation.paymets']\n[contact.a]\nemail='a@b'\n[rotation.payments]\nmembers = "
              "['a']\n[notifier.mail]\nplugin='email'\nurl='smtp://h'",
              "agent.toml:1:1: error: route \"root\" notify: target \"mail:rotation.paymets\" leads to nobody: there "
              "is no rotation \"paymets\" (did you mean \"payments\"?)\n"},
        Wrong{"RotationMember", "[contact.first]\nemail='a@b'\n[rotation.r]\nmembers = ['frist']",
              "agent.toml:3:11: error: rotation \"r\": there is no contact \"frist\" (did you mean \"first\"?)\n"},
        Wrong{"TimeInterval", "[time_interval.x]\nweekday = ['monday']",
              "agent.toml:2:1: error: [time_interval.x] unknown key \"weekday\"; did you mean \"weekdays\"?\n"},
        Wrong{"TimeIntervalUnknown",
              "[route]\n[[route.routes]]\nmatchers=['a=\"b\"']\nactive_time_intervals = ['sa-business']",
              "agent.toml:4:25: warning: [[route.routes]] active_time_intervals: outside them nobody is told: no "
              "sibling takes its alerts for the other hours; give it continue = true and a sibling with the same "
              "matchers\n"
              "agent.toml:4:26: error: [[route.routes]] active_time_intervals: there is no "
              "[time_interval.sa-business]\n"}),
    wrong_name);

const char* people = R"(
[severity]
map = { page = "CRITICAL", Warning = "MEDIUM" }
unknown = "LOW"
[route]
policy = "platform"
group_wait = "1s"
repeat_interval = "1h"
reopen_window = "3m"
[[route.routes]]
name = "payments"
matchers = ['team="payments"']
notify = ["terminal"]
open_after = { alerts = 3, within = "5m" }
[[route.routes.routes]]
matchers = ['severity="CRITICAL"']
continue = true
policy = ""
notify = []
group_by = ["..."]
[[route.routes]]
name = "quiet"
matchers = ['a="b"']
shadow = true
send_resolved = false
[contact.first]
email = "first@corp"
phone = "+9665"
slack = "U1"
zone = "Asia/Riyadh"
pager = "77"
prefer = [ { by = "mail" }, { by = "terminal", after = "2m" } ]
[group.platform]
members = ["first"]
[rotation.payments]
members = ["first"]
shift = "12h"
handover = "sun 09:00"
zone = "Asia/Riyadh"
starts = "2026-01-04"
fallback = "first"
[policy.platform]
repeat = -1
steps = [ { notify = ["mail:rotation.payments"], escalate_after = "5m" }, { notify = ["terminal"] } ]
on_exhausted = ["mail:group.platform"]
[notifier.mail]
plugin = "email"
url = "smtp://h"
[notifier.terminal]
)";

TEST_F(Trial, RoutesInheritWhatTheyDoNotGive) {
  const Loaded loaded = load(people);
  ASSERT_TRUE(loaded.usable()) << says(loaded);
  const model::Route& root = *loaded.routing.root;
  const model::Route& payments = root.routes.at(0);
  const model::Route& critical = payments.routes.at(0);
  EXPECT_EQ(root.path + " " + payments.path + " " + critical.path, "root root/payments root/payments/1");
  EXPECT_EQ(payments.policy, "platform");
  EXPECT_EQ(payments.group_by, (std::vector<std::string>{"alertname", "service"}));
  EXPECT_EQ(critical.group_wait, std::chrono::seconds(1));
  EXPECT_EQ(critical.open_after.alerts, 3u);
  EXPECT_TRUE(critical.continues && !payments.continues);
}

TEST_F(Trial, AnEmptyListAndAnEmptyPolicyCountAsNone) {
  const Loaded loaded = load(people);
  const model::Route& critical = loaded.routing.root->routes.at(0).routes.at(0);
  EXPECT_TRUE(critical.policy.empty() && critical.notify.empty());
}

TEST_F(Trial, SiblingsDoNotInheritFromEachOther) {
  const Loaded loaded = load(people);
  const model::Route& quiet = loaded.routing.root->routes.at(1);
  EXPECT_TRUE(quiet.shadow && !quiet.send_resolved && quiet.notify.empty());
  EXPECT_EQ(quiet.open_after.alerts, 1u);
}

TEST_F(Trial, PeopleAndLaddersAreTyped) {
  const model::Routing routing = load(people).routing;
  const model::Contact& first = routing.contacts.at("first");
  EXPECT_EQ(first.email + first.phone + first.slack + first.zone + first.fields.at("pager"),
            "first@corp+9665U1Asia/Riyadh77");
  EXPECT_EQ(first.fields.size(), 1u);
  EXPECT_EQ(first.prefer.at(1).by, "terminal");
  const model::Policy& policy = routing.policies.at("platform");
  EXPECT_EQ(policy.repeat, -1);
  EXPECT_EQ(policy.steps.at(0).escalate_after, std::chrono::minutes(5));
  EXPECT_EQ(routing.reopen_window, std::chrono::minutes(3));
}

TEST_F(Trial, ARotationIsTyped) {
  const Loaded loaded = load(people);
  EXPECT_EQ(loaded.routing.policies.at("platform").steps.at(0).notify,
            std::vector<std::string>{"mail:rotation.payments"});
  const model::Rotation& rotation = loaded.routing.rotations.at("payments");
  EXPECT_EQ(rotation.members, std::vector<std::string>{"first"});
  EXPECT_EQ(rotation.shift, std::chrono::hours(12));
  EXPECT_EQ(rotation.handover + rotation.zone + rotation.starts + rotation.fallback,
            "sun 09:00Asia/Riyadh2026-01-04first");
}

TEST_F(Trial, OutsideSeveritiesAreMappedWithoutCase) {
  const model::SeverityMap map = load(people).routing.severity;
  EXPECT_EQ(map.of("PAGE"), model::Severity::critical);
  EXPECT_EQ(map.of("warning"), model::Severity::medium);
  EXPECT_EQ(map.of("whatever"), model::Severity::low);
}

TEST_F(Trial, ARouteInheritsItsReceiverAndWhetherATierTells) {
  const Loaded loaded = load(
      "[route]\nreceiver = 'default'\ntier = false\nresolve_timeout = '2m'\nreceivers = ['default', 'x']\n"
      "[[route.routes]]\nname = 'a'\nmatchers = ['a=\"b\"']\n"
      "[[route.routes]]\nname = 'b'\nmatchers = ['a=\"c\"']\nreceiver = 'x'\ntier = true\n");
  ASSERT_EQ(says(loaded), "");
  const auto& root = *loaded.routing.root;
  EXPECT_EQ(root.routes[0].receiver_name(), "default");
  EXPECT_FALSE(root.routes[0].tier);
  EXPECT_EQ(root.routes[1].receiver_name(), "x");
  EXPECT_TRUE(root.routes[1].tier);
  EXPECT_EQ(loaded.routing.resolve_timeout, std::chrono::minutes(2));
  EXPECT_EQ(loaded.routing.receivers, (std::vector<std::string>{"default", "x"}));
}

TEST_F(Trial, SeveritiesCompareAsReceivedWhereSomebodySaysSo) {
  EXPECT_FALSE(load("[severity]\nunknown = 'LOW'").routing.severity.as_received);
  EXPECT_TRUE(load("[severity]\ncompare = 'received'").routing.severity.as_received);
}

TEST_F(Trial, DampersAreInheritedAndTurnedOffByZero) {
  const Loaded loaded = load(R"(
[route]
notify = ["terminal"]
m_of_n = { m = 3, n = 5 }
flap_detection = { high_flap_threshold = 50 }
report_interval = "30s"
[[route.routes]]
matchers = ['a="b"']
m_of_n = { m = 0, n = 0 }
flap_detection = { high_flap_threshold = 0 }
[[route.routes]]
matchers = ['a="c"']
[notifier.terminal]
)");
  ASSERT_EQ(says(loaded), "");
  const model::FlapDamping& root = loaded.routing.root->flaps;
  EXPECT_EQ(root.m, 3u);
  EXPECT_EQ(root.n, 5u);
  EXPECT_EQ(root.high, 50);
  EXPECT_EQ(root.low, 20) << "its default";
  EXPECT_EQ(root.every, std::chrono::seconds(30));
  EXPECT_FALSE(loaded.routing.root->routes.at(0).flaps.on());
  EXPECT_EQ(loaded.routing.root->routes.at(1).flaps.m, 3u);
  EXPECT_FALSE(load("[route]\nnotify = ['terminal']\n[notifier.terminal]\n").routing.root->flaps.on());
}

TEST_F(Trial, DampersThatWouldHoldForEverAreRefused) {
  EXPECT_NE(says(load("[route]\nm_of_n = { m = 6, n = 5 }\n")).find("m is more than n"), std::string::npos);
  EXPECT_NE(says(load("[route]\nflap_detection = { low_flap_threshold = 30 }\n")).find("must be less than high"),
            std::string::npos);
  EXPECT_NE(says(load("[route]\nflap_detection = { low_flap_threshold = 0 }\n")).find("never have settled"),
            std::string::npos);
}

TEST_F(Trial, StormsAreOnUnlessConfigured) {
  const Loaded usual = load("[route]\nnotify = ['terminal']\n[notifier.terminal]\n");
  EXPECT_EQ(usual.routing.storm.after, 30u);
  EXPECT_EQ(usual.routing.storm.window, std::chrono::minutes(1));
  EXPECT_TRUE(usual.routing.resolve_silenced);
  const Loaded own = load(
      "[route]\nnotify = ['terminal']\nstorm_after = 0\nstorm_window = '2m'\nstorm_every = '3m'\n"
      "resolve_silenced = false\n[notifier.terminal]\n");
  ASSERT_EQ(says(own), "");
  EXPECT_EQ(own.routing.storm.after, 0u);
  EXPECT_EQ(own.routing.storm.window, std::chrono::minutes(2));
  EXPECT_EQ(own.routing.storm.every, std::chrono::minutes(3));
  EXPECT_FALSE(own.routing.resolve_silenced);
  EXPECT_NE(says(load("[route]\n[[route.routes]]\nmatchers = ['a=\"b\"']\nstorm_after = 1\n"))
                .find("storm_after: belongs to the root [route]"),
            std::string::npos);
}

TEST_F(Trial, ANotifierMayNotWantToHearOfEnds) {
  const Loaded loaded = load("[route]\nnotify = ['terminal']\n[notifier.terminal]\nsend_resolved = false\n");
  ASSERT_EQ(says(loaded), "");
  EXPECT_FALSE(loaded.routing.channels.at("terminal").send_resolved);
}

}  // namespace
}  // namespace tocsin::settings
