// The plugin as a whole: what is told again, events, volumes, credentials, options.
#include <unistd.h>

#include <fstream>

#include "cluster_fixture.hpp"

namespace tocsin_plugins::kube::testing {
namespace {

// ---- what holds is told again

TEST_F(Cluster, EachPollTellsAgainWhatHolds) {
  server_.put(pods, "a", pod("a", 2, "CrashLoopBackOff"));
  begin({"pods"});
  ASSERT_TRUE(watched(pods));
  host_.clear();
  host_.advance(30s);
  EXPECT_EQ(instance_->pull().status, TSN_OK);
  EXPECT_EQ(told(restarts("a")), Told{"2"});
  EXPECT_EQ(told(waiting("a", "CrashLoopBackOff")), Told{"1"});
  EXPECT_EQ(host_.rows().front().ts, host_.now());
}

TEST_F(Cluster, WhatIsNotWatchedAnyMoreIsNotToldAgain) {
  server_.put(pods, "a", pod("a", 2));
  begin({"pods"});
  ASSERT_TRUE(watched(pods));
  server_.answers([](const ApiServer::Request&) { return ApiServer::refusal(500, "etcd is gone"); });
  server_.cut();
  ASSERT_TRUE(until([&] { return host_.timers() > 0; }));
  host_.advance(2min);
  ASSERT_TRUE(until([&] { return host_.logged("etcd is gone"); }));
  host_.clear();
  const auto answer = instance_->pull();
  EXPECT_EQ(answer.status, TSN_FAILED);
  EXPECT_EQ(host_.rows().size(), 0u);
  server_.answers({});
  ASSERT_TRUE(until([&] { return host_.timers() > 0; }));
  host_.advance(2min);
  ASSERT_TRUE(watched(pods, 3));
  EXPECT_TRUE(until([&] { return instance_->pull().status == TSN_OK; }));
  EXPECT_FALSE(told(restarts("a")).empty());
}

TEST_F(Cluster, AJobThatRunsIsToldWithItsTime) {
  server_.put("/apis/batch/v1/jobs", "load",
              R"({"metadata":{"name":"load-28","namespace":"etl","resourceVersion":"RV","ownerReferences":)"
              R"([{"kind":"CronJob","name":"load"}]},"status":{"active":1,"startTime":"2026-11-20T09:50:00Z"}})");
  begin({"jobs"});
  const std::string series = "kubernetes.job.duration{cronjob=load,job=load-28,namespace=etl}";
  ASSERT_TRUE(has_told(series));
  host_.advance(1min);
  EXPECT_EQ(instance_->pull().status, TSN_OK);
  EXPECT_EQ(told(series), (Told{"600", "660"}));
}

// ---- events

TEST_F(Cluster, AnEventIsToldOnceForEachRise) {
  begin({"events"});
  ASSERT_TRUE(watched(events));
  server_.put(events, "e", event("e", 1));
  server_.put(events, "e", event("e", 2, "2026-11-20T09:59:10Z"));
  server_.put(events, "e", event("e", 5, "2026-11-20T09:59:40Z"));
  ASSERT_TRUE(has_told(back_off(), 3));
  EXPECT_EQ(told(back_off()), (Told{"1", "1", "3"}));
  const auto row = host_.rows().back();
  EXPECT_EQ(row.text, "Back-off restarting");
  EXPECT_EQ(row.severity, 13u);
  EXPECT_EQ(row.ts, host_.now() - 20'000'000'000) << "the event's own time";
  EXPECT_EQ(instance_->pull().status, TSN_OK);
  EXPECT_EQ(told(back_off()).size(), 3u) << "a poll tells no event again";
}

TEST_F(Cluster, EventsThatAreThereAtTheVeryFirstStartAreNotTold) {
  server_.put(events, "old", event("old", 9));
  begin({"events"});
  ASSERT_TRUE(watched(events));
  server_.put(events, "old", event("old", 10, "2026-11-20T09:59:59Z"));
  ASSERT_TRUE(has_told(back_off()));
  EXPECT_EQ(told(back_off()), Told{"1"});
}

TEST_F(Cluster, EventsAreNotRepeatedAfterAListIsReadAgain) {
  begin({"events"});
  ASSERT_TRUE(watched(events));
  server_.put(events, "e", event("e", 1));
  ASSERT_TRUE(has_told(back_off()));
  server_.change_silently(events, "missed", event("missed", 2));
  server_.compact();
  server_.cut();
  ASSERT_TRUE(until([&] { return host_.timers() > 0; }));
  host_.advance(2min);
  ASSERT_TRUE(has_told(back_off(), 2));
  ASSERT_TRUE(watched(events, 3));
  EXPECT_EQ(told(back_off()), (Told{"1", "2"})) << "what came while nobody watched, and nothing twice";
}

TEST_F(Cluster, ARestartGoesOnWhereEventsWereTold) {
  begin({"events"});
  ASSERT_TRUE(watched(events));
  server_.put(events, "e", event("e", 1));
  ASSERT_TRUE(has_told(back_off()));
  const auto version = std::to_string(server_.version());
  end();
  const auto cursor = host_.cursor().value_or("");
  server_.put(events, "f", event("f", 1));
  host_.clear();
  begin({"events"}, Value::table(), cursor);
  ASSERT_TRUE(has_told(back_off()));
  EXPECT_EQ(server_.last(events, true).value("resourceVersion"), version);
  EXPECT_EQ(server_.lists(events), 1u) << "no list was needed";
  EXPECT_EQ(told(back_off()), Told{"1"});
}

TEST_F(Cluster, ARestartAfterALongTimeTellsOnlyNewerEvents) {
  begin({"events"});
  ASSERT_TRUE(watched(events));
  server_.put(events, "e", event("e", 1, "2026-11-20T10:00:00Z"));
  ASSERT_TRUE(has_told(back_off()));
  end();
  const auto cursor = host_.cursor().value_or("");
  host_.advance(1h);
  server_.put(events, "f", event("f", 1, "2026-11-20T10:30:00Z"));
  server_.compact();
  host_.clear();
  begin({"events"}, Value::table(), cursor);
  ASSERT_TRUE(until([&] { return server_.watches(events) == 3; }));
  ASSERT_TRUE(has_told(back_off()));
  EXPECT_EQ(told(back_off()), Told{"1"});
}

TEST_F(Cluster, APositionOfAnotherServerIsNotUsed) {
  begin({"events"}, Value::table(), "1 https://other:6443\n5\n/api/v1/events 7\n");
  ASSERT_TRUE(watched(events));
  EXPECT_EQ(server_.lists(events), 1u);
  EXPECT_NE(server_.last(events, true).value("resourceVersion"), "7");
}

TEST_F(Cluster, NormalEventsComeWhereTheyAreAskedFor) {
  begin({"events"});
  ASSERT_TRUE(watched(events));
  EXPECT_EQ(server_.last(events, true).value("fieldSelector"), "type%3DWarning");
  end();
  begin({"events"}, Value::table({{"events", "all"}}));
  ASSERT_TRUE(watched(events, 2));
  EXPECT_EQ(server_.last(events, true).value("fieldSelector"), "");
  server_.put(events, "e", event("e", 1, "2026-11-20T10:00:00Z", "Normal"));
  ASSERT_TRUE(has_told("kubernetes.event{kind=Pod,name=load-1,namespace=etl,reason=BackOff,type=Normal}"));
  EXPECT_EQ(host_.rows().back().severity, 9u);
}

// ---- volumes

std::string summary(const std::string& claim, const std::string& used) {
  return ApiServer::answer(
      200, R"({"node":{"nodeName":"n1"},"pods":[{"podRef":{"name":"db-0"},"volume":[{"name":"tmp","capacityBytes":10},)"
           R"({"name":"data","pvcRef":{"name":")" +
               claim + R"(","namespace":"etl"},"capacityBytes":1000,"usedBytes":)" + used +
               R"(,"inodes":200,"inodesUsed":50}]}]})");
}
const std::string node_json = R"({"metadata":{"name":"n1","resourceVersion":"RV"},"status":{"conditions":)"
                              R"([{"type":"Ready","status":"True","reason":"KubeletReady"}]}})";

