#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "proc.hpp"
#include "tocsin/testing/fake_host.hpp"

namespace {

using namespace tocsin_plugins;
using tsn::Value;
using tsn::testing::FakeHost;
namespace fs = std::filesystem;

/// A machine's /proc in a directory.
class Machine : public ::testing::Test {
 protected:
  Machine() {
    char name[] = "/tmp/tocsin-host-XXXXXX";
    root_ = mkdtemp(name);
  }
  ~Machine() override { fs::remove_all(root_); }
  void write(const std::string& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  double value(const FakeHost& host, const std::string& name) const {
    double found = -1;
    for (const auto& row : host.rows()) {
      if (row.name == name) found = row.value;
    }
    return found;
  }
  fs::path root_;
};

TEST_F(Machine, SharesOfCpuTimeComeFromTwoReadings) {
  FakeHost host;
  auto instance = host.create({}, Value::table({{"root", root_.string()}}));
  write("proc/stat", "cpu  100 0 100 800 0 0 0 0 0 0\n");
  instance->pull();
  EXPECT_EQ(value(host, "host.cpu.used_percent"), -1);
  host.advance(std::chrono::seconds(15));
  write("proc/stat", "cpu  130 0 110 850 10 0 0 0 0 0\n");
  instance->pull();
  EXPECT_DOUBLE_EQ(value(host, "host.cpu.used_percent"), 40);
  EXPECT_DOUBLE_EQ(value(host, "host.cpu.user_percent"), 30);
  EXPECT_DOUBLE_EQ(value(host, "host.cpu.system_percent"), 10);
  EXPECT_DOUBLE_EQ(value(host, "host.cpu.iowait_percent"), 10);
}

TEST_F(Machine, MemoryInUseIsWhatIsNotAvailable) {
  FakeHost host;
  auto instance = host.create({}, Value::table({{"root", root_.string()}}));
  write("proc/meminfo",
        "MemTotal:  1000 kB\nMemFree: 100 kB\nMemAvailable: 250 kB\nSwapTotal: 200 kB\nSwapFree: 150 kB\n");
  EXPECT_EQ(instance->pull().status, TSN_OK);
  EXPECT_DOUBLE_EQ(value(host, "host.memory.used_percent"), 75);
  EXPECT_DOUBLE_EQ(value(host, "host.memory.total_bytes"), 1'024'000);
  EXPECT_DOUBLE_EQ(value(host, "host.swap.used_percent"), 25);
}

TEST_F(Machine, RatesAreDifferencesOverTheTimeBetween) {
  FakeHost host;
  auto instance = host.create({}, Value::table({{"root", root_.string()}}));
  const std::string meminfo = "MemTotal: 1 kB\nMemAvailable: 1 kB\n";
  write("proc/meminfo", meminfo);
  write("proc/diskstats", "   8 0 sda 10 0 100 0 20 0 200 0 0 1000 0\n   8 1 sda1 10 0 100 0 20 0 200 0 0 1000 0\n");
  write("proc/1/net/dev",
        "Inter-|\n face |\n  eth0: 1000 1 0 0 0 0 0 0 500 1 0 0 0 0 0 0\n    lo: 9 9 0 0 0 0 0 0 9 9 0 0 0 0 0 0\n");
  instance->pull();
  host.advance(std::chrono::seconds(10));
  write("proc/diskstats", "   8 0 sda 10 0 300 0 20 0 200 0 0 3000 0\n   8 1 sda1 10 0 300 0 20 0 200 0 0 3000 0\n");
  write(
      "proc/1/net/dev",
      "Inter-|\n face |\n  eth0: 6000 1 20 0 0 0 0 0 500 1 0 0 0 0 0 0\n    lo: 9999 9 0 0 0 0 0 0 9 9 0 0 0 0 0 0\n");
  host.clear();
  instance->pull();
  EXPECT_DOUBLE_EQ(value(host, "host.disk.read_bytes_per_second"), 200 * 512 / 10.0);
  EXPECT_DOUBLE_EQ(value(host, "host.disk.busy_percent"), 20);
  EXPECT_DOUBLE_EQ(value(host, "host.net.received_bytes_per_second"), 500);
  EXPECT_DOUBLE_EQ(value(host, "host.net.errors_per_second"), 2);
  std::set<std::string> devices;
  for (const auto& row : host.rows()) {
    if (row.name == "host.disk.busy_percent") devices.insert(row.label("device"));
  }
  EXPECT_EQ(devices, std::set<std::string>{"sda"});
}

TEST_F(Machine, AnEmptyRootIsAnErrorThatNamesTheFiles) {
  FakeHost host;
  auto instance = host.create({}, Value::table({{"root", root_.string()}}));
  const auto answer = instance->pull();
  EXPECT_EQ(answer.status, TSN_FAILED);
  EXPECT_NE(answer.text.find("/proc/stat"), std::string::npos);
}

TEST(Host, ReadsThisMachineAndEverySignalIsDocumented) {
  FakeHost host;
  auto instance = host.create();
  ASSERT_EQ(instance->pull().status, TSN_OK);
  host.advance(std::chrono::seconds(1));
  ASSERT_EQ(instance->pull().status, TSN_OK);
  std::set<std::string> documented;
  const auto& type = instance->type();
  for (std::uint32_t i = 0; i < type.signal_count; ++i) documented.insert(std::string(tsn::view(type.signals[i].name)));
  ASSERT_FALSE(host.rows().empty());
  for (const auto& row : host.rows()) {
    EXPECT_TRUE(documented.contains(row.name)) << row.name;
    EXPECT_FALSE(row.label("host").empty());
  }
  EXPECT_TRUE(host.violations().empty());
}

TEST(Proc, SkipsLinesThatAreNotAsExpected) {
  EXPECT_FALSE(parse_cpu("intr 5"));
  EXPECT_FALSE(parse_cpu("cpu x y"));
  EXPECT_FALSE(parse_memory("nothing here"));
  EXPECT_FALSE(parse_load(""));
  EXPECT_TRUE(parse_disks("8 0\n8 0 sda 1\n").empty());
  EXPECT_TRUE(parse_interfaces("eth0: 1 2\n").empty());
}

TEST(Proc, NamesEachFileSystemOnceByItsShortestPath) {
  const auto mounts =
      parse_mounts("/dev/sda1 /data/with\\040space ext4 rw 0 0\n/dev/sda1 /data ext4 rw 0 0\nproc /proc proc rw 0 0\n");
  ASSERT_EQ(mounts.size(), 1u);
  EXPECT_EQ(mounts[0].path, "/data");
}

TEST(Proc, ReadsPressure) {
  const auto pressure = parse_pressure(
      "some avg10=1.50 avg60=0.00 avg300=0.00 total=5\nfull avg10=0.25 avg60=0.00 avg300=0.00 total=1\n");
  EXPECT_EQ(pressure.some, 1.5);
  EXPECT_EQ(pressure.full, 0.25);
}

TEST(Proc, MatchesPathPatterns) {
  EXPECT_TRUE(matches_path("/var/lib/kubelet/**", "/var/lib/kubelet/pods/1/volume"));
  EXPECT_TRUE(matches_path("/mnt/*", "/mnt/a"));
  EXPECT_FALSE(matches_path("/mnt/*", "/mnt/a/b"));
  EXPECT_FALSE(matches_path("/mnt", "/mnt2"));
}

}  // namespace
