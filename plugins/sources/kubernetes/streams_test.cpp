// Lists and watches: pages, bookmarks, forgotten versions, streams that are cut.
#include "cluster_fixture.hpp"
#include "kubernetes_api/ask.hpp"

namespace tocsin_plugins::kube::testing {
namespace {

TEST_F(Cluster, TellsWhatTheListHasAndWhatTheWatchChanges) {
  server_.put(pods, "a", pod("a", 2));
  begin({"pods"});
  ASSERT_TRUE(watched(pods));
  ASSERT_TRUE(has_told(restarts("a")));
  server_.put(pods, "a", pod("a", 3, "CrashLoopBackOff"));
  ASSERT_TRUE(has_told(waiting("a", "CrashLoopBackOff")));
  EXPECT_EQ(told(restarts("a")), (Told{"2", "3"}));
  EXPECT_EQ(told("kubernetes.pod.ready{namespace=etl,node=n1,pod=a}"), (Told{"1", "0"}));
  EXPECT_EQ(told("kubernetes.pod.phase{namespace=etl,node=n1,phase=Running,pod=a}"), Told{"1"}) << "it did not change";
}

TEST_F(Cluster, AReasonThatIsOverEndsItsSeries) {
  server_.put(pods, "a", pod("a", 1, "ImagePullBackOff"));
  begin({"pods"});
  ASSERT_TRUE(has_told(waiting("a", "ImagePullBackOff")));
  ASSERT_TRUE(watched(pods));
  server_.put(pods, "a", pod("a", 1));
  ASSERT_TRUE(has_told(waiting("a", "ImagePullBackOff"), 2));
  EXPECT_EQ(told(waiting("a", "ImagePullBackOff")), (Told{"1", "ended"}));
}

TEST_F(Cluster, ADeletedPodEndsItsSeries) {
  server_.put(pods, "a", pod("a", 1));
  begin({"pods"});
  ASSERT_TRUE(watched(pods));
  server_.remove(pods, "a");
  ASSERT_TRUE(has_told(restarts("a"), 2));
  EXPECT_EQ(told(restarts("a")), (Told{"1", "ended"}));
  host_.clear();
  EXPECT_EQ(instance_->pull().status, TSN_OK);
  EXPECT_EQ(host_.rows().size(), 0u) << "and it is not told again";
}

TEST_F(Cluster, ReadsAListPageByPage) {
  server_.pages_of(2);
  for (const auto name : {"a", "b", "c", "d", "e"}) server_.put(pods, name, pod(name, 1));
  begin({"pods"});
  ASSERT_TRUE(watched(pods));
  for (const auto name : {"a", "b", "c", "d", "e"}) EXPECT_TRUE(has_told(restarts(name))) << name;
  EXPECT_EQ(server_.lists(pods), 3u);
  EXPECT_EQ(server_.last(pods, true).value("resourceVersion"), std::to_string(server_.version()));
  EXPECT_EQ(server_.last(pods, true).value("allowWatchBookmarks"), "true");
}

TEST_F(Cluster, BeginsAListAnewWhenItsNextPageHasExpired) {
  server_.pages_of(2);
  for (const auto name : {"a", "b", "c"}) server_.put(pods, name, pod(name, 1));
  const auto expired = std::make_shared<std::atomic<bool>>(false);
  server_.answers([expired](const ApiServer::Request& request) {
    if (request.value("continue").empty() || expired->exchange(true)) return std::string();
    return ApiServer::refusal(410, "The provided continue parameter is too old");
  });
  begin({"pods"});
  ASSERT_TRUE(watched(pods));
  EXPECT_TRUE(has_told(restarts("c")));
  EXPECT_EQ(told(restarts("a")), Told{"1"}) << "once, although it was listed twice";
  EXPECT_EQ(server_.lists(pods), 4u);
}

TEST_F(Cluster, AForgottenVersionIsListedAgainAndOnlyWhatChangedIsTold) {
  server_.put(pods, "a", pod("a", 1));
  server_.put(pods, "b", pod("b", 1));
  server_.put(pods, "c", pod("c", 1));
  begin({"pods"});
  ASSERT_TRUE(watched(pods));
  server_.change_silently(pods, "b", pod("b", 5));
  server_.change_silently(pods, "c", "");
  server_.compact();
  server_.cut();
  ASSERT_TRUE(until([&] { return host_.timers() > 0; }));
  host_.advance(2min);
  ASSERT_TRUE(until([&] { return server_.lists(pods) == 2; }));
  ASSERT_TRUE(has_told(restarts("c"), 2));
  EXPECT_EQ(told(restarts("a")), Told{"1"});
  EXPECT_EQ(told(restarts("b")), (Told{"1", "5"}));
  EXPECT_EQ(told(restarts("c")), (Told{"1", "ended"}));
}

TEST_F(Cluster, AnErrorEvent410IsListedAgainAtOnce) {
  server_.put(pods, "a", pod("a", 1));
  begin({"pods"});
  ASSERT_TRUE(watched(pods));
  server_.change_silently(pods, "a", pod("a", 7));
  server_.line(pods, R"({"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"RV"}})"
                     "\n");
  EXPECT_TRUE(has_told(restarts("a"), 2));
  EXPECT_EQ(server_.lists(pods), 2u);
  EXPECT_EQ(counted("versions_forgotten"), 1);
}