class Claims : public Cluster {
 protected:
  static constexpr auto path = "/api/v1/nodes/n1/proxy/stats/summary";
  /// One round of summaries; every answer of `count` came.
  void round(std::size_t count) {
    host_.advance(30s);
    ASSERT_NE(instance_->pull().status, TSN_INVALID);
    ASSERT_TRUE(until([&] { return server_.lists(path) >= count; }));
  }
  void say(const std::string& text) {
    server_.answers([text](const ApiServer::Request& request) { return request.path == path ? text : std::string(); });
  }
  void begin_watching() {
    server_.put(nodes, "n1", node_json);
    begin({"nodes", "volumes"});
    ASSERT_TRUE(watched(nodes));
  }
  const std::string percent_ = "kubernetes.pvc.used_percent{namespace=etl,pvc=data}";
};

TEST_F(Claims, TheKubeletsSayHowFullClaimsAre) {
  say(summary("data", "910"));
  begin_watching();
  round(1);
  ASSERT_TRUE(has_told(percent_));
  EXPECT_EQ(told(percent_), Told{"91"});
  EXPECT_EQ(told("kubernetes.pvc.used_bytes{namespace=etl,pvc=data}"), Told{"910"});
  EXPECT_EQ(told("kubernetes.pvc.capacity_bytes{namespace=etl,pvc=data}"), Told{"1000"});
  EXPECT_EQ(told("kubernetes.pvc.inodes_used_percent{namespace=etl,pvc=data}"), Told{"25"});
  EXPECT_EQ(told("kubernetes.node.condition{condition=Ready,node=n1,status=True}").front(), "1");
}

