#include "settings/load.hpp"

#include "config/schema.hpp"
#include "settings/trial_test.hpp"

namespace tocsin::settings {
namespace {

TEST_F(Trial, WithoutAFileTheEmbeddedDefaultRuns) {
  const LoadRequest request{"", plugins_, config::Environment()};
  const Loaded loaded = settings::load(request, last_good_);
  std::string names;
  for (const Instance& instance : loaded.instances) names += instance.full_name() + " ";
  EXPECT_EQ(names, "source.host source.http ");
  EXPECT_EQ(says(loaded), "");
  EXPECT_FALSE(loaded.rules.empty());
  EXPECT_FALSE(loaded.routing.root);
}

TEST_F(Trial, EverythingThatIsWrongIsSaidAtOnceInTheOrderOfTheFiles) {
  write("conf.d/a.toml", "[contact.x]\nphone = 5\n");
  EXPECT_EQ(
      says("[agent]\nnme = 'x'\n[source.host]\nevery = 5\n[[rule]]\nname = 'r'\n[route]\ngroup_wait = 'x'\n"),
      "agent.toml:2:1: error: [agent] unknown key \"nme\"; did you mean \"name\"?\n"
      "agent.toml:4:9: error: [source.host] every: expected a duration such as \"30s\" or \"1h30m\", got an integer\n"
      "agent.toml:5:1: error: [[rule]] \"r\" needs \"severity\": one of CRITICAL, HIGH, MEDIUM, LOW, or `tiers` with "
      "one each\n"
      "agent.toml:5:1: error: [[rule]] \"r\" needs \"signal\": a selector such as host.memory.used_percent, or "
      "`query`\n"
      "agent.toml:8:14: error: [route] group_wait: expected a duration such as \"30s\" or \"1h30m\", got \"x\"\n"
      "conf.d/a.toml:2:9: error: [contact.x] phone: expected a string, got an integer\n");
}

TEST_F(Trial, AConfDFileWithAnErrorOfMeaningKeepsItsLastGoodContent) {
  write("conf.d/a.toml", "[source.host]\nevery = '5s'\n");
  ASSERT_TRUE(load("[route]").usable());
  write("conf.d/a.toml", "[source.host]\nevrey = '7s'\n");
  const Loaded loaded = reload();
  EXPECT_TRUE(loaded.usable());
  EXPECT_EQ(loaded.instances.at(0).every, std::chrono::seconds(5));
  EXPECT_EQ(says(loaded),
            "conf.d/a.toml:2:1: warning: [source.host] unknown key \"evrey\"; did you mean \"every\"? (this file keeps "
            "its last good content)\n");
}

TEST_F(Trial, TheOtherFilesOfAReloadAreTaken) {
  write("conf.d/a.toml", "[source.host]\nevery = '5s'\n");
  write("conf.d/b.toml", "[source.http]\nlabels = { a = '1' }\n");
  load("[route]");
  write("conf.d/a.toml", "[source.host]\nevrey = '7s'\n");
  write("conf.d/b.toml", "[source.http]\nlabels = { a = '2' }\n");
  EXPECT_EQ(reload().instances.at(1).labels.text(), "{a=\"2\"}");
}

TEST_F(Trial, ABadMainFileChangesNothing) {
  ASSERT_TRUE(load("[agent]\nname = 'a'").usable());
  const auto before = last_good_;
  EXPECT_FALSE(load("[agent]\nnmae = 'b'").usable());
  EXPECT_EQ(last_good_, before);
}

TEST_F(Trial, AnErrorAcrossFilesChangesNothing) {
  write("conf.d/a.toml", "");
  ASSERT_TRUE(load("[agent]\nname = 'a'").usable());
  write("conf.d/b.toml", "[agent]\nname = 'b'");
  EXPECT_FALSE(reload().usable());
}

TEST_F(Trial, RulesWithoutARouteAreAWarning) {
  EXPECT_EQ(says("[[rule]]\nname='x'\nsignal='a.b'\nseverity='LOW'\nop='EXISTS'"),
            "agent.toml:1:1: warning: no route catches the rules: there is no [route], so incidents are kept and "
            "nobody is told\n");
}

TEST_F(Trial, AlertmanagersApiIsServedWhereItsSectionStands) {
  EXPECT_FALSE(load("[agent]\nname = 'a'").alertmanager);
  const Loaded loaded = load("[source.alertmanager]\nlabels = { dc = 'riyadh-1' }\n");
  EXPECT_EQ(says(loaded), "");
  ASSERT_TRUE(loaded.alertmanager);
  EXPECT_EQ(loaded.alertmanager->labels.text(), "{dc=\"riyadh-1\"}");
  EXPECT_FALSE(load("[source.alertmanager]\nenabled = false\n").alertmanager);
}

TEST_F(Trial, AlertmanagersSectionKnowsTheHostsKeysOnlyAndStandsOnce) {
  EXPECT_EQ(says("[source.alertmanager]\nenabeld = true\n"),
            "agent.toml:2:1: error: [source.alertmanager] unknown key \"enabeld\"; did you mean \"enabled\"?\n");
  EXPECT_EQ(says("[source.alertmanager]\n[source.am2]\nplugin = 'alertmanager'\n"),
            "agent.toml:2:1: error: [source.am2] Alertmanager's API is served once; another section enables it\n");
  EXPECT_EQ(says("[source.alertmanager]\nauth = { bearer = 'env:ABSENT' }\n"),
            "agent.toml:2:19: error: [source.alertmanager] auth.bearer: the environment variable ABSENT is not set\n");
}

TEST_F(Trial, AMissingFileIsAnError) {
  const LoadRequest request{(directory_ / "absent.toml").string(), plugins_, config::Environment()};
  EXPECT_EQ(says(settings::load(request, last_good_)),
            "absent.toml: error: cannot be read: No such file or directory\n");
}

TEST_F(Trial, TheAgentsOwnSectionsCanBeHadAlone) {
  write("agent.toml", "[agent]\ndata_dir = '/d'\n[source.nonsense]\nx = 1");
  config::Diagnostics diagnostics;
  EXPECT_EQ(load_agent((directory_ / "agent.toml").string(), config::Environment(), diagnostics).data_dir, "/d");
  EXPECT_TRUE(diagnostics.empty());
}

// Whatever a file holds, loading ends with settings or with diagnostics.
TEST_F(Trial, SurvivesTruncationAndRot) {
  const std::string text =
      "[agent]\nname='a'\nlabels={a='b'}\n[http]\nlisten='127.0.0.1:1'\ntls={cert='x',key='y'}\n[storage]\nurl='sqlite:"
      "x'\nretention={raw='7d','5m'='3d'}\n"
      "[pack.default]\ndisable=['error_log_spike']\n[pack.default.rule.high_memory_usage]\nthreshold=9\n[severity]"
      "\nmap={a='HIGH'}\n[route]\npolicy='p'\n"
      "[[route.routes]]\nmatchers=['a=~\"b.*\"']\nopen_after={alerts=3}\n[contact.a]\nemail='x'\nprefer=[{by='s'}]\n["
      "group.g]\nmembers=['a']\n[rotation.r]\n"
      "members=['a']\n[policy.p]\nsteps=[{notify=['s:rotation.r','s:#x'],escalate_after='5m'}]\n[source.host]\nevery='"
      "5s'\nauth={bearer='x'}\n[notifier.s]\n"
      "plugin='slack'\n[tracker.jira]\nproject='X'\nopen_for=['HIGH']\n[[rule]]\nname='r'\nsignal='a{b=\"c\"}'\nover='"
      "5m'\ntiers=[{threshold=1,severity='HIGH'}]\n"
      "by=['x']\nlabels={l='m'}\nlinks=[{text='t',href='{{x}}'}]\nop='>'\n[silence.s]\nmatchers=['a=b']\n[heartbeat.h]"
      "\nevery='1d'\n[watchdog]\nurl='u'\n";
  int usable = 0;
  for (std::size_t cut = 0; cut < text.size(); cut += 3) usable += load(text.substr(0, cut)).usable();
  std::uint64_t random = 7;
  for (int round = 0; round < 400; ++round) {
    std::string rotten = text;
    for (int flips = 0; flips <= round % 3; ++flips) {
      random = random * 6364136223846793005ull + 1442695040888963407ull;
      rotten[(random >> 33) % rotten.size()] = "'=[]{}\n.x5\"#"[(random >> 20) % 12];
    }
    usable += load(rotten).usable();
  }
  // Every value once of another kind: no reader may rely on a type that was not checked.
  for (const char* other : {"5", "'x'", "[]", "{}", "[1]", "[{}]", "true", "1.5", "{x=1}", "''"}) {
    for (std::size_t at = 0; (at = text.find('=', at)) != text.npos; ++at) {
      const std::size_t end = text.find('\n', at);
      usable += load(text.substr(0, at + 1) + other + text.substr(end)).usable();
    }
  }
  EXPECT_GT(usable, 0);
}

}  // namespace
}  // namespace tocsin::settings