TEST_F(Cluster, AnotherErrorEventIsTriedAgainLater) {
  begin({"pods"});
  ASSERT_TRUE(watched(pods));
  server_.line(pods, R"({"type":"ERROR","object":{"kind":"Status","code":500,"message":"etcd RV"}})"
                     "\n");
  ASSERT_TRUE(until([&] { return host_.timers() > 0; }));
  const auto answer = instance_->pull();
  EXPECT_EQ(answer.status, TSN_FAILED);
  EXPECT_NE(answer.text.find("500 etcd"), answer.text.npos) << answer.text;
  host_.advance(2min);
  EXPECT_TRUE(watched(pods, 2));
  EXPECT_TRUE(until([&] { return instance_->pull().status == TSN_OK; }));
}

TEST_F(Cluster, AWatchThatIsCutGoesOnFromTheLastBookmark) {
  server_.put(pods, "a", pod("a", 1));
  begin({"pods"});
  ASSERT_TRUE(watched(pods));
  server_.line(pods, R"({"type":"BOOKMARK","object":{"kind":"Pod","metadata":{"resourceVersion":"RV"}}})"
                     "\n");
  const auto bookmark = server_.version();
  server_.put(pods, "a", pod("a", 2));
  ASSERT_TRUE(has_told(restarts("a"), 2));
  server_.line(pods, R"({"type":"BOOKMARK","object":{"kind":"Pod","metadata":{"resourceVersion":"RV"}}})"
                     "\n");
  server_.put(nodes, "unwatched", "{}");
  server_.end_watches();
  ASSERT_TRUE(watched(pods, 2));
  const auto version = std::stol(server_.last(pods, true).value("resourceVersion"));
  EXPECT_EQ(version, bookmark + 2);
  EXPECT_EQ(server_.lists(pods), 1u);
}

TEST_F(Cluster, ALineThatIsCutIsNotTakenAndComesAgain) {
  server_.put(pods, "a", pod("a", 1));
  begin({"pods"});
  ASSERT_TRUE(watched(pods));
  server_.line(pods, R"({"type":"MODIFIED","object":{"metadata":{"name":"a","namespace":"etl","resourceVer)");
  server_.cut();
  ASSERT_TRUE(until([&] { return host_.timers() > 0; }));
  server_.put(pods, "a", pod("a", 4));
  host_.advance(2min);
  ASSERT_TRUE(has_told(restarts("a"), 2));
  EXPECT_EQ(told(restarts("a")), (Told{"1", "4"}));
  EXPECT_EQ(server_.lists(pods), 1u);
  EXPECT_EQ(counted("lines_unreadable"), 0);
}

TEST_F(Cluster, AStreamThatComesByteByByteIsReadTheSame) {
  server_.slowly();
  begin({"pods"});
  ASSERT_TRUE(watched(pods));
  server_.put(pods, "a", pod("a", 1));
  server_.put(pods, "a", pod("a", 2));
  ASSERT_TRUE(has_told(restarts("a"), 2));
  EXPECT_EQ(told(restarts("a")), (Told{"1", "2"}));
}

