#include "processes.hpp"

#include <unistd.h>

#include <algorithm>
#include <set>

#include "machine_test.hpp"

namespace tocsin_plugins {
namespace {

using tsn::Value;
namespace fs = std::filesystem;

class NamedProcesses : public HostTree {
 protected:
  /// `ticks` of CPU time, a hundred in a second; `started`: seconds after the machine's start, which is 1000 s ago.
  void runs(int pid, const std::string& comm, const std::string& line, std::uint64_t ticks, int started = 100,
            int pages = 10) {
    const std::string folder = "proc/" + std::to_string(pid);
    write(folder + "/stat", std::to_string(pid) + " (" + comm + ") S 1 1 1 0 -1 4194304 1 0 0 0 " +
                                std::to_string(ticks) + " 0 0 0 20 0 3 0 " + std::to_string(started * 100) +
                                " 100000 " + std::to_string(pages) + " 1 1 1 0\n");
    std::string arguments = line;
    std::replace(arguments.begin(), arguments.end(), ' ', '\0');
    write(folder + "/cmdline", arguments + '\0');
    for (const char* fd : {"0", "1"}) write(folder + "/fd/" + fd, "");
  }
  void ends(int pid) { fs::remove_all(root_ / "proc" / std::to_string(pid)); }
  static Value named(std::vector<std::pair<std::string, std::string>> all) {
    Value list = Value::array();
    for (const auto& [name, match] : all) {
      Value one = Value::table({{"name", name}});
      if (!match.empty()) one.set("match", match);
      list.push(std::move(one));
    }
    return list;
  }
  static double page() { return static_cast<double>(sysconf(_SC_PAGESIZE)); }
};

TEST_F(NamedProcesses, AreSummedUpByTheNameTheirEntryGives) {
  create({{"processes", named({{"orders", "java .*orders\\.jar"}})}});
  runs(10, "java", "java -jar /opt/orders.jar", 1000);
  runs(11, "java", "java -jar /opt/orders.jar --second", 2000, 900, 5);
  runs(12, "java", "java -jar /opt/other.jar", 5000);
  poll();
  EXPECT_EQ(at("host.process.count{process=orders}"), 2);
  EXPECT_EQ(at("host.process.memory_rss_bytes{process=orders}"), 15 * page());
  EXPECT_EQ(at("host.process.threads{process=orders}"), 6);
  EXPECT_EQ(at("host.process.open_files{process=orders}"), 4);
  EXPECT_EQ(at("host.process.uptime_seconds{process=orders}"), 900) << "of the oldest";
  EXPECT_FALSE(has("host.process.cpu_percent{process=orders}")) << "a rate needs two readings";
  runs(10, "java", "java -jar /opt/orders.jar", 1500);
  poll();
  EXPECT_EQ(at("host.process.cpu_percent{process=orders}"), 50) << "5 s of 10 s";
}

TEST_F(NamedProcesses, WithoutAMatchHaveTheProgramsName) {
  create({{"processes", named({{"nginx", ""}, {"sshd", ""}})}});
  runs(10, "nginx", "nginx: worker process", 1);
  runs(11, "sshd", "/usr/sbin/sshd -D", 1);
  runs(12, "renamed", "/usr/sbin/nginx -g daemon", 1);
  poll();
  EXPECT_EQ(at("host.process.count{process=nginx}"), 2);
  EXPECT_EQ(at("host.process.count{process=sshd}"), 1);
}

TEST_F(NamedProcesses, ThatAreNotThereAreCountedAsNone) {
  create({{"processes", named({{"gone", ""}})}});
  poll();
  poll();
  EXPECT_EQ(at("host.process.count{process=gone}"), 0);
  EXPECT_EQ(at("host.process.started{process=gone}"), 0);
  EXPECT_FALSE(has("host.process.memory_rss_bytes{process=gone}"));
}

TEST_F(NamedProcesses, ThatRestartAreSeenToStart) {
  create({{"processes", named({{"app", ""}})}});
  runs(10, "app", "app", 1000);
  poll();
  ends(10);
  runs(11, "app", "app", 100, 999);
  poll();
  EXPECT_EQ(at("host.process.count{process=app}"), 1);
  EXPECT_EQ(at("host.process.started{process=app}"), 1);
  EXPECT_EQ(at("host.process.cpu_percent{process=app}"), 10) << "all of its second is since the last reading";
  runs(11, "app", "app", 200, 1000);
  poll();
  EXPECT_EQ(at("host.process.started{process=app}"), 1) << "the same number, another process";
}

TEST_F(NamedProcesses, ThatCallExecAreLookedAtAgain) {
  create({{"processes", named({{"app", "^/opt/app"}})}});
  runs(10, "sh", "sh -c run", 1);
  poll();
  EXPECT_EQ(at("host.process.count{process=app}"), 0);
  runs(10, "app", "/opt/app", 1);
  poll();
  EXPECT_EQ(at("host.process.count{process=app}"), 1);
}

TEST_F(NamedProcesses, ThatEndWhileTheyAreReadAreLeftOut) {
  create({{"processes", named({{"app", ""}})}});
  runs(10, "app", "app", 1);
  fs::create_directories(root_ / "proc/11");  // its files are gone already
  write("proc/12/stat", "12 (app) Z 1 1 1 0 -1 0 0 0 0 0 1 0 0 0 20 0 1 0 1 1 1 1 1 1\n");  // ended, not waited for
  write("proc/13/stat", "13 (app");                                                         // cut off
  write("proc/14/stat", "14 (app) S 1 1 1 0 -1 0 0 0 0 0 1 0 0 0 20 0 1 0 1 1 1 1 1 1\n");  // no list of files
  poll();
  EXPECT_EQ(at("host.process.count{process=app}"), 2);
  EXPECT_FALSE(has("host.process.open_files{process=app}")) << "not those of one of them";
}

TEST_F(NamedProcesses, ShowNothingOfTheirCommandLines) {
  create({{"processes", named({{"app", "app"}})}, {"top", 5}});
  runs(10, "app", "app --password=hunter2", 1);
  poll();
  for (const auto& row : host_.rows()) {
    for (const auto& [label, text] : row.labels) EXPECT_EQ(text.find("hunter2"), text.npos) << row.name;
  }
}

TEST_F(NamedProcesses, OfMostMemoryAndMostTimeAreShownByProgram) {
  create({{"top", 1}});
  runs(10, "java", "java", 0, 100, 50);
  runs(11, "java", "java", 0, 100, 50);
  runs(12, "postgres", "postgres", 0, 100, 80);
  poll();
  EXPECT_EQ(at("host.top.memory_rss_bytes{program=java}"), 100 * page());
  EXPECT_FALSE(has("host.top.memory_rss_bytes{program=postgres}"));
  runs(12, "postgres", "postgres", 500, 100, 80);
  poll();
  EXPECT_EQ(at("host.top.cpu_percent{program=postgres}"), 50);
}

TEST_F(NamedProcesses, NamesOfPathologicalProgramsAreCleaned) {
  create({{"top", 5}});
  runs(10, "a) b (\xff", "x", 1);
  poll();
  EXPECT_TRUE(has("host.top.memory_rss_bytes{program=a) b (\xEF\xBF\xBD}"));
}

TEST_F(NamedProcesses, ProgramNamesWithoutEndMakeNoSeriesWithoutEnd) {
  create({{"top", 50}});
  std::set<std::string> seen;
  for (int round = 0; round < 8; ++round) {
    for (int i = 0; i < 50; ++i) runs(10 + i, "p" + std::to_string(round) + "-" + std::to_string(i), "x", 1);
    poll();
    for (const auto& [key, value] : values_)
      if (key.starts_with("host.top.memory")) seen.insert(key);
  }
  EXPECT_EQ(seen.size(), 200u);
}

TEST_F(NamedProcesses, AWrongEntryIsNamed) {
  const auto says = [&](Value list) -> std::string {
    try {
      create({{"processes", std::move(list)}});
    } catch (const std::exception& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(says(named({{"a", "("}})).find("processes[0].match"), std::string::npos);
  EXPECT_NE(says(named({{"a", "x"}, {"a", "y"}})).find("processes[1].name"), std::string::npos);
  EXPECT_NE(says(Value::array({Value::table({{"match", "x"}})})).find("processes[0].name"), std::string::npos);
  EXPECT_NE(says(Value::array({Value::table({{"name", "x"}, {"mach", "x"}})})).find("processes[0].mach"),
            std::string::npos);
  EXPECT_NE(says(Value::array({Value("java")})).find("processes[0]"), std::string::npos);
}

TEST(ProcessStat, IsReadWhateverTheNameHolds) {
  const auto stat = parse_process("7 (a (b) c) R 1 2 3 0 -1 4 1 2 3 4 50 25 0 0 20 0 9 0 1234 8 77 1\n");
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->comm, "a (b) c");
  EXPECT_EQ(stat->state, 'R');
  EXPECT_EQ(stat->ticks, 75u);
  EXPECT_EQ(stat->threads, 9u);
  EXPECT_EQ(stat->started, 1234u);
  EXPECT_EQ(stat->rss_pages, 77u);
  for (const char* cut : {"", "7", "7 (a", "7 )a( R", "7 (a) R 1 2 3"}) EXPECT_FALSE(parse_process(cut)) << cut;
}

}  // namespace
}  // namespace tocsin_plugins