TEST_F(Claims, AClaimThatNoNodeHasAnyMoreEnds) {
  say(summary("data", "910"));
  begin_watching();
  round(1);
  ASSERT_TRUE(has_told(percent_));
  say(summary("other", "1"));
  round(2);
  ASSERT_TRUE(until([&] { return !told(percent_).empty() && told(percent_).back() == "ended"; }));
}

TEST_F(Claims, ANodeThatIsSilentKeepsItsClaimsForTwoRounds) {
  say(summary("data", "910"));
  begin_watching();
  round(1);
  ASSERT_TRUE(has_told(percent_));
  say(ApiServer::refusal(503, "kubelet is away"));
  for (std::size_t n = 1; n <= 2; ++n) {
    round(1 + n);
    ASSERT_TRUE(until([&] { return counted("summaries_failed") >= static_cast<double>(n); }));
    EXPECT_NE(told(percent_).back(), "ended") << n;
  }
  round(4);
  ASSERT_TRUE(until([&] { return told(percent_).back() == "ended"; }));
  const auto answer = instance_->pull();
  EXPECT_NE(answer.text.find("kubelet is away"), answer.text.npos) << answer.text;
}

TEST_F(Claims, ARefusedSummaryNamesTheRule) {
  say(ApiServer::refusal(403, "forbidden"));
  begin_watching();
  round(1);
  ASSERT_TRUE(until([&] { return instance_->pull().status == TSN_DENIED; }));
  const auto text = instance_->pull().text;
  EXPECT_NE(text.find(R"(resources: ["nodes/proxy"], verbs: ["get"])"), text.npos) << text;
}

TEST_F(Claims, OnlyOfNamespacesThatAreWatched) {
  say(summary("data", "910"));
  server_.put(nodes, "n1", node_json);
  begin({"nodes", "volumes"}, Value::table({{"namespaces", Value::array({"shop"})}}));
  ASSERT_TRUE(watched(nodes));
  round(1);
  round(2);
  EXPECT_TRUE(told(percent_).empty());
}

// ---- credentials

TEST_F(Cluster, ATokenFileIsReadAgainForEachRequest) {
  const std::string file = ::testing::TempDir() + "kube-token-" + std::to_string(::getpid());
  std::ofstream(file) << "first\n";
  begin({"pods"}, Value::table({{"token_file", file}, {"insecure_token", true}}));
  ASSERT_TRUE(watched(pods));
  EXPECT_NE(server_.last(pods, true).head.find("Authorization: Bearer first\r\n"), std::string::npos);
  std::ofstream(file) << "second\n";
  server_.cut();
  ASSERT_TRUE(until([&] { return host_.timers() > 0; }));
  host_.advance(2min);
  ASSERT_TRUE(watched(pods, 2));
  EXPECT_NE(server_.last(pods, true).head.find("Authorization: Bearer second\r\n"), std::string::npos);
  ::unlink(file.c_str());
}

TEST_F(Cluster, ATokenFileThatIsMissingIsToldAndWaitedFor) {
  const std::string file = ::testing::TempDir() + "kube-late-" + std::to_string(::getpid());
  begin({"pods"}, Value::table({{"token_file", file}, {"insecure_token", true}}));
  ASSERT_TRUE(until([&] { return host_.timers() > 0; }));
  const auto answer = instance_->pull();
  EXPECT_EQ(answer.status, TSN_DENIED);
  EXPECT_NE(answer.text.find("token_file " + file), answer.text.npos) << answer.text;
  std::ofstream(file) << "there\n";
  host_.advance(2min);
  EXPECT_TRUE(watched(pods));
  ::unlink(file.c_str());
}