TEST_F(Cluster, AnObjectThatIsTooLargeIsPassedOverAndCounted) {
  begin({"pods"}, Value::table({{"max_object", 16 << 10}}));
  ASSERT_TRUE(watched(pods));
  server_.put(pods, "big", pod("big" + std::string(20'000, 'x'), 1));
  server_.put(pods, "a", pod("a", 1));
  ASSERT_TRUE(has_told(restarts("a")));
  EXPECT_EQ(counted("objects_too_large"), 1);
  EXPECT_EQ(server_.lists(pods), 1u) << "the stream goes on";
}

TEST_F(Cluster, ALineThatIsNoJsonIsCountedAndTheListReadAgain) {
  begin({"pods"});
  ASSERT_TRUE(watched(pods));
  server_.line(pods, "<html>RV\n");
  ASSERT_TRUE(until([&] { return host_.timers() > 0; }));
  EXPECT_EQ(counted("lines_unreadable"), 1);
  host_.advance(2min);
  EXPECT_TRUE(watched(pods, 2));
  EXPECT_EQ(server_.lists(pods), 2u);
}

TEST_F(Cluster, APageThatIsTooLongIsAskedForInSmallerOnes) {
  const auto large = "\",\"filler\":\"" + std::string(6 << 20, 'x');
  for (const auto name : {"a", "b"}) server_.put(pods, name, pod(name, 1, "Waiting" + large));
  server_.answers([](const ApiServer::Request& request) {
    return request.watches() || request.value("limit") == "1" ? std::string()
                                                              : ApiServer::answer(200, std::string(9 << 20, ' '));
  });
  server_.pages_of(1);
  begin({"pods"});
  ASSERT_TRUE(until([&] { return server_.watches(pods) == 1; }, 30s));
  EXPECT_TRUE(has_told(restarts("b")));
}

TEST_F(Cluster, WaitsAsLongAsTheServerSays) {
  const auto busy = std::make_shared<std::atomic<bool>>(true);
  server_.answers([busy](const ApiServer::Request&) {
    return *busy ? ApiServer::refusal(429, "Too many requests", "Retry-After: 30\r\n") : std::string();
  });
  begin({"pods"});
  ASSERT_TRUE(until([&] { return host_.timers() > 0; }));
  host_.advance(29s);
  EXPECT_EQ(server_.requests().size(), 1u);
  *busy = false;
  host_.advance(2s);
  EXPECT_TRUE(watched(pods));
}

TEST_F(Cluster, WaitsLongerEachTimeWhileTheServerIsDown) {
  server_.answers([](const ApiServer::Request&) { return ApiServer::refusal(503, "down"); });
  begin({"pods"});
  for (std::size_t asked = 1; asked < 9; ++asked) {
    ASSERT_TRUE(until([&] { return server_.requests().size() == asked && host_.timers() == 1; })) << asked;
    if (asked == 8) break;
    host_.advance(1min);
  }
  host_.advance(29s);
  EXPECT_EQ(server_.requests().size(), 8u) << "by now it waits at least half a minute";
}

TEST_F(Cluster, ARefusalNamesVerbResourceNamespaceAndTheRuleToAdd) {
  server_.answers([](const ApiServer::Request&) {
    return ApiServer::refusal(403, R"(pods is forbidden: User \"system:serviceaccount:etl:tocsin\" cannot list)");
  });
  begin({"pods"}, Value::table({{"namespaces", Value::array({"etl"})}}));
  ASSERT_TRUE(until([&] { return host_.timers() > 0; }));
  const auto answer = instance_->pull();
  EXPECT_EQ(answer.status, TSN_DENIED);
  for (const auto part :
       {"list pods in namespace etl", "HTTP 403", "system:serviceaccount:etl:tocsin", "add to its Role in etl",
        R"({apiGroups: [""], resources: ["pods"], verbs: ["list", "watch"]})"})
    EXPECT_NE(answer.text.find(part), answer.text.npos) << part << "\n" << answer.text;
  EXPECT_TRUE(host_.logged("HTTP 403"));
}

TEST_F(Cluster, AForbiddenWatchIsToldAsSuch) {
  server_.answers([](const ApiServer::Request& request) {
    return request.watches() ? ApiServer::refusal(403, "cannot watch") : std::string();
  });
  begin({"jobs"});
  ASSERT_TRUE(until([&] { return host_.timers() > 0; }));
  const auto answer = instance_->pull();
  EXPECT_EQ(answer.status, TSN_DENIED);
  EXPECT_NE(answer.text.find("watch jobs: HTTP 403"), answer.text.npos) << answer.text;
  EXPECT_NE(answer.text.find("ClusterRole"), answer.text.npos) << answer.text;
}

TEST_F(Cluster, AnAnswerThatFallsSilentIsGivenUpAndIsKnownAsSuch) {
  Access access;
  access.url = server_.url();
  Transport transport(access);
  const auto answer =
      ask(transport,
          {.path = std::string(pods) + "?watch=true&resourceVersion=" + std::to_string(server_.version()),
           .time = 60s,
           .silence = 1s},
          1u << 20, [] { return false; });
  EXPECT_EQ(answer.outcome.status, 200);
  EXPECT_TRUE(answer.outcome.silent) << answer.outcome.error;
  EXPECT_FALSE(answer.ok());
}

TEST_F(Cluster, StopsAtOnceWhileItWatches) {
  begin({"pods", "nodes", "events"});
  ASSERT_TRUE(watched(pods) && watched(nodes) && watched(events));
  const auto begun = std::chrono::steady_clock::now();
  instance_->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 2s);
  EXPECT_TRUE(host_.violations().empty());
}

TEST_F(Cluster, KeepsWhatAFullAgentDoesNotTake) {
  host_.refuse_submits(3);
  server_.put(pods, "a", pod("a", 1));
  begin({"pods"});
  EXPECT_TRUE(has_told(restarts("a")));
  EXPECT_EQ(told(restarts("a")), Told{"1"});
}

TEST_F(Cluster, MoreThanABatchHoldsWhileTheAgentIsFullIsToldInTheEnd) {
  constexpr int many = 280, containers = 250;  // more than tsn::Batch::bound, in one page
  std::string statuses;
  for (int i = 0; i < containers; ++i)
    statuses += (i ? "," : "") + (R"({"name":"c)" + std::to_string(i)) + R"(","restartCount":1})";
  for (int i = 0; i < many; ++i) {
    const auto name = "p" + std::to_string(i);
    server_.put(pods, name,
                R"({"metadata":{"name":")" + name +
                    R"(","namespace":"etl","resourceVersion":"RV"},"status":{"containerStatuses":[)" + statuses +
                    "]}}");
  }
  host_.refuse_submits(8);
  begin({"pods"});
  ASSERT_TRUE(until([&] { return host_.logged("lists are read again"); }, 30s));
  ASSERT_TRUE(until([&] { return server_.watches(pods) == 1; }, 30s));
  std::set<std::string> series;
  for (const auto& row : host_.rows()) series.insert(spelled(row));
  EXPECT_EQ(series.size(), static_cast<std::size_t>(many * (containers + 1)));
}

TEST_F(Cluster, AsksForOneNodeOnlyInADaemonSet) {
  begin({},
        Value::table({{"node", "n1"}, {"field_selector", "status.phase!=Succeeded"}, {"label_selector", "app=a b"}}));
  ASSERT_TRUE(watched(pods) && watched(nodes));
  EXPECT_EQ(server_.last(pods, false).value("fieldSelector"), "status.phase%21%3DSucceeded%2Cspec.nodeName%3Dn1");
  EXPECT_EQ(server_.last(pods, true).value("labelSelector"), "app%3Da%20b");
  EXPECT_EQ(server_.last(nodes, true).value("fieldSelector"), "metadata.name%3Dn1");
  EXPECT_EQ(server_.watches(events), 0u);
}

TEST_F(Cluster, WatchesEachNamespaceForItself) {
  begin({"pods", "nodes", "deployments"}, Value::table({{"namespaces", Value::array({"etl", "shop"})}}));
  for (const auto path : {"/api/v1/namespaces/etl/pods", "/api/v1/namespaces/shop/pods", "/api/v1/nodes",
                          "/apis/apps/v1/namespaces/etl/deployments", "/apis/apps/v1/namespaces/shop/deployments"})
    EXPECT_TRUE(watched(path)) << path;
  EXPECT_EQ(server_.watches(pods), 0u);
}

}  // namespace
}  // namespace tocsin_plugins::kube::testing
