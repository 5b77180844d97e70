#include "settings/rules.hpp"

#include <algorithm>

#include "settings/trial_test.hpp"

namespace tocsin::settings {
namespace {

/// A rule that is right, with the text in the place of its last lines.
std::string rule(const std::string& rest, const std::string& signal = "host.memory.used_percent") {
  return "[route]\n[source.host]\n[[rule]]\nname = 'r'\nsignal = '" + signal + "'\nop = '>'\nthreshold = 5\n" + rest;
}

class WrongRule : public Trial, public testing::WithParamInterface<Wrong> {};
TEST_P(WrongRule, IsNamedWithPlaceAndRemedy) {
  EXPECT_EQ(says(rule(GetParam().text)), GetParam().says);
}
INSTANTIATE_TEST_SUITE_P(
    All, WrongRule,
    testing::Values(
        Wrong{"Fine", "severity = 'high'", ""},
        Wrong{"NoSeverity", "",
              "agent.toml:3:1: error: [[rule]] \"r\" needs \"severity\": one of CRITICAL, HIGH, MEDIUM, LOW, or "
              "`tiers` with one each\n"},
        Wrong{"Severity", "severity = 'HIHG'",
              "agent.toml:8:12: error: [[rule]] \"r\" severity: \"HIHG\" is not a severity; did you mean HIGH? (one of "
              "LOW MEDIUM HIGH CRITICAL)\n"},
        Wrong{"TierSeverity", "tiers = [ { threshold = 1, severity = 'BAD' } ]",
              "agent.toml:8:39: error: [[rule]] \"r\" tiers: \"BAD\" is not a severity (one of LOW MEDIUM HIGH "
              "CRITICAL)\n"},
        Wrong{"Category", "severity = 'LOW'\ncategory = 'LOGS'",
              "agent.toml:9:12: error: [[rule]] \"r\" category: \"LOGS\" is not a category; did you mean LOG? (one of "
              "TRANSACTION LOG INTEGRATION INFRASTRUCTURE)\n"},
        Wrong{"UnknownKey", "severity = 'LOW'\n keep_fireing_for = '5m'",
              "agent.toml:9:2: error: [[rule]] \"r\" unknown key \"keep_fireing_for\"; did you mean "
              "\"keep_firing_for\"?\n"},
        Wrong{"DetectorsKeyHint", "severity = 'LOW'\nmin_cuont = 5",
              "agent.toml:9:1: error: [[rule]] \"r\" unknown key \"min_cuont\"; did you mean \"min_count\"?\n"},
        Wrong{"DetectorsKeyType", "severity = 'LOW'\nmin_count = 'many'",
              "agent.toml:9:13: error: [[rule]] \"r\" min_count: expected an integer, got a string\n"},
        Wrong{"DetectorMissing", "severity = 'LOW'\ndetector = 'baseline'\nfactor = 3",
              "agent.toml:9:12: warning: [[rule]] \"r\" detector: no plugin offers the detector \"baseline\"; the rule "
              "waits for it\n"},
        Wrong{"DetectorIsNone", "severity = 'LOW'\ndetector = 'host'",
              "agent.toml:9:12: error: [[rule]] \"r\" detector: the plugin \"host\" is no detector\n"},
        Wrong{"Aggregate", "severity = 'LOW'\naggregate = 'cuont'",
              "agent.toml:9:13: error: [[rule]] \"r\" aggregate: \"cuont\" is not an aggregate; did you mean count? "
              "(one of last avg sum min max count rate delta stddev p50 p90 p95 p99 last_seen)\n"},
        Wrong{"CountNeedsWindow", "severity = 'LOW'\naggregate = 'count'",
              "agent.toml:9:13: error: [[rule]] \"r\" aggregate: count needs a window: give `over`, such as \"5m\"\n"},
        Wrong{"Over", "severity = 'LOW'\nover = '5 moons'",
              "agent.toml:9:8: error: [[rule]] \"r\" over: expected a duration such as \"5m\", got \"5 moons\"\n"},
        Wrong{"OverToday", "severity = 'LOW'\nover = 'today'",
              "agent.toml:9:8: error: [[rule]] \"r\" over: \"today\" is for detectors with calendar windows; threshold "
              "takes a duration such as \"24h\"\n"},
        Wrong{"For", "severity = 'LOW'\nfor = 5",
              "agent.toml:9:7: error: [[rule]] \"r\" for: expected a duration such as \"30s\" or \"1h30m\", got an "
              "integer\n"},
        Wrong{"NoData", "severity = 'LOW'\nno_data = 'alarm'",
              "agent.toml:9:11: error: [[rule]] \"r\" no_data: expected one of \"alert\", \"ok\", \"keep\", got "
              "\"alarm\"; did you mean \"alert\"?\n"},
        Wrong{"ByTwice", "severity = 'LOW'\nby = ['host', 'host']",
              "agent.toml:9:6: error: [[rule]] \"r\" by: \"host\" is there twice\n"},
        Wrong{"ByMissing", "severity = 'LOW'\nby = ['hots']",
              "agent.toml:9:6: warning: [[rule]] \"r\" by: the signal \"host.memory.used_percent\" has no label "
              "\"hots\"; did you mean \"host\"?\n"},
        Wrong{"Template", "severity = 'LOW'\nby = ['host']\nmessage = '{{hots}} has {{value}}'",
              "agent.toml:10:11: warning: [[rule]] \"r\" message: {{hots}} is no label of its alerts; did you mean "
              "\"host\"? (labels come from `by` and `labels`)\n"},
        Wrong{"Link", "severity = 'LOW'\nlinks = [ { text = 'x' } ]",
              "agent.toml:9:11: error: [[rule]] \"r\" links: needs \"href\": A template: where it leads.\n"},
        Wrong{"Scope", "severity = 'LOW'\nscope = 'fleet'",
              "agent.toml:9:9: warning: [[rule]] \"r\" scope: fleets are not available in this version; the rule sees "
              "this agent's signals\n"},
        Wrong{"Unless", "severity = 'LOW'\nunless = []",
              "agent.toml:9:10: warning: [[rule]] \"r\" unless: is not available in this version; the rule is not held "
              "back by other signals\n"},
        Wrong{
            "DivideBy", "severity = 'LOW'\ndivide_by = 'etl.run{'",
            "agent.toml:9:13: error: [[rule]] \"r\" divide_by: selector etl.run{: a label name is expected at \"\"\n"},
        Wrong{"TwoAtOnce", "severity = 'X'\naggregate = 'Y'\n",
              "agent.toml:8:12: error: [[rule]] \"r\" severity: \"X\" is not a severity (one of LOW MEDIUM HIGH "
              "CRITICAL)\n"
              "agent.toml:9:13: error: [[rule]] \"r\" aggregate: \"Y\" is not an aggregate (one of last avg sum min "
              "max count rate delta stddev p50 p90 p95 p99 last_seen)\n"}),
    wrong_name);

class WrongRules : public Trial, public testing::WithParamInterface<Wrong> {};
TEST_P(WrongRules, AreNamedWithPlaceAndRemedy) {
  EXPECT_EQ(says(std::string("[route]\n") + GetParam().text), GetParam().says);
}
INSTANTIATE_TEST_SUITE_P(
    All, WrongRules,
    testing::Values(
        Wrong{"NoName", "[[rule]]\nsignal='x.y'\nseverity='LOW'\nop='EXISTS'",
              "agent.toml:2:1: error: [[rule]] needs \"name\": The rule's name; also the label alertname.\n"},
        Wrong{"OneBracket", "[rule]\nname='x'",
              "agent.toml:2:1: error: rule: rules are written as [[rule]], with two brackets\n"},
        Wrong{"NoSignal", "[[rule]]\nname='x'\nseverity='LOW'",
              "agent.toml:2:1: error: [[rule]] \"x\" needs \"signal\": a selector such as host.memory.used_percent, or "
              "`query`\n"},
        Wrong{"NoOp", "[[rule]]\nname='x'\nsignal='x.y'\nseverity='LOW'",
              "agent.toml:2:1: error: [[rule]] \"x\" needs \"op\": one of > >= < <= == != EXISTS ABSENT\n"},
        Wrong{
            "NoThreshold", "[[rule]]\nname='x'\nsignal='x.y'\nseverity='LOW'\nop='>'",
            "agent.toml:2:1: error: [[rule]] \"x\" needs \"threshold\": the number that > compares with, or `tiers`\n"},
        Wrong{"Twice",
              "[[rule]]\nname='x'\nsignal='x.y'\nseverity='LOW'\nop='EXISTS'\n[[rule]]\nname='x'\nsignal='x.y'"
              "\nseverity='LOW'\nop='EXISTS'",
              "agent.toml:8:6: error: [[rule]] \"x\" is the name of the rule at agent.toml:2:1 already; names tell "
              "rules apart\n"},
        Wrong{"Query", "[[rule]]\nname='x'\nseverity='LOW'\nquery={source='prom',expr='up'}\nop='EXISTS'",
              "agent.toml:5:15: error: [[rule]] \"x\" query: there is no [source.prom]\n"},
        Wrong{"QueryOfAMute",
              "[source.host]\n[[rule]]\nname='x'\nseverity='LOW'\nquery={source='host',expr='up'}\nop='EXISTS'",
              "agent.toml:6:15: error: [[rule]] \"x\" query: [source.host] is of the plugin \"host\", which answers no "
              "questions; judge its signals with `signal` instead\n"},
        Wrong{"QueryWithASignal",
              "[[rule]]\nname='x'\nseverity='LOW'\nsignal='x.y'\nquery={source='store',sql='SELECT 1'}\nop='EXISTS'",
              "agent.toml:5:8: error: [[rule]] \"x\" signal: cannot stand beside `query`: the answer's numbers are "
              "judged, "
              "so it belongs into the query\n"},
        Wrong{"QueryWithoutItsQuestion",
              "[[rule]]\nname='x'\nseverity='LOW'\nquery={source='store',sqll='SELECT 1'}\nop='EXISTS'",
              "agent.toml:5:7: error: [[rule]] \"x\" query needs \"sql\": One SELECT; `value`, or else the first "
              "column of "
              "numbers, is judged, the others are labels.\n"
              "agent.toml:5:23: error: [[rule]] \"x\" query unknown key \"sqll\"; did you mean \"sql\"?\n"},
        Wrong{"SignalTypo",
              "[source.host]\n[[rule]]\nname='x'\nsignal='host.memory.used_precent'\nseverity='LOW'\nop='EXISTS'",
              "agent.toml:5:8: warning: [[rule]] \"x\" signal: no configured source emits "
              "\"host.memory.used_precent\"; did you mean \"host.memory.used_percent\"?\n"}),
    wrong_name);

const model::Rule* find(const Loaded& loaded, const std::string& name) {
  for (const model::Rule& one : loaded.rules) {
    if (one.name == name) return &one;
  }
  return nullptr;
}

TEST_F(Trial, ARuleIsTypedWhole) {
  const Loaded loaded = load(R"(
[route]
[source.generator]
[[rule]]
name = "full"
severity = "HIGH"
signal = 'etl.run{status="FAILED"}'
divide_by = "etl.run"
by = ["loader"]
aggregate = "count"
over = "5m"
min_count = 20
op = ">"
threshold = 1
for = "2m"
keep_firing_for = "1m"
cooldown = "0s"
every = "30s"
no_data = "ok"
labels = { team = "data" }
message = "{{loader}}: {{value}}"
suggestion = "look"
runbook_url = "https://wiki/{{loader}}"
links = [ { text = "G", href = "https://g/{{loader}}" } ]
)");
  EXPECT_EQ(says(loaded), "");
  const model::Rule& r = *find(loaded, "full");
  EXPECT_EQ(r.signal.text(), "etl.run{status=\"FAILED\"}");
  EXPECT_EQ(r.category, model::Category::transaction);
  EXPECT_EQ(r.aggregate, model::Aggregate::count);
  EXPECT_EQ(r.over, std::chrono::minutes(5));
  EXPECT_EQ(r.for_ + r.keep_firing_for + r.every, std::chrono::seconds(210));
  EXPECT_EQ(r.effective_cooldown(), base::Duration::zero());
  EXPECT_EQ(r.no_data, model::NoData::ok);
  EXPECT_FALSE(r.also_timed || r.shadow || r.fleet);
  EXPECT_EQ(r.labels.text() + r.message + r.suggestion + r.runbook_url + r.links.at(0).href,
            "{team=\"data\"}{{loader}}: {{value}}lookhttps://wiki/{{loader}}https://g/{{loader}}");
  EXPECT_EQ(*r.table.find("threshold")->real(), 1.0);
  EXPECT_EQ(*r.table.find("over")->string(), "5m");
}

TEST_F(Trial, DownwardComparisonsAndAbsenceAreAlsoTimed) {
  for (const char* op : {"<", "<=", "=="}) {
    EXPECT_TRUE(
        find(load("[[rule]]\nname='x'\nsignal='a.b'\nseverity='LOW'\nop='" + std::string(op) + "'\nthreshold=1"), "x")
            ->also_timed)
        << op;
  }
  const Loaded absent = load("[[rule]]\nname='x'\nsignal='a.b'\nseverity='LOW'\nop='ABSENT'\nover='5m'");
  EXPECT_TRUE(find(absent, "x")->also_timed);
  EXPECT_EQ(find(absent, "x")->no_data, model::NoData::alert);
  EXPECT_FALSE(find(load("[[rule]]\nname='x'\nsignal='a.b'\nseverity='LOW'\nop='>'\nthreshold=1"), "x")->also_timed);
  EXPECT_TRUE(find(load("[[rule]]\nname='x'\nsignal='a.b'\nseverity='LOW'\nop='>'\nthreshold=1\nno_data='alert'"), "x")
                  ->also_timed);
}

TEST_F(Trial, WhatTheSelectorFixesIsKnownToTheMessage) {
  const Loaded loaded = load(
      "[route]\n[[rule]]\nname='x'\nsignal='etl.run{loader=\"DAILY\",status!=\"A\"}'\nseverity='LOW'\nop='EXISTS'"
      "\nmessage='{{loader}} {{value}}'");
  EXPECT_EQ(find(loaded, "x")->message, "DAILY {{value}}");
  EXPECT_EQ(says(loaded), "");
}

TEST_F(Trial, PatternsOfASourceTellItsLabels) {
  const std::string source =
      "[route]\n[source.auth]\nplugin='logtail'\npaths=['/"
      "x']\n[[source.auth.match]]\nsignal='auth.failure'\npattern='(?<user>.*) (?P<client_ip>.*)'\n";
  const std::string tail = "[[rule]]\nname='x'\nsignal='auth.failure'\nseverity='LOW'\nop='EXISTS'\nby=";
  EXPECT_EQ(says(source + tail + "['client_ip','user']"), "");
  EXPECT_EQ(says(source + tail + "['clientip']"),
            "agent.toml:13:4: warning: [[rule]] \"x\" by: the signal \"auth.failure\" has no label \"clientip\"; did "
            "you mean \"client_ip\"?\n");
}

TEST_F(Trial, SignalsOfAMatchHaveTheLabelsThatTheirSourceGivesThemBesides) {
  const std::string source =
      "[route]\n[source.syslog]\n[[source.syslog.match]]\nsignal='auth.failure'\npattern='(?<user>.*)'\n"
      "labels={ team='x' }\n";
  const std::string tail = "[[rule]]\nname='x'\nsignal='auth.failure'\nseverity='LOW'\nop='EXISTS'\nby=";
  EXPECT_EQ(says(source + tail + "['app','severity','user','team']"), "");
  EXPECT_EQ(says(source + tail + "['usr']"),
            "agent.toml:12:4: warning: [[rule]] \"x\" by: the signal \"auth.failure\" has no label \"usr\"; did you "
            "mean \"user\"?\n");
}

TEST_F(Trial, WhereASourceGivesAnyLabelNoneIsMissed) {
  const std::string source =
      "[route]\n[source.otlp]\n[[source.otlp.match]]\nsignal='auth.failure'\npattern='(?<user>.*)'\n";
  const std::string tail = "severity='LOW'\nop='EXISTS'\nby=['pod']";
  EXPECT_EQ(says(source + "[[rule]]\nname='x'\nsignal='auth.failure'\n" + tail), "");
  EXPECT_EQ(says(source + "[[rule]]\nname='x'\nsignal='a.metric.sent'\n" + tail), "")
      << "metrics of any name come beside what [[match]] names";
}

TEST_F(Trial, TheCategoryComesFromTheSourceOfTheSignal) {
  const Loaded loaded = load(
      "[source.app]\nplugin='logtail'\npaths=['/"
      "x']\nmatch=[{signal='app.oom',pattern='x'}]\n[[rule]]\nname='x'\nsignal='app.oom'\nseverity='LOW'\nop='EXISTS'");
  EXPECT_EQ(find(loaded, "x")->category, model::Category::log);
}

TEST_F(Trial, RuleFilesAreReadAndScriptsListed) {
  write("rules.d/b.toml", "[[rule]]\nname='from_file'\nsignal='a.b'\nseverity='LOW'\nop='EXISTS'");
  write("rules.d/a.lua", "rule 'x' {}");
  const Loaded loaded = load("[route]\n[rules]\npaths = ['rules.d/*.toml', 'rules.d/*.lua', 'rules.d/*']");
  EXPECT_EQ(says(loaded), "");
  EXPECT_TRUE(find(loaded, "from_file"));
  EXPECT_EQ(loaded.scripts, std::vector<std::string>{(directory_ / "rules.d/a.lua").string()});
  EXPECT_EQ(loaded.files.size(), 2u);
}

TEST_F(Trial, ABadRuleFileKeepsItsLastGoodRules) {
  const std::string main = "[route]\n[rules]\npaths = ['rules.d/*.toml']\npack = 'none'";
  write("rules.d/a.toml", "[[rule]]\nname='kept'\nsignal='a.b'\nseverity='LOW'\nop='EXISTS'");
  load(main);
  write("rules.d/a.toml", "[[rule]]\nname='other'\nsignal='a.b'\nseverity='LWO'\nop='EXISTS'");
  const Loaded loaded = reload();
  EXPECT_TRUE(loaded.usable());
  EXPECT_TRUE(find(loaded, "kept") && !find(loaded, "other"));
  EXPECT_EQ(says(loaded),
            "rules.d/a.toml:4:10: warning: [[rule]] \"other\" severity: \"LWO\" is not a severity; did you mean LOW? "
            "(one of LOW MEDIUM HIGH CRITICAL) (this file keeps its last good content)\n");
}

TEST_F(Trial, ABadRuleFileAtTheStartIsAnError) {
  write("rules.d/a.toml", "[[rule]\n");
  EXPECT_FALSE(load("[route]\n[rules]\npaths = ['rules.d/*.toml']").usable());
}

TEST_F(Trial, ARuleFileHoldsRulesOnly) {
  write("rules.d/a.toml", "[agent]\n");
  EXPECT_EQ(says("[route]\n[rules]\npaths = ['rules.d/*.toml']"),
            "rules.d/a.toml:1:2: error: a rule file unknown key \"agent\"; known are rule\n");
}

// ---- the shipped pack

/// A configuration that names the pack.
std::string packed(const std::string& rest) {
  return "[rules]\npack = 'default'\n" + rest;
}

TEST_F(Trial, ThePackHasTheTenRulesWithTheirSeverities) {
  std::string text;
  const Loaded loaded = load(packed("[route]\n[source.generator]"));
  EXPECT_EQ(says(loaded), "");
  for (const model::Rule& one : loaded.rules)
    text += one.name + " " + std::string(model::to_string(one.category)) + " " +
            std::string(model::to_string(one.severity)) + "\n";
  EXPECT_EQ(text,
            "signal_failure_rate_high TRANSACTION HIGH\nzero_signals_ingested TRANSACTION CRITICAL\nerror_log_spike "
            "LOG MEDIUM\n"
            "authentication_failure_cluster LOG HIGH\ncircuit_breaker_open INTEGRATION "
            "CRITICAL\ndatabase_connection_pool_exhausted INTEGRATION HIGH\n"
            "high_memory_usage INFRASTRUCTURE HIGH\npod_restart_loop INFRASTRUCTURE CRITICAL\npvc_storage_critical "
            "INFRASTRUCTURE HIGH\n"
            "node_cpu_exhaustion INFRASTRUCTURE CRITICAL\n");
}

TEST_F(Trial, EveryShippedRuleSaysWhatAndWhatToDo) {
  for (const model::Rule& one : load(packed("[source.generator]")).rules)
    EXPECT_FALSE(one.message.empty() || one.suggestion.empty()) << one.name;
}

TEST_F(Trial, ThePackIsInShadowUntilThereIsARoute) {
  EXPECT_TRUE(load(packed("")).rules.at(0).shadow);
  EXPECT_FALSE(load(packed("[route]")).rules.at(0).shadow);
  EXPECT_TRUE(load(packed("[route]\n[pack.default]\nmode='shadow'")).rules.at(0).shadow);
}

TEST_F(Trial, ThePackCanBeSwitchedOff) {
  EXPECT_TRUE(load(packed("[pack.default]\nmode='off'")).rules.empty());
  EXPECT_TRUE(load("[rules]\npack='none'").rules.empty());
  EXPECT_FALSE(find(load(packed("[pack.default]\ndisable=['error_log_spike']")), "error_log_spike"));
}

TEST_F(Trial, SilenceOfLoadersMattersOnlyWhereSomebodySendsThem) {
  EXPECT_FALSE(find(load(packed("")), "zero_signals_ingested"));
  EXPECT_TRUE(find(load(packed("[source.generator]")), "zero_signals_ingested"));
  EXPECT_TRUE(find(load(packed("[pack.default.rule.zero_signals_ingested]\nenabled=true")), "zero_signals_ingested"));
}

TEST_F(Trial, AShippedRuleReadsWhatASourceOfItsOwnEmits) {
  plugins_.push_back({{.id = "kubernetes",
                       .kinds = model::kind_source,
                       .signals = {{"kubernetes.container.restarts", "1", "namespace,pod,node,container", ""}}},
                      true});
  EXPECT_EQ(find(load(packed("")), "pod_restart_loop")->signal_text, "kube_pod_container_status_restarts_total");
  const Loaded loaded = load(packed("[route]\n[source.kubernetes]"));
  EXPECT_EQ(says(loaded), "");
  EXPECT_EQ(find(loaded, "pod_restart_loop")->signal_text, "kubernetes.container.restarts");
  EXPECT_EQ(find(loaded, "pvc_storage_critical")->signal_text, "host.disk.used_percent") << "it emits no such signal";
  EXPECT_EQ(loaded.rules.size(), load(packed("[route]")).rules.size());
}

TEST_F(Trial, AShippedRuleIsChangedInPlace) {
  const Loaded loaded = load(packed(
      "[pack.default.rule.error_log_spike]\nthreshold=200\nseverity='CRITICAL'\nfor='1m'\n[pack.default.rule.node_cpu_"
      "exhaustion]\nenabled=false"));
  const model::Rule& spike = *find(loaded, "error_log_spike");
  EXPECT_EQ(spike.table.find("threshold")->number(), 200);
  EXPECT_EQ(spike.severity, model::Severity::critical);
  EXPECT_EQ(spike.for_, std::chrono::minutes(1));
  EXPECT_FALSE(find(loaded, "node_cpu_exhaustion"));
}

TEST_F(Trial, ARuleOfOnesOwnReplacesTheShippedOneOfItsName) {
  const Loaded loaded =
      load(packed("[route]\n[[rule]]\nname='error_log_spike'\nsignal='a.b'\nseverity='LOW'\nop='EXISTS'"));
  EXPECT_EQ(says(loaded), "");
  EXPECT_EQ(std::ranges::count(loaded.rules, "error_log_spike", &model::Rule::name), 1);
  EXPECT_EQ(find(loaded, "error_log_spike")->pack, "");
}

// ---- rules of scripts

TEST(RuleFromTable, TakesTablesWithoutPlaces) {
  base::Value table;
  table.set("name", "lua_rule");
  table.set("severity", "HIGH");
  base::Value signals;
  signals.set("failed", "etl.run{status=\"FAILED\"}");
  table.set("signals", signals);
  table.set("every", "30s");
  const RuleOrigin origin{{std::make_shared<const std::string>("a.lua"), 3, 1}, "lua", "a.lua", 7};
  model::PluginType lua{.id = "lua", .kinds = model::kind_detector};
  config::Diagnostics diagnostics;
  auto made = rule_from_table(table, origin, [&](const std::string&) { return &lua; }, diagnostics);
  ASSERT_TRUE(made) << diagnostics.at(0).text();
  EXPECT_EQ(made->detector + made->script_file + made->signal_text + made->place.text(), "luaa.luaa.lua:3:1");
  EXPECT_EQ(made->script, 7u);
  EXPECT_EQ(made->every, std::chrono::seconds(30));
}

TEST(RuleFromTable, NamesTheScriptInItsErrors) {
  base::Value table;
  table.set("name", "lua_rule");
  table.set("severity", "HIHG");
  table.set("signal", "a.b");
  const RuleOrigin origin{{std::make_shared<const std::string>("a.lua"), 3, 1}, "lua", "a.lua", 7};
  model::PluginType lua{.id = "lua", .kinds = model::kind_detector};
  config::Diagnostics diagnostics;
  EXPECT_FALSE(rule_from_table(table, origin, [&](const std::string&) { return &lua; }, diagnostics));
  EXPECT_TRUE(diagnostics.at(0).text().starts_with("a.lua:3:1: error: [[rule]] \"lua_rule\" severity: "))
      << diagnostics.at(0).text();
}

}  // namespace
}  // namespace tocsin::settings
