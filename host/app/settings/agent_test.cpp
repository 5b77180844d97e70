#include "settings/agent.hpp"

#include "config/schema.hpp"
#include "settings/trial_test.hpp"

namespace tocsin::settings {
namespace {

class WrongAgent : public Trial, public testing::WithParamInterface<Wrong> {};
TEST_P(WrongAgent, IsNamedWithPlaceAndRemedy) {
  EXPECT_EQ(says(GetParam().text), GetParam().says);
}

INSTANTIATE_TEST_SUITE_P(
    All, WrongAgent,
    testing::Values(
        Wrong{"Section", "[agnet]\n", "agent.toml:1:2: error: unknown section [agnet]; did you mean \"agent\"?\n"},
        Wrong{"Key", "[agent]\nnmae = 'x'",
              "agent.toml:2:1: error: [agent] unknown key \"nmae\"; did you mean \"name\"?\n"},
        Wrong{"SectionIsNoTable", "agent = 5", "agent.toml:1:9: error: [agent] expected a table, got an integer\n"},
        Wrong{"LabelName", "[agent]\nlabels = { 'a b' = 'c' }",
              "agent.toml:2:12: error: [agent] labels: \"a b\" is no label name; letters, digits and _ are\n"},
        Wrong{"MaxSeries", "[agent]\nmax_series = 0",
              "agent.toml:2:14: error: [agent] max_series: must be at least 1\n"},
        Wrong{"Listen", "[http]\nlisten = '127.0.0.1'",
              "agent.toml:2:10: error: [http] listen: expected ADDRESS:PORT such as \"127.0.0.1:7676\" or "
              "\"[::1]:7676\", got "
              "\"127.0.0.1\"\n"},
        Wrong{"Port", "[http]\nhealth_listen = '127.0.0.1:99999'",
              "agent.toml:2:17: error: [http] health_listen: expected ADDRESS:PORT such as \"127.0.0.1:7676\" or "
              "\"[::1]:7676\", got "
              "\"127.0.0.1:99999\"\n"},
        Wrong{"OpenListener", "[http]\nlisten = '0.0.0.0:7676'",
              "agent.toml:2:10: error: [http] listen: 0.0.0.0:7676 can be reached by others; give tls = { cert = …, "
              "key = … }, "
              "listen on 127.0.0.1, or say insecure = true\n"},
        Wrong{"TlsKey", "[http]\ntls = { cert = '/nowhere/c.pem' }",
              "agent.toml:2:7: error: [http] tls: needs \"key\": PEM file with the private key.\n"
              "agent.toml:2:16: error: [http] tls.cert: cannot read \"/nowhere/c.pem\"\n"},
        Wrong{"TrustWithoutKeys", "[trust]\nunsigned = 'refuse'",
              "agent.toml:2:12: error: [trust] unsigned = \"refuse\" needs keys: without them no signature is checked; "
              "add keys = [\"file:PATH\"]\n"},
        Wrong{"BundledWithoutKeys", "[trust]\nkeys = []\nbundled = 'verify'",
              "agent.toml:3:11: error: [trust] bundled = \"verify\" needs keys: without them no signature is checked; "
              "add keys = [\"file:PATH\"]\n"},
        Wrong{"TrustKey", "[trust]\nkeys = ['ops.pub']",
              "agent.toml:2:9: error: [trust] keys: the text is no Ed25519 public key; expected PEM or base64 as "
              "`tocsin plugin keygen` and openssl write it\n"},
        Wrong{"ExternalUrl", "[http]\nexternal_url = 'tocsin.corp'",
              "agent.toml:2:16: error: [http] external_url: expected http://… or https://…\n"},
        Wrong{"ProxyPassword", "[http]\nproxy_url = 'http://me:hunter2@proxy:3128'",
              "agent.toml:2:13: error: [http] proxy_url: a password in a URL ends up in logs; take it out\n"},
        Wrong{"StoragePassword", "[storage]\nurl = 'postgres://tocsin:hunter2@db/tocsin'",
              "agent.toml:2:7: error: [storage] url: a password in a URL ends up in logs; take it out and write "
              "password = "
              "\"file:PATH\" or \"env:NAME\"\n"},
        Wrong{"StoragePasswordInQuery", "[storage]\nurl = 'postgres://db/tocsin?password=hunter2'",
              "agent.toml:2:7: error: [storage] url: a password in a URL ends up in logs; take it out and write "
              "password = "
              "\"file:PATH\" or \"env:NAME\"\n"},
        Wrong{"StorageKind", "[storage]\nurl = 'mysql://db/x'",
              "agent.toml:2:7: error: [storage] url: expected sqlite:FILE or postgres://user@host/database\n"},
        Wrong{"Retention", "[storage]\nretention = { raw = '7d', '1m' = '1w' }",
              "agent.toml:2:27: error: [storage] retention: unknown key \"1m\"; did you mean \"5m\"?\n"},
        Wrong{"RetentionOfRollups", "[storage]\nretention = { raw = '60d', '5m' = '35d' }",
              "agent.toml:2:35: warning: [storage] retention: rollups (5m = 5w) would go before what they are made of "
              "(raw = 60d); they are kept as long as raw\n"},
        Wrong{"RetentionClass", "[storage]\n[[storage.retention.class]]\nmatch = 'a{b'\nraw = '1d'",
              "agent.toml:3:9: error: [storage] retention.class match: selector a{b: = != =~ or !~ is expected after "
              "b\n"},
        Wrong{"Mode", "[delivery]\nmode = 'shadwo'",
              "agent.toml:2:8: error: [delivery] mode: expected one of \"live\", \"shadow\", got \"shadwo\"; did you "
              "mean \"shadow\"?\n"},
        Wrong{"Level", "[log]\nlevel = 'warning'",
              "agent.toml:2:9: error: [log] level: expected one of \"debug\", \"info\", \"warn\", \"error\", got "
              "\"warning\"; did you mean "
              "\"warn\"?\n"},
        Wrong{"Pack", "[pack.defualt]\n",
              "agent.toml:1:7: error: there is no shipped pack \"defualt\"; did you mean \"default\"?\n"},
        Wrong{"PackDisable", "[rules]\npack = 'default'\n[pack.default]\ndisable = ['node_cpu_exaustion']",
              "agent.toml:4:12: error: [pack.default] disable: no shipped rule is called \"node_cpu_exaustion\"; did "
              "you mean "
              "\"node_cpu_exhaustion\"?\n"},
        Wrong{"PackRule", "[rules]\npack = 'default'\n[pack.default.rule.eror_log_spike]\nthreshold = 1",
              "agent.toml:3:20: error: [pack.default.rule]: no shipped rule is called \"eror_log_spike\"; did you mean "
              "\"error_log_spike\"?\n"},
        Wrong{"PackRuleKey", "[rules]\npack = 'default'\n[pack.default.rule.error_log_spike]\ntreshold = 1",
              "agent.toml:4:1: error: [[rule]] \"error_log_spike\" unknown key \"treshold\"; did you mean "
              "\"threshold\"?\n"},
        Wrong{"PackUnnamed", "[pack.default]\nmode = 'on'",
              "agent.toml:1:7: warning: [pack.default] changes nothing: the shipped rules run where [rules] says pack "
              "= \"default\"\n"},
        Wrong{"Syntax", "[agent]\nname = \n",
              "agent.toml:2:8: error: syntax: Error while parsing key-value pair: expected value, saw '\\n'\n"}),
    wrong_name);

TEST_F(Trial, AnEmptyFileGivesTheDefaults) {
  variables_["TOCSIN_DATA_DIR"] = "/somewhere";
  const Agent agent = load("").agent;
  EXPECT_EQ(agent.data_dir + " " + agent.http.listen + " " + agent.http.external_url + " " + agent.storage.url + " " +
                agent.rules.pack,
            "/somewhere 127.0.0.1:7676 http://127.0.0.1:7676 sqlite:tocsin.db none");
  EXPECT_FALSE(agent.http.external_url_given) << "nobody said how the agent is reached: messages have no action links";
  EXPECT_EQ(agent.http.link_lifetime, std::chrono::hours(24));
}

TEST_F(Trial, EveryKeyOfTheAgentIsTaken) {
  write("secret", "pw\n");
  variables_["NODE"] = "n7";
  const Loaded loaded = load(R"(
[agent]
name = "${NODE:-x}"
data_dir = "data"
plugin_dirs = ["plugins", "/etc/tocsin/plugins"]
labels = { dc = "r1" }
max_series = 5
[http]
listen = "0.0.0.0:1"
insecure = true
health_listen = "0.0.0.0:2"
external_url = "https://t.corp/"
link_lifetime = "2h"
proxy_url = "http://proxy:3128"
no_proxy = [".corp"]
[storage]
url = "postgres://tocsin@db/tocsin"
password = "file:secret"
sync = true
retention = { raw = "3d", class = [{ match = "host.*", raw = "30d", "1h" = "800d" }] }
[rules]
pack = "none"
[delivery]
mode = "shadow"
[log]
level = "debug"
format = "json"
)");
  EXPECT_EQ(says(loaded), "");
  const Agent& a = loaded.agent;
  const std::string folder = directory_.string();
  EXPECT_EQ(a.name + a.data_dir + a.plugin_dirs.at(1) + a.plugin_dirs.at(2),
            "n7" + folder + "/data" + folder + "/plugins/etc/tocsin/plugins");
  EXPECT_EQ(a.labels.get("dc"), "r1");
  EXPECT_EQ(a.http.external_url + a.storage.password + a.log.format, "https://t.corppwjson");
  EXPECT_TRUE(a.http.external_url_given);
  EXPECT_EQ(a.http.link_lifetime, std::chrono::hours(2));
  const Retention& retention = a.storage.retention;
  EXPECT_EQ(retention.signals.raw, std::chrono::hours(72));
  EXPECT_EQ(retention.signals.five_minutes, std::chrono::hours(24 * 35));
  ASSERT_EQ(retention.classes.size(), 2u) << "one of its own, and that of what the agent captures";
  EXPECT_TRUE(retention.classes[0].match.matches("host.cpu", {}));
  EXPECT_EQ(retention.classes[0].kept.raw, std::chrono::hours(24 * 30));
  EXPECT_EQ(retention.classes[0].kept.hours, std::chrono::hours(24 * 800));
  EXPECT_TRUE(retention.classes[1].match.matches("x", {{"loader", "STATS-PERF"}}));
  EXPECT_EQ(retention.classes[1].kept.raw, std::chrono::hours(24 * 30));
  EXPECT_TRUE(a.shadow && a.storage.sync && a.http.insecure && loaded.routing.shadow);
  EXPECT_EQ(loaded.secret_files, std::vector<std::string>{folder + "/secret"});
}

TEST_F(Trial, KeysOfTrustStandInFilesOrInTheText) {
  const std::string key = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";
  write("ops.pub", "-----BEGIN PUBLIC KEY-----\n" + key + "\n-----END PUBLIC KEY-----\n");
  const Loaded loaded =
      load("[trust]\nkeys = ['file:ops.pub', '" + key + "']\nunsigned = 'warn'\nbundled = 'verify'\n");
  EXPECT_EQ(says(loaded), "");
  const Trust& trust = loaded.agent.trust;
  ASSERT_EQ(trust.keys.size(), 2u);
  EXPECT_EQ(trust.keys[0], trust.keys[1]);
  EXPECT_TRUE(trust.allow_unsigned && trust.verify_bundled);
}

TEST(Endpoint, KnowsLoopback) {
  for (const char* text : {"127.0.0.1:0", "[::1]:7676", "localhost:1", "127.3.2.1:5"})
    EXPECT_TRUE(parse_endpoint(text)->loopback()) << text;
  for (const char* text : {":7676", "0.0.0.0:1", "[::]:1", "10.0.0.1:5"})
    EXPECT_FALSE(parse_endpoint(text)->loopback()) << text;
}

TEST(HoldsPassword, OnlyWhereThereIsOne) {
  for (const char* text : {"postgres://a:b@h/d", "http://u:p@h", "amqp://h/x?password=y", "x://h?a=b&password=c"})
    EXPECT_TRUE(holds_password(text)) << text;
  for (const char* text :
       {"postgres://a@h/d", "http://h:80/x@y", "sqlite:x.db", "smtp://h:587", "a:b@c", "postgres://a:@h"}) {
    EXPECT_FALSE(holds_password(text)) << text;
  }
}

TEST(DefaultDataDir, PrefersTheVariable) {
  EXPECT_EQ(default_data_dir([](const std::string& name) {
              return name == "TOCSIN_DATA_DIR" ? std::optional<std::string>("/d") : std::nullopt;
            }),
            "/d");
}

TEST(ReferencePage, NamesEverySectionAndOption) {
  const std::string page = reference_page();
  for (const Section& section : sections()) {
    EXPECT_NE(page.find("## [" + section.name + "]"), std::string::npos);
    for (const base::Option& option : section.options) {
      EXPECT_NE(page.find("| `" + (option.key == "*" ? "NAME" : option.key) + "` |"), std::string::npos) << option.key;
      EXPECT_FALSE(option.doc.empty()) << section.name << "." << option.key;
    }
  }
}

TEST(ReferencePage, DefaultsPassTheirOwnValidation) {
  for (const Section& section : sections()) {
    config::Diagnostics diagnostics;
    std::vector<base::Option> options(section.options.begin(), section.options.end());
    for (base::Option& option : options) option.required = false;
    config::validate(base::Value(), options, "[" + section.name + "]", diagnostics);
    EXPECT_TRUE(diagnostics.empty()) << diagnostics.front().text();
  }
}

TEST_F(Trial, FurtherAddressesAreHeldToTheSameRuleAsTheFirst) {
  EXPECT_NE(says("[http]\nalso_listen = ['0.0.0.0:1']").find("[http] also_listen: 0.0.0.0:1 can be reached by others"),
            std::string::npos);
  EXPECT_EQ(load("[http]\nalso_listen = ['127.0.0.1:1']\nroute_prefix = '/x/'").agent.http.route_prefix, "/x");
}

TEST_F(Trial, ASchemaIsAPlainName) {
  EXPECT_EQ(load("[storage]\nurl = 'postgres://a@b/c'\nschema = 'team_a'").agent.storage.schema, "team_a");
  for (const char* name : {"Team", "1a", "a b", "a;drop", "pg_x"})
    EXPECT_NE(says(std::string("[storage]\nschema = '") + name + "'").find("[storage] schema"), std::string::npos)
        << name;
}

}  // namespace
}  // namespace tocsin::settings