TEST_F(Cluster, AProbeTellsOfEachList) {
  server_.answers([](const ApiServer::Request& request) {
    return request.path == events ? ApiServer::refusal(403, "no") : std::string();
  });
  auto config = Value::table({{"url", server_.url()}, {"watch", Value::array({"pods", "events"})}});
  instance_ = host_.create("kubernetes", config, "cluster");
  std::string report;
  EXPECT_EQ(instance_->probe(report).status, TSN_OK);
  EXPECT_NE(report.find("may list /api/v1/pods\n"), report.npos) << report;
  EXPECT_NE(report.find("error: " + server_.url() + ": list events: HTTP 403"), report.npos) << report;
  EXPECT_EQ(host_.rows().size(), 0u);
}

// ---- options

TEST_F(Cluster, WhatIsWrongInTheOptionsIsSaidWithTheRemedy) {
  const std::pair<Value, std::string> cases[] = {
      {Value::table({{"url", "ftp://x"}}), "url: expected https://"},
      {Value::table({{"url", "https://u:p@x"}}), "no user or password"},
      {Value::table({{"url", "http://x"}, {"token", "t"}}), "in clear over http"},
      {Value::table({{"url", "https://x"}, {"kubeconfig", "/x"}}), "set one of the two"},
      {Value::table({{"url", "https://x"}, {"token", "t"}, {"token_file", "/x"}}), "set one of the two"},
      {Value::table({{"url", "https://x"}, {"token", "a\nb"}}), "more than one line"},
      {Value::table({{"url", "https://x"}, {"cert_file", "/x"}}), "belong together"},
      {Value::table({{"kubeconfig", "/nowhere/config"}}), "kubeconfig /nowhere/config: No such file"},
      {Value::table({{"url", "https://x"}, {"watch", Value::array({"podz"})}}), "\"podz\" is none of pods"},
      {Value::table({{"url", "https://x"}, {"watch", Value::array({"volumes"})}}), "volumes need nodes"},
      {Value::table({{"url", "https://x"}, {"node", "n1"}, {"watch", Value::array({"events"})}}), "agent without node"},
      {Value::table({{"url", "https://x"}, {"node", "env:TOCSIN_NO_SUCH_NAME"}}), "fieldRef spec.nodeName"},
      {Value::table({{"url", "https://x"}, {"node", "a/b"}}), "no name of a node"},
      {Value::table({{"url", "https://x"}, {"namespaces", Value::array({"a/b"})}}), "no name of a namespace"},
      {Value::table({{"url", "https://x"}, {"namespaces", Value::array({"."})}}), "and there is none"}};
  for (const auto& [config, expected] : cases) {
    try {
      host_.create("kubernetes", config);
      ADD_FAILURE() << "accepted: " << expected;
    } catch (const tsn::Failure& failure) {
      EXPECT_EQ(failure.status().value(), TSN_INVALID) << failure.what();
      EXPECT_NE(std::string(failure.what()).find(expected), std::string::npos) << failure.what();
    }
  }
}

TEST_F(Cluster, TheNodesNameComesFromTheEnvironment) {
  ::setenv("TOCSIN_TEST_NODE", "n7", 1);
  begin({"pods"}, Value::table({{"node", "env:TOCSIN_TEST_NODE"}}));
  ::unsetenv("TOCSIN_TEST_NODE");
  ASSERT_TRUE(watched(pods));
  EXPECT_EQ(server_.last(pods, true).value("fieldSelector"), "spec.nodeName%3Dn7");
}

TEST_F(Cluster, OutsideOfAClusterItSaysWhatToSet) {
  ::unsetenv("KUBERNETES_SERVICE_HOST");
  instance_ = host_.create("kubernetes", Value::table({{"watch", Value::array({"pods"})}}));
  EXPECT_EQ(instance_->start().status, TSN_OK);
  ASSERT_TRUE(until([&] { return host_.timers() > 0; }));
  const auto answer = instance_->pull();
  EXPECT_EQ(answer.status, TSN_DENIED);
  EXPECT_NE(answer.text.find("set url and token, or kubeconfig"), answer.text.npos) << answer.text;
}

TEST_F(Cluster, AReplayAsksNobody) {
  host_.replay = true;
  begin({"pods"});
  EXPECT_EQ(instance_->pull().status, TSN_END);
  EXPECT_EQ(server_.requests().size(), 0u);
}

}  // namespace
}  // namespace tocsin_plugins::kube::testing
