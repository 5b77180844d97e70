#include "settings/instances.hpp"

#include "settings/trial_test.hpp"

namespace tocsin::settings {
namespace {

class WrongInstance : public Trial, public testing::WithParamInterface<Wrong> {};
TEST_P(WrongInstance, IsNamedWithPlaceAndRemedy) {
  EXPECT_EQ(says(GetParam().text), GetParam().says);
}

INSTANTIATE_TEST_SUITE_P(
    All, WrongInstance,
    testing::Values(
        Wrong{"NoName", "[source]\npaths = []",
              "agent.toml:2:1: error: [source] paths: expected a table [source.paths], got array; keys stand in a "
              "[source.NAME]\n"},
        Wrong{"BadName", "[source.'a b']\n",
              "agent.toml:1:9: error: [source] \"a b\" is no name; use letters, digits, - and _\n"},
        Wrong{"PluginKey", "[source.auth]\nplugin = 'logtail'\npaths = ['/x']\n  pathes = 1",
              "agent.toml:4:3: error: [source.auth] unknown key \"pathes\"; did you mean \"paths\"?\n"},
        Wrong{"HostKeyHint", "[source.host]\nevrey = '5s'",
              "agent.toml:2:1: error: [source.host] unknown key \"evrey\"; did you mean \"every\"?\n"},
        Wrong{"HostKeyType", "[source.host]\nevery = 5",
              "agent.toml:2:9: error: [source.host] every: expected a duration such as \"30s\" or \"1h30m\", got an "
              "integer\n"},
        Wrong{"RequiredMissing", "[source.logtail]\n",
              "agent.toml:1:1: error: [source.logtail] needs \"paths\": Files to read.\n"},
        Wrong{"Choice", "[source.logtail]\npaths = []\nstart = 'biginning'",
              "agent.toml:3:9: error: [source.logtail] start: expected one of \"end\", \"beginning\", got "
              "\"biginning\"; did you mean \"beginning\"?\n"},
        Wrong{"Waits", "[source.orders]\nplugin = 'sql'\nanything = 1",
              "agent.toml:2:10: warning: [source.orders] no plugin \"sql\" in the plugin directories: the section "
              "waits until it is there\n"},
        Wrong{"WaitsWithHint", "[source.hots]\n",
              "agent.toml:1:1: warning: [source.hots] no plugin \"hots\" in the plugin directories: the section waits "
              "until it is there; did you "
              "mean \"host\"?\n"},
        Wrong{"WrongKind", "[tracker.host]\n",
              "agent.toml:1:1: error: [tracker.host] the plugin \"host\" is no tracker\n"},
        Wrong{"Password", "[source.host]\nroot = 'ftp://a:hunter2@b/'",
              "agent.toml:2:8: error: [source.host] root: a password in a URL ends up in logs; give it in an option of "
              "its own, as \"file:PATH\" or \"env:NAME\"\n"},
        Wrong{"ClearSecret",
              "[route]\nnotify = ['mail:contact.a']\n[contact.a]\nemail = 'a@b'\n[notifier.mail]\nplugin = "
              "'email'\nurl = 'smtp://h'\npassword = 'hunter2'",
              "agent.toml:8:12: warning: [notifier.mail] password holds a secret in the clear; better \"file:PATH\" or "
              "\"env:NAME\"\n"},
        Wrong{"MissingSecret",
              "[route]\nnotify = ['mail:contact.a']\n[contact.a]\nemail = 'a@b'\n[notifier.mail]\nplugin = "
              "'email'\nurl = 'smtp://h'\npassword = 'env:SMTP'",
              "agent.toml:8:12: error: [notifier.mail] password: the environment variable SMTP is not set\n"},
        Wrong{"NoRoute", "[notifier.terminal]\n",
              "agent.toml:1:1: error: [notifier.terminal] there is no [route], so nobody would be told: write [route] "
              "with policy = …, notify = "
              "[\"terminal\"], or nothing in it (then severities decide)\n"},
        Wrong{"Fallback", "[route]\nnotify = ['terminal']\n[notifier.terminal]\nfallback = 'trminal'",
              "agent.toml:4:12: error: [notifier.terminal] fallback: there is no other notifier \"trminal\"\n"},
        Wrong{
            "FallbackInACircle",
            "[route]\nnotify = ['a']\n[notifier.a]\nplugin = 'terminal'\nfallback = 'b'\n[notifier.b]\nplugin = "
            "'terminal'\nfallback = 'a'",
            "agent.toml:5:12: error: [notifier.a] fallback: \"b\" leads back to it; a chain of fallbacks needs an end\n"
            "agent.toml:8:12: error: [notifier.b] fallback: \"a\" leads back to it; a chain of fallbacks needs an "
            "end\n"},
        Wrong{
            "FallbackToAnotherKindOfAddress",
            "[route]\nnotify = ['mail:contact.a']\n[contact.a]\nemail = 'a@b'\n[notifier.mail]\nplugin = "
            "'email'\nurl = 'smtp://h'\nfallback = 'chat'\n[notifier.chat]\nplugin = 'slack'\n",
            "agent.toml:5:1: error: [notifier.mail] fallback: \"chat\" (slack) wants another address of its recipients "
            "than email; name one of the same kind, or one without recipients\n"},
        Wrong{"Limits", "[route]\nnotify = ['terminal']\n[notifier.terminal]\nlimits = ['5/15m', '5 a day', '9/48h']",
              "agent.toml:4:20: error: [notifier.terminal] limits: \"5 a day\" is no limit; expected COUNT/DURATION "
              "such as "
              "\"5/15m\"\n"
              "agent.toml:4:31: error: [notifier.terminal] limits: \"9/48h\" looks back more than 24h\n"},
        Wrong{"FallbackElsewhere", "[source.host]\nfallback = 'x'",
              "agent.toml:2:1: error: [source.host] unknown key \"fallback\"; known are root, plugin, every, timeout, "
              "labels, enabled, auth, isolation, standby, memory, needs, "
              "proxy_url, no_proxy\n"},
        Wrong{"OpenFor", "[tracker.jira]\nproject = 'X'\nopen_for = ['CRITICLA']",
              "agent.toml:3:13: error: [tracker.jira] open_for: \"CRITICLA\" is not a severity; did you mean CRITICAL? "
              "(one of LOW MEDIUM HIGH CRITICAL)\n"},
        Wrong{"Isolation", "[source.host]\nisolation = 'proces'",
              "agent.toml:2:13: error: [source.host] isolation: \"proces\" is none of \"process\", \"process:GROUP\", "
              "\"none\"\n"},
        Wrong{"Needs", "[source.host]\nneeds = ['files:var']",
              "agent.toml:2:9: error: [source.host] needs: \"files:var\" is none of \"network\", \"processes\", "
              "\"files:/DIRECTORY\"\n"},
        Wrong{"Memory", "[source.host]\nmemory = '1KiB'",
              "agent.toml:2:10: error: [source.host] memory: must be at least 16MiB\n"},
        Wrong{
            "Auth", "[source.generator]\nauth = { beerer = 'x' }",
            "agent.toml:2:8: warning: [source.generator] auth: the plugin serves no requests, so nothing asks for it\n"
            "agent.toml:2:10: error: [source.generator] auth: unknown key \"beerer\"; did you mean \"bearer\"?\n"},
        Wrong{"AuthWithoutItsSecret", "[source.http]\nauth = { bearer = 'env:T' }",
              "agent.toml:2:19: error: [source.http] auth.bearer: the environment variable T is not set\n"},
        Wrong{"AuthOfTwoKinds", "[source.http]\nauth = { subject = 'CN=x', username = 'a' }",
              "agent.toml:2:20: error: [source.http] auth.subject: is of type \"mtls\", and \"username\" says another; "
              "an instance asks for one thing\n"},
        Wrong{"AuthOfNothing", "[source.http]\nauth = { }",
              "agent.toml:2:8: error: [source.http] auth: asks for nothing; give bearer, tokens, username and "
              "password, a type, or allow_from\n"},
        Wrong{"AuthWithoutPassword", "[source.http]\nauth = { username = 'ann' }",
              "agent.toml:2:8: error: [source.http] auth.password: is needed and must not be empty\n"},
        Wrong{"AuthByCertificateOfNobody", "[source.http]\nauth = { type = 'mtls' }",
              "agent.toml:2:8: error: [source.http] auth: certificates are asked for where [http] tls has client_ca; "
              "nobody would get in\n"},
        Wrong{"AuthFromNoNetwork", "[source.http]\nauth = { allow_from = ['10.0.0.0/33'] }",
              "agent.toml:2:24: error: [source.http] auth.allow_from: \"10.0.0.0/33\" is no network; expected one such "
              "as 10.20.0.0/16\n"},
        Wrong{"SameName",
              "[route]\nnotify = ['jira']\n[notifier.jira]\nplugin = 'terminal'\n[tracker.jira]\nproject = 'X'",
              "agent.toml:5:1: error: [tracker.jira] has the name of [notifier.jira]; notifiers and trackers need "
              "different names\n"}),
    wrong_name);

TEST_F(Trial, HostKeysAreTheHostsAndOthersThePlugins) {
  const Loaded loaded = load(
      "[source.auth]\nplugin = 'logtail'\npaths = ['/x']\nmax_age = '10m'\nevery = '5s'\ntimeout = '2s'\nlabels = { a "
      "= 'b' }\nenabled = true\nauth = { bearer = "
      "'env:T' }\n");
  variables_["T"] = "t";
  const Instance auth = reload().instances.at(0);
  EXPECT_EQ(auth.full_name() + " " + auth.plugin, "source.auth logtail");
  EXPECT_EQ(auth.every, std::chrono::seconds(5));
  EXPECT_EQ(call_timeout(auth), std::chrono::seconds(2));
  EXPECT_EQ(auth.labels.text(), "{a=\"b\"}");
  EXPECT_TRUE(auth.enabled);
  ASSERT_TRUE(auth.route_auth);
  EXPECT_EQ(auth.route_auth->secrets.at(0).second, "t");
  EXPECT_EQ(base::to_json(auth.config), R"({"paths":["/x"],"max_age":600000000000,"start":"end"})");
}

TEST_F(Trial, AnInstanceTakesTokensByNameAndTheirFilesAreWatched) {
  write("old", "one\n");
  write("new", "two\n");
  const std::string text =
      "[source.http]\nauth = { tokens = { old = 'file:old', new = 'file:new' }, allow_from = ['10.0.0.0/8'] }";
  const Loaded loaded = load(text);
  EXPECT_EQ(says(loaded), "");
  const RouteAuth auth = loaded.instances.at(0).route_auth.value();
  EXPECT_EQ(auth.type, RouteAuth::Type::bearer);
  EXPECT_EQ(auth.secrets, (std::vector<std::pair<std::string, std::string>>{{"old", "one"}, {"new", "two"}}));
  EXPECT_TRUE(contains(auth.allow_from.at(0), "10.200.0.1"));
  EXPECT_FALSE(contains(auth.allow_from.at(0), "11.0.0.1"));
  EXPECT_EQ(loaded.secret_files, (std::vector<std::string>{directory_ / "new", directory_ / "old"}));
}

TEST_F(Trial, ASwitchedOffInstanceNeedsNoSecrets) {
  EXPECT_EQ(says("[route]\n[notifier.slack]\nenabled = false\ntoken = 'env:ABSENT'\nauth = { bearer = 'env:ABSENT' }"),
            "");
}

TEST_F(Trial, ADetectorIsConfiguredByItsPluginSection) {
  plugins_.push_back({{.id = "judge",
                       .kinds = model::kind_detector,
                       .options = {{.key = "budget", .type = base::OptionType::integer, .fallback = "9"}}},
                      true});
  config::Diagnostics diagnostics;
  const auto budget = [&](const Loaded& loaded) {
    return *plugin_config(loaded.instances, plugins_.back().type, loaded.agent, config::Environment(), diagnostics)
                .find("budget")
                ->integer();
  };
  EXPECT_EQ(budget(load("")), 9);
  EXPECT_EQ(budget(load("[plugin.judge]\nbudget = 4")), 4);
}

TEST_F(Trial, APluginSectionMayBePartOfWhatItsInstancesNeed) {
  EXPECT_EQ(says("[plugin.logtail]\nneeds = ['files:/x']"), "");
}

TEST_F(Trial, IsolationIsTheInstancesOwnOrThatOfItsPlugin) {
  const Loaded loaded = load(
      "[plugin.host]\nisolation = 'process:friends'\nneeds = ['network']\nmemory = '64MiB'\n"
      "[source.host]\nneeds = ['files:/x']\n[source.other]\nplugin = 'host'\nisolation = 'none'\nstandby = true");
  const auto of = [&](std::string_view name) {
    for (const Instance& instance : loaded.instances) {
      if (instance.full_name() == name) return isolation_of(instance, loaded.instances);
    }
    return Isolation{};
  };
  EXPECT_EQ(of("source.host").mode, Isolation::Mode::process);
  EXPECT_EQ(of("source.host").group, "friends");
  EXPECT_EQ(of("source.host").needs, (std::vector<std::string>{"files:/x", "network"}));
  EXPECT_EQ(of("source.host").memory_bytes, 64u << 20);
  EXPECT_EQ(of("source.other").mode, Isolation::Mode::none);
  EXPECT_TRUE(of("source.other").standby);
}

TEST_F(Trial, HostKeysThatThePluginDeclaresReachItToo) {
  const Loaded loaded = load(
      "[http]\nproxy_url = 'http://p:1'\n[route]\nnotify = ['mail:contact.a']\n[contact.a]\nemail = "
      "'a@b'\n[notifier.mail]\nplugin = 'email'\nurl = "
      "'smtp://h'\ntimeout = '7s'");
  EXPECT_EQ(says(loaded), "");
  EXPECT_EQ(base::to_json(loaded.instances.at(0).config),
            R"({"url":"smtp://h","timeout":7000000000,"proxy_url":"http://p:1"})");
}

TEST_F(Trial, TheHttpSourceRunsUnlessASectionNamesIt) {
  EXPECT_EQ(load("").instances.at(0).full_name(), "source.http");
  const Loaded named = load("[source.http]\nenabled = false");
  ASSERT_EQ(named.instances.size(), 1u);
  EXPECT_FALSE(named.instances[0].enabled);
}

TEST_F(Trial, APluginFromOutsideStartsByItselfUnlessItNeedsOptions) {
  plugins_.push_back({{.id = "loadavg", .kinds = model::kind_source}, false});
  plugins_.push_back(
      {{.id = "needy", .kinds = model::kind_source, .options = {{.key = "x", .required = true}}}, false});
  plugins_.push_back({{.id = "buzzer", .kinds = model::kind_notifier}, false});
  std::string names;
  const Loaded loaded = load("");
  for (const Instance& instance : loaded.instances) names += instance.full_name() + " ";
  EXPECT_EQ(names, "source.http source.loadavg notifier.buzzer ");
  EXPECT_EQ(says(loaded), "");
}

TEST_F(Trial, ChannelsSayHowAnInstanceIsReached) {
  const Loaded loaded = load(
      "[route]\nnotify = ['slack']\n[notifier.slack]\ntoken = 'env:T'\nchannel = '#ops'\n[tracker.jira]\nproject = "
      "'X'\nopen_for = ['MEDIUM']");
  const model::Channel& slack = loaded.routing.channels.at("slack");
  EXPECT_TRUE(slack.takes_channels && !slack.no_recipient && !slack.tracker);
  EXPECT_EQ(slack.default_recipient + slack.address_field, "#opsslack");
  EXPECT_EQ(loaded.routing.channels.at("jira").open_for, std::vector<model::Severity>{model::Severity::medium});
}

TEST_F(Trial, PollsAsOftenAsTheSectionThenTheTypeSays) {
  Instance instance;
  model::PluginType type;
  EXPECT_EQ(poll_every(instance, type), std::chrono::seconds(15));
  type.options = {{.key = "every", .type = base::OptionType::duration, .fallback = "\"1m\""}};
  EXPECT_EQ(poll_every(instance, type), std::chrono::minutes(1));
  instance.every = std::chrono::seconds(3);
  EXPECT_EQ(poll_every(instance, type), std::chrono::seconds(3));
}

/// The plugin "mq" as a source and as a notifier, each in a file and with options of its own.
std::vector<KnownPlugin> two_of_one_id(bool bundled) {
  using base::Option;
  const auto mq = [](std::uint32_t kinds, const char* option) {
    model::PluginType type;
    type.id = "mq";
    type.kinds = kinds;
    type.options = {Option{.key = option, .type = base::OptionType::string}};
    type.notifier_features = 1;  // no recipient
    return type;
  };
  return {{mq(model::kind_source, "queue"), bundled}, {mq(model::kind_notifier, "exchange"), bundled}};
}

TEST_F(Trial, ASourceAndANotifierMayHaveOneIdEachWithItsOwnOptions) {
  std::ranges::move(two_of_one_id(true), std::back_inserter(plugins_));
  const std::string both = "[source.in]\nplugin = 'mq'\nqueue = 'q'\n[route]\nnotify = ['mq']\n[notifier.mq]\n";
  const Loaded loaded = load(both + "exchange = 'x'");
  EXPECT_EQ(says(loaded), "");
  EXPECT_TRUE(loaded.routing.channels.contains("mq"));
  EXPECT_NE(says(both + "queue = 'q'").find("[notifier.mq] unknown key \"queue\"; known are exchange,"),
            std::string::npos);
  EXPECT_EQ(says("[tracker.mq]\n"), "agent.toml:1:1: error: [tracker.mq] the plugin \"mq\" is no tracker\n");
}

TEST_F(Trial, OfTwoWithOneIdASectionNamesItsOwnKindAlone) {
  const auto known = two_of_one_id(false);
  Instance named;
  named.kind = "source";
  named.name = named.plugin = "mq";
  const auto started = self_starting(known, {named});
  ASSERT_EQ(started.size(), 2u);  // http is always there
  EXPECT_EQ(started[1].full_name(), "notifier.mq");
}

}  // namespace
}  // namespace tocsin::settings
