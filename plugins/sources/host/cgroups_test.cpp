#include "cgroups.hpp"

#include "machine_test.hpp"

namespace tocsin_plugins {
namespace {

using tsn::Value;

class ControlGroups : public HostTree {
 protected:
  ControlGroups() { write("sys/fs/cgroup/cgroup.controllers", "cpu memory pids io\n"); }
  void group(const std::string& path, std::uint64_t cpu_usec = 0, std::uint64_t memory = 1000) {
    const std::string folder = "sys/fs/cgroup" + path + "/";
    write(folder + "cpu.stat", "usage_usec " + std::to_string(cpu_usec) + "\nuser_usec 1\nsystem_usec 1\n");
    write(folder + "memory.current", std::to_string(memory) + "\n");
  }
  void set(const std::string& path, const std::string& file, const std::string& text) {
    write("sys/fs/cgroup" + path + "/" + file, text);
  }
  static Value list(std::vector<std::string> patterns) {
    Value out = Value::array();
    for (auto& each : patterns) out.push(Value(std::move(each)));
    return out;
  }
};

TEST_F(ControlGroups, AreThoseThatFitAPattern) {
  create({{"cgroups", list({"/system.slice/*.service", "/kubepods.slice/**"})}});
  for (const char* path : {"/system.slice/nginx.service", "/system.slice/a.slice/b.service", "/user.slice/x.service",
                           "/kubepods.slice/a/b/c"})
    group(path);
  poll();
  EXPECT_TRUE(has("host.cgroup.memory_bytes{cgroup=/system.slice/nginx.service}"));
  EXPECT_TRUE(has("host.cgroup.memory_bytes{cgroup=/kubepods.slice/a/b/c}"));
  EXPECT_FALSE(has("host.cgroup.memory_bytes{cgroup=/system.slice/a.slice/b.service}")) << "* stays in its segment";
  EXPECT_FALSE(has("host.cgroup.memory_bytes{cgroup=/user.slice/x.service}"));
}

TEST_F(ControlGroups, SayWhatTheyUseOfTheirLimits) {
  create({{"cgroups", list({"/app"})}});
  group("/app", 1'000'000, 900);
  set("/app", "memory.stat", "anon 500\ninactive_file 100\nactive_file 300\n");
  set("/app", "memory.max", "1600\n");
  set("/app", "memory.swap.current", "7\n");
  set("/app", "pids.current", "5\n");
  set("/app", "pids.max", "20\n");
  set("/app", "cpu.max", "50000 100000\n");
  set("/app", "memory.pressure",
      "some avg10=1.50 avg60=0 avg300=0 total=1\nfull avg10=0.50 avg60=0 avg300=0 total=1\n");
  poll();
  EXPECT_EQ(at("host.cgroup.memory_bytes{cgroup=/app}"), 900);
  EXPECT_EQ(at("host.cgroup.memory_working_set_bytes{cgroup=/app}"), 800);
  EXPECT_EQ(at("host.cgroup.memory_limit_bytes{cgroup=/app}"), 1600);
  EXPECT_EQ(at("host.cgroup.memory_used_percent{cgroup=/app}"), 50);
  EXPECT_EQ(at("host.cgroup.swap_bytes{cgroup=/app}"), 7);
  EXPECT_EQ(at("host.cgroup.pids{cgroup=/app}"), 5);
  EXPECT_EQ(at("host.cgroup.pids_used_percent{cgroup=/app}"), 25);
  EXPECT_EQ(at("host.cgroup.pressure.memory_some_percent{cgroup=/app}"), 1.5);
  EXPECT_EQ(at("host.cgroup.pressure.memory_full_percent{cgroup=/app}"), 0.5);
  group("/app", 3'000'000, 900);
  poll();
  EXPECT_EQ(at("host.cgroup.cpu_percent{cgroup=/app}"), 20) << "2 s of 10 s";
  EXPECT_EQ(at("host.cgroup.cpu_used_percent{cgroup=/app}"), 40) << "of half a CPU";
}

TEST_F(ControlGroups, WithoutALimitHaveNoShareOfIt) {
  create({{"cgroups", list({"/app"})}});
  group("/app");
  set("/app", "memory.max", "max\n");
  set("/app", "pids.current", "5\n");
  set("/app", "pids.max", "max\n");
  set("/app", "cpu.max", "max 100000\n");
  poll();
  poll();
  for (const auto& [key, value] : values_) EXPECT_EQ(key.find("_used_percent{cgroup"), key.npos) << key;
  EXPECT_FALSE(has("host.cgroup.memory_limit_bytes{cgroup=/app}"));
}

TEST_F(ControlGroups, SayWhatHappenedSinceTheLastReading) {
  create({{"cgroups", list({"/app"})}});
  const auto state = [&](int periods, int throttled, int kills, int read) {
    group("/app");
    set("/app", "cpu.stat",
        "usage_usec 5\nnr_periods " + std::to_string(periods) + "\nnr_throttled " + std::to_string(throttled) +
            "\nthrottled_usec 9\n");
    set("/app", "memory.events", "low 0\noom 9\noom_kill " + std::to_string(kills) + "\n");
    set("/app", "io.stat", "8:0 rbytes=" + std::to_string(read) + " wbytes=100 rios=1\n8:16 rbytes=1 wbytes=0\n");
  };
  state(100, 10, 3, 0);
  poll();
  EXPECT_FALSE(has("host.cgroup.oom_kills{cgroup=/app}"));
  state(200, 35, 5, 1000);
  poll();
  EXPECT_EQ(at("host.cgroup.cpu_throttled_percent{cgroup=/app}"), 25);
  EXPECT_EQ(at("host.cgroup.oom_kills{cgroup=/app}"), 2);
  EXPECT_EQ(at("host.cgroup.read_bytes_per_second{cgroup=/app}"), 100);
  EXPECT_EQ(at("host.cgroup.written_bytes_per_second{cgroup=/app}"), 0);
  state(10, 1, 1, 5);
  poll();
  EXPECT_EQ(at("host.cgroup.oom_kills{cgroup=/app}"), 0) << "made again: its counters began anew";
}

TEST_F(ControlGroups, OfKubernetesNamePodAndContainer) {
  const std::string id(64, 'a');
  create({{"cgroups", list({"/kubepods.slice/**"})}});
  const std::string pod =
      "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0f1e2d3c_4b5a_6978_8796_a5b4c3d2e1f0.slice";
  group(pod + "/cri-containerd-" + id + ".scope");
  poll();
  EXPECT_EQ(host_.rows().back().label("pod_uid"), "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0");
  EXPECT_EQ(host_.rows().back().label("container_id"), id);
  EXPECT_EQ(pod_names("/kubepods/burstable/pod0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0/" + id).container_id, id);
  EXPECT_EQ(pod_names("/system.slice/docker-" + id + ".scope").container_id, "") << "no pod's";
}

TEST_F(ControlGroups, BeyondTheLimitAreLeftOutAndCounted) {
  create({{"cgroups", list({"/*"})}, {"max_cgroups", 3}});
  for (const char* path : {"/a", "/b", "/c", "/d", "/e"}) group(path);
  poll();
  EXPECT_TRUE(has("host.cgroup.memory_bytes{cgroup=/c}"));
  EXPECT_FALSE(has("host.cgroup.memory_bytes{cgroup=/d}"));
  EXPECT_EQ(host_.metrics()["cgroups_left_out"], 2);
}

TEST_F(ControlGroups, BesideVersionOneAreFoundToo) {
  std::filesystem::remove(root_ / "sys/fs/cgroup/cgroup.controllers");
  write("sys/fs/cgroup/unified/cgroup.controllers", "");
  write("sys/fs/cgroup/unified/app/cpu.stat", "usage_usec 5\n");
  create({{"cgroups", list({"/app"})}});
  poll();
  write("sys/fs/cgroup/unified/app/cpu.stat", "usage_usec 1000005\n");
  poll();
  EXPECT_EQ(at("host.cgroup.cpu_percent{cgroup=/app}"), 10);
}

TEST_F(ControlGroups, OfVersionOneAloneAreSaidToBeMissingOnce) {
  std::filesystem::remove(root_ / "sys/fs/cgroup/cgroup.controllers");
  create({{"cgroups", list({"/app"})}});
  poll();
  EXPECT_TRUE(host_.logged("no control groups of version 2 at"));
  poll();
  EXPECT_FALSE(host_.logged("no control groups of version 2 at")) << "poll() forgets what was logged before";
}

TEST_F(ControlGroups, AWrongPatternIsNamed) {
  try {
    create({{"cgroups", list({"system.slice"})}});
    FAIL();
  } catch (const std::exception& error) {
    EXPECT_NE(std::string(error.what()).find("cgroups[0]"), std::string::npos) << error.what();
  }
}

TEST(CgroupFiles, AreReadLineByLine) {
  EXPECT_EQ(flat_value("a 1\nab 2\nb 3", "ab"), 2u);
  EXPECT_EQ(flat_value("a 1\n", "b"), std::nullopt);
  EXPECT_EQ(flat_value("a x\n", "a"), std::nullopt);
  EXPECT_EQ(parse_limit("max\n"), std::nullopt);
  EXPECT_EQ(parse_limit("12\n"), 12u);
  EXPECT_EQ(parse_limit(""), std::nullopt);
  EXPECT_EQ(parse_cpu_max("150000 100000\n"), 1.5);
  EXPECT_EQ(parse_cpu_max("1 0"), std::nullopt);
  const CgroupIo io = parse_cgroup_io("8:0 rbytes=5 wbytes=6 rios=1\n9:0 rbytes=x wbytes=1\n");
  EXPECT_EQ(io.read_bytes, 5u);
  EXPECT_EQ(io.written_bytes, 7u);
}

}  // namespace
}  // namespace tocsin_plugins
