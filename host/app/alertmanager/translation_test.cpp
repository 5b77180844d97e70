#include "alertmanager/translation.hpp"

#include "alertmanager/toml.hpp"
#include "alertmanager/trial_test.hpp"

namespace tocsin::alertmanager {
namespace {

struct Trial {
  explicit Trial(const std::string& text, bool readable = false) {
    config::Diagnostics diagnostics;
    const base::Value document = read_document(text, "am.yml", diagnostics);
    EXPECT_EQ(lines(diagnostics), "");
    translation = translate(document, secrets, readable);
  }
  const base::Value& at(std::initializer_list<const char*> path) const {
    const base::Value* value = &translation.root;
    for (const char* key : path) {
      const base::Value* next = value->find(key);
      if (!next) {
        static const base::Value none;
        return none;
      }
      value = next;
    }
    return *value;
  }
  std::string json(std::initializer_list<const char*> path) const { return base::to_json(at(path)); }
  std::string said() const { return lines(translation.diagnostics); }

  ShownSecrets secrets;
  Translation translation;
};

std::string routes(const std::string& list) {
  return "route:\n  receiver: a\n  routes:\n" + list +
         "receivers: [{name: a, webhook_configs: [{url: http://x/}]}, {name: b}]\n";
}

TEST(Translation, NamesRoutesByTheirMatchersSoThatTheyKeepTheirGroups) {
  const Trial one(routes("  - match: {x: y}\n"));
  const Trial two(routes("  - match: {other: z}\n  - match: {x: y}\n"));
  EXPECT_EQ(base::to_json(*(*one.at({"route", "routes"}).array())[0].find("name")), R"("{x=\"y\"}")");
  EXPECT_EQ(base::to_json(*(*two.at({"route", "routes"}).array())[1].find("name")), R"("{x=\"y\"}")");
}

TEST(Translation, TellsRoutesWithEqualMatchersApart) {
  const Trial trial(routes("  - match: {x: y}\n    routes:\n    - match: {x: y}\n  - match: {x: y}\n"));
  const auto& list = *trial.at({"route", "routes"}).array();
  const base::Value& inner = (*list[0].find("routes")->array())[0];
  EXPECT_EQ(*inner.find("name")->string(), R"({x="y"}/{x="y"})");
  EXPECT_EQ(*list[1].find("name")->string(), R"({x="y"} 2)");
}

TEST(Translation, AnchorsOldRegularExpressionsInTheTextToo) {
  const Trial trial(routes("  - match_re: {x: a|b}\n    matchers: [c=d]\n"));
  EXPECT_EQ(base::to_json(*(*trial.at({"route", "routes"}).array())[0].find("matchers")),
            R"(["c=\"d\"","x=~\"^(?:a|b)$\""])");
}

TEST(Translation, AReceiverWithoutIntegrationsTellsNobody) {
  const Trial trial(routes("  - match: {x: y}\n    receiver: b\n"));
  const base::Value& route = (*trial.at({"route", "routes"}).array())[0];
  EXPECT_EQ(base::to_json(*route.find("notify")), "[]");
  EXPECT_EQ(trial.json({"route", "tier"}), "false");
}

TEST(Translation, NobodyIsToldInADigest) {
  EXPECT_EQ(Trial(routes("")).json({"route", "storm_after"}), "0");
}

TEST(Translation, EverythingIsOneGroupWhereNothingIsSaid) {
  EXPECT_EQ(Trial(routes("")).json({"route", "group_by"}), "[]");
}

TEST(Translation, KeepsSecretsOutOfTheTree) {
  const Trial trial(content_of(test_file("shop.yml")));
  const std::string tree = base::to_json(trial.translation.root);
  for (const char* secret : {"p4ss", "T0/B0/xyz", "s3cret", "token=abc", "t0ken"})
    EXPECT_EQ(tree.find(secret), std::string::npos) << secret << " in " << tree;
  EXPECT_EQ(trial.secrets.given.at("payments-webhook-0-password"), "s3cret");
}

TEST(Translation, SaysWhoIsNotTold) {
  const Trial trial("route: {receiver: a}\nreceivers:\n- name: a\n  pushover_configs: [{user_key: u, token: t}]\n");
  EXPECT_EQ(trial.said(),
            "am.yml:4:3: warning: receiver \"a\" pushover_configs[0]: there is no pushover notifier in this version: "
            "nobody is told by it\n");
}

TEST(Translation, SaysWhatIsNotRendered) {
  const Trial trial(
      "route: {receiver: a}\nreceivers:\n- name: a\n  slack_configs: [{api_url: 'http://x/', title: t, text: u}]\n");
  EXPECT_EQ(trial.said(),
            "am.yml:4:49: warning: receiver \"a\" slack_configs[0]: title, text: templates are not rendered, the "
            "notifier writes its own message\n");
}

TEST(Translation, KeepsEachSpanOfAnIntervalWithItsZone) {
  const Trial trial(content_of(test_file("shop.yml")));
  EXPECT_EQ(trial.json({"time_interval", "business", "spans"}),
            R"([{"times":["09:00-17:00"],"weekdays":["monday:friday"],"zone":"Europe/Berlin"},)"
            R"({"weekdays":["saturday"],"months":["11","12"]}])");
  EXPECT_EQ(trial.json({"time_interval", "nights", "times"}), R"(["00:00-06:00","22:00-24:00"])");
}

TEST(Translation, AMailToSeveralIsAContactEach) {
  const Trial trial(content_of(test_file("shop.yml")));
  EXPECT_EQ(trial.json({"route", "notify"}),
            R"(["default-email:contact.ops-shop-example","default-email:contact.night-shop-example"])");
  EXPECT_EQ(trial.json({"contact", "night-shop-example", "email"}), R"("night@shop.example")");
}

TEST(Translation, ASlackTokenComesFromTheAuthorization) {
  const Trial trial(
      "route: {receiver: a}\nreceivers:\n- name: a\n  slack_configs:\n  - api_url: "
      "https://slack.com/api/chat.postMessage\n"
      "    channel: '#x'\n    http_config: {authorization: {credentials: xoxb}}\n");
  EXPECT_EQ(trial.json({"notifier", "a-slack", "token"}), R"("env:a-slack-credentials")");
  EXPECT_EQ(trial.json({"notifier", "a-slack", "api_url"}), R"("https://slack.com/api")");
  EXPECT_EQ(trial.said(), "");
}

TEST(Translation, NamesOfReceiversBecomePlainAndStayDifferent) {
  const Trial trial(
      "route: {receiver: 'a b'}\nreceivers:\n- name: 'a b'\n  webhook_configs: [{url: http://x/}]\n- name: a/b\n"
      "  webhook_configs: [{url: http://y/}]\n");
  EXPECT_FALSE(trial.at({"notifier", "a-b-webhook"}).is_null());
  EXPECT_FALSE(trial.at({"notifier", "a-b-webhook-2"}).is_null());
  EXPECT_EQ(trial.json({"route", "receivers"}), R"(["a b","a/b"])");
}

// --- as text ---

TEST(Toml, WritesWhatReadsBackTheSame) {
  config::Diagnostics diagnostics;
  const auto root = config::parse_toml(
      "[a]\nx = 'say \"hi\" \\d+'\ny = \"it's \\\"so\\\"\"\nz = \"$${HOME} ${file:/x}\"\nlist = ['a', 'b']\nn = 5\nt = "
      "true\nhead = { Auth = 'x' }\n[[a.b]]\nc = 1\n[[a.b.d]]\ne = 2\n[n.\"x y\"]\nk = 'v'\n",
      "t.toml", {}, diagnostics);
  ASSERT_TRUE(root) << lines(diagnostics);
  const std::string text = to_toml(*root, {});
  const auto again = config::parse_toml(text, "t.toml", {}, diagnostics);
  ASSERT_TRUE(again) << lines(diagnostics) << text;
  EXPECT_EQ(base::to_json(*again), base::to_json(*root)) << text;
}

TEST(Toml, PutsRemarksAboveTheirSections) {
  config::Diagnostics diagnostics;
  const auto root = config::parse_toml("[n.a]\nx = 1\n", "t.toml", {}, diagnostics);
  EXPECT_EQ(to_toml(*root, {{"", {"first"}}, {"n.a", {"of\na"}}}), "# first\n\n# of a\n[n.a]\nx = 1\n");
}

}  // namespace
}  // namespace tocsin::alertmanager
