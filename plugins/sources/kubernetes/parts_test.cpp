// What objects say, lines, the event log, credentials.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "event_log.hpp"
#include "kubeconfig.hpp"
#include "kubernetes_api/transport.hpp"
#include "lines.hpp"
#include "reader.hpp"
#include "settings.hpp"

namespace tocsin_plugins::kube {
namespace {

// ---- facts

/// "name{labels} value", one a line, without the labels namespace and the object's own.
std::string facts_of(Kind kind, const std::string& json) {
  simdjson::dom::parser parser;
  Object object;
  if (!read_object(kind, parser.parse(json).value(), object)) return "no object";
  std::string all;
  for (const auto& fact : object.facts) {
    std::string labels;
    for (const auto& [key, value] : fact.labels)
      if (!value.empty() && key != "namespace" && key != "pod" && key != "job" && key != "deployment" && key != "node")
        labels += (labels.empty() ? "" : ",") + std::string(key) + "=" + value;
    all += std::string(fact.name.substr(11)) + "{" + labels + "} " + std::to_string(std::lround(fact.value)) +
           (fact.text.empty() ? "" : " " + fact.text) + "\n";
  }
  return all;
}

TEST(Facts, OfAPodThatCrashes) {
  EXPECT_EQ(facts_of(Kind::pods, R"({"metadata":{"name":"p","namespace":"n"},"status":{"phase":"Running",
    "conditions":[{"type":"PodScheduled","status":"True"},{"type":"Ready","status":"False"}],
    "initContainerStatuses":[{"name":"init","restartCount":0,"state":{"terminated":{"exitCode":0,"reason":"Completed"}}}],
    "containerStatuses":[{"name":"app","restartCount":12,"state":{"waiting":{"reason":"CrashLoopBackOff","message":"back-off 5m0s"}},
      "lastState":{"terminated":{"exitCode":137,"reason":"OOMKilled"}}}]}})"),
            "pod.phase{phase=Running} 1\n"
            "pod.ready{} 0\n"
            "container.restarts{container=init} 0\n"
            "container.terminated{container=init,reason=Completed} 0\n"
            "container.restarts{container=app} 12\n"
            "container.waiting{container=app,reason=CrashLoopBackOff} 1 back-off 5m0s\n"
            "container.terminated{container=app,reason=OOMKilled} 137\n");
}

TEST(Facts, OfAPodThatNobodyTakes) {
  EXPECT_EQ(facts_of(Kind::pods, R"({"metadata":{"name":"p","namespace":"n"},"status":{"phase":"Pending","conditions":
    [{"type":"PodScheduled","status":"False","reason":"Unschedulable","message":"0/3 nodes"}]}})"),
            "pod.phase{phase=Pending} 1\npod.unschedulable{} 1 0/3 nodes\n");
}

TEST(Facts, APodThatIsOverIsNotUnready) {
  EXPECT_EQ(
      facts_of(Kind::pods, R"({"metadata":{"name":"p","namespace":"n"},"status":{"phase":"Failed","reason":"Evicted",
    "message":"disk","conditions":[{"type":"Ready","status":"False"}]}})"),
      "pod.phase{phase=Failed,reason=Evicted} 1 disk\n");
}

TEST(Facts, OfANode) {
  EXPECT_EQ(facts_of(Kind::nodes, R"({"metadata":{"name":"n1"},"spec":{"unschedulable":true},"status":{"conditions":[
    {"type":"DiskPressure","status":"True","reason":"KubeletHasDiskPressure","message":"full"},
    {"type":"Ready","status":"Unknown","reason":"NodeStatusUnknown"}]}})"),
            "node.unschedulable{} 1\n"
            "node.condition{condition=DiskPressure,status=True} 1 KubeletHasDiskPressure: full\n"
            "node.condition{condition=Ready,status=Unknown} 1 NodeStatusUnknown\n");
}

TEST(Facts, OfAJobThatFailed) {
  EXPECT_EQ(
      facts_of(Kind::jobs,
               R"({"metadata":{"name":"load-28","namespace":"n","ownerReferences":[{"kind":"CronJob","name":"load"}]},
    "status":{"failed":7,"startTime":"2026-11-20T10:00:00Z","conditions":[{"type":"Failed","status":"True",
    "reason":"BackoffLimitExceeded","message":"too often","lastTransitionTime":"2026-11-20T10:02:00Z"}]}})"),
      "job.status{cronjob=load,status=Failed,reason=BackoffLimitExceeded} 1 too often\n"
      "job.failed_pods{cronjob=load} 7\n"
      "job.duration{cronjob=load} 120\n");
}

TEST(Facts, OfAJobThatIsDoneAndOneThatWaits) {
  EXPECT_EQ(facts_of(Kind::jobs, R"({"metadata":{"name":"j","namespace":"n"},"status":{"succeeded":1,
    "startTime":"2026-11-20T10:00:00Z","completionTime":"2026-11-20T10:00:30Z","conditions":[{"type":"Complete","status":"True"}]}})"),
            "job.status{status=Complete} 1\njob.failed_pods{} 0\njob.duration{} 30\n");
  EXPECT_EQ(facts_of(Kind::jobs, R"({"metadata":{"name":"j","namespace":"n"}})"),
            "job.status{status=Pending} 1\njob.failed_pods{} 0\n");
}

TEST(Facts, OfADeploymentThatStalls) {
  EXPECT_EQ(facts_of(Kind::deployments, R"({"metadata":{"name":"d","namespace":"n"},"spec":{"replicas":3},"status":
    {"availableReplicas":1,"unavailableReplicas":2,"conditions":[{"type":"Progressing","status":"False",
    "reason":"ProgressDeadlineExceeded","message":"timed out"}]}})"),
            "deployment.desired{} 3\ndeployment.available{} 1\ndeployment.unavailable{} 2\n"
            "deployment.stalled{reason=ProgressDeadlineExceeded} 1 timed out\n");
}

TEST(Facts, OfAnEventOfAContainer) {
  const std::string json = R"({"metadata":{"name":"e","namespace":"n","uid":"u"},"type":"Warning","reason":"BackOff",
    "message":"Back-off","involvedObject":{"kind":"Pod","namespace":"n","name":"p","fieldPath":"spec.containers{app}"},
    "series":{"count":9,"lastObservedTime":"2026-11-20T10:00:05.123456Z"},"lastTimestamp":null})";
  EXPECT_EQ(facts_of(Kind::events, json),
            "event{kind=Pod,name=p,container=app,type=Warning,reason=BackOff} 1 Back-off\n");
  simdjson::dom::parser parser;
  Object object;
  ASSERT_TRUE(read_object(Kind::events, parser.parse(json).value(), object));
  EXPECT_EQ(object.count, 9u);
  EXPECT_EQ(object.at, 1795168805'123456000);
  EXPECT_EQ(object.key, "u");
}

TEST(Facts, WhatIsMissingOrOfAnotherTypeIsPassedOver) {
  EXPECT_EQ(facts_of(Kind::pods, R"({"metadata":{"name":"p"},"status":[1]})"), "pod.phase{phase=Unknown} 1\n");
  EXPECT_EQ(facts_of(Kind::pods,
                     R"({"metadata":{"name":"p"},"status":{"phase":7,"conditions":{},"containerStatuses":[3,{}]}})"),
            "pod.phase{phase=Unknown} 1\n");
  EXPECT_EQ(facts_of(Kind::pods, R"({"metadata":{}})"), "no object");
  EXPECT_EQ(facts_of(Kind::pods, "[]"), "no object");
}

TEST(Facts, TextsAreCutBetweenTwoLetters) {
  std::string long_text;
  for (int i = 0; i < 3000; ++i) long_text += "\u0645";
  simdjson::dom::parser parser;
  Object object;
  ASSERT_TRUE(read_object(
      Kind::nodes,
      parser
          .parse(R"({"metadata":{"name":"n"},"status":{"conditions":[{"type":"T","status":"True","message":")" +
                 long_text + "x\"}]}}")
          .value(),
      object));
  EXPECT_EQ(object.facts.back().text.size(), 4096u);
}

// ---- lines

TEST(Lines, GivesWholeLinesOnly) {
  Lines lines(10);
  std::string got;
  const auto take = [&](std::string_view line) { return got += "[" + std::string(line) + "]", true; };
  EXPECT_TRUE(lines.feed("one\ntw", take));
  EXPECT_TRUE(lines.feed("o\n\n\nthree", take));
  EXPECT_EQ(got, "[one][two]");
  lines.reset();
  EXPECT_TRUE(lines.feed("four\n", take));
  EXPECT_EQ(got, "[one][two][four]");
}

TEST(Lines, ALineThatIsTooLongIsPassedOverWhateverItsPieces) {
  Lines lines(10);
  std::string got;
  const auto take = [&](std::string_view line) { return got += "[" + std::string(line) + "]", true; };
  for (int i = 0; i < 1000; ++i) lines.feed("0123456", take);
  EXPECT_EQ(lines.kept(), 0u);
  lines.feed("\nafter\n01234567890\n0123456789\n", take);
  EXPECT_EQ(got, "[after][0123456789]");
  EXPECT_EQ(lines.take_skipped(), 2u);
}

TEST(Lines, EndWhenTheTakerHasEnough) {
  Lines lines(10);
  int count = 0;
  EXPECT_FALSE(lines.feed("a\nb\n", [&](std::string_view) { return ++count < 1; }));
  EXPECT_EQ(count, 1);
}

// ---- events

Object seen(const std::string& uid, std::uint64_t count, tsn::Time at) {
  Object made;
  made.key = uid, made.count = count, made.at = at;
  return made;
}

TEST(Events, ARiseIsToldOnce) {
  EventLog log;
  EXPECT_EQ(log.rise(seen("a", 1, 10), EventLog::Seen::added, 0), 1u);
  EXPECT_EQ(log.rise(seen("a", 4, 20), EventLog::Seen::modified, 0), 3u);
  EXPECT_EQ(log.rise(seen("a", 4, 20), EventLog::Seen::modified, 0), 0u) << "something else of it changed";
  EXPECT_EQ(log.rise(seen("a", 4, 30), EventLog::Seen::modified, 0), 1u) << "again, where nobody counts";
  EXPECT_EQ(log.rise(seen("a", 4, 30), EventLog::Seen::listed, 0), 0u);
}

TEST(Events, AreForgottenWithTheServersOwn) {
  EventLog log;
  for (const auto uid : {"a", "b", "c"}) log.rise(seen(uid, 1, 10), EventLog::Seen::added, 0);
  log.remove("a");
  EXPECT_EQ(log.size(), 2u);
  log.begin_list();
  log.rise(seen("c", 1, 10), EventLog::Seen::listed, 0);
  log.end_list();
  EXPECT_EQ(log.size(), 1u);
}

// ---- credentials

TEST(Base64, IsDecodedOrRefused) {
  std::string out;
  const std::pair<const char*, const char*> good[] = {
      {"", ""}, {"Zg==", "f"}, {"Zm8=", "fo"}, {"Zm9v", "foo"}, {"Zm9v\nYmE=", "fooba"}, {"+/+/", "\xfb\xff\xbf"}};
  for (const auto& [text, expected] : good) {
    EXPECT_TRUE(decode_base64(text, out)) << text;
    EXPECT_EQ(out, expected);
  }
  for (const auto text : {"Z", "Zg", "Zg=", "Zm9v=", "Zg==Zg==", "Z!==", "Zm8=="})
    EXPECT_FALSE(decode_base64(text, out)) << text;
}

const std::string kubeconfig = R"(
apiVersion: v1
kind: Config
current-context: prod
contexts:
- {name: prod, context: {cluster: c1, user: token-user, namespace: etl}}
- {name: cert, context: {cluster: c1, user: cert-user}}
- {name: eks, context: {cluster: c1, user: exec-user}}
- {name: bare, context: {cluster: c2, user: token-user}}
- {name: lost, context: {cluster: nowhere, user: token-user}}
clusters:
- {name: c1, cluster: {server: "https://10.0.0.1:6443/", certificate-authority-data: Q0E=}}
- {name: c2, cluster: {server: "https://10.0.0.1:6443", insecure-skip-tls-verify: true}}
users:
- {name: token-user, user: {token: s3cret}}
- {name: cert-user, user: {client-certificate: pki/me.crt, client-key: /pki/me.key}}
- {name: exec-user, user: {exec: {command: aws}}}
)";

TEST(Kubeconfig, GivesServerCaAndToken) {
  const auto access = read_kubeconfig(kubeconfig, "config", "/home/me/.kube", "");
  EXPECT_EQ(access.url, "https://10.0.0.1:6443");
  EXPECT_EQ(access.ca.text, "CA");
  EXPECT_EQ(access.current_token(), "s3cret");
  EXPECT_EQ(access.name, "etl");
}

TEST(Kubeconfig, FilesAreBesideIt) {
  const auto access = read_kubeconfig(kubeconfig, "config", "/home/me/.kube", "cert");
  EXPECT_EQ(access.cert.file, "/home/me/.kube/pki/me.crt");
  EXPECT_EQ(access.key.file, "/pki/me.key");
  EXPECT_EQ(access.current_token(), "");
}

TEST(Kubeconfig, WhatCannotBeIsRefusedWithTheRemedy) {
  const auto why = [](const std::string& text, const std::string& context) -> std::string {
    try {
      read_kubeconfig(text, "config", ".", context);
      return "accepted";
    } catch (const tsn::Failure& failure) {
      return failure.what();
    }
  };
  EXPECT_NE(why(kubeconfig, "eks").find("kubectl create token"), std::string::npos) << why(kubeconfig, "eks");
  EXPECT_NE(why(kubeconfig, "bare").find("always verified"), std::string::npos);
  EXPECT_NE(why(kubeconfig, "lost").find("clusters has no entry \"nowhere\""), std::string::npos);
  EXPECT_NE(why(kubeconfig, "none").find("contexts has no entry \"none\""), std::string::npos);
  EXPECT_NE(why("a: [", "").find("config: line "), std::string::npos) << why("a: [", "");
  EXPECT_NE(why("[1]", "").find("expected a table"), std::string::npos);
  EXPECT_NE(why("a: 1", "").find("set context"), std::string::npos);
  EXPECT_EQ(why(kubeconfig, "eks").find("s3cret"), std::string::npos);
}

TEST(ServiceAccount, IsWhatThePodHas) {
  namespace fs = std::filesystem;
  const fs::path directory = fs::path(::testing::TempDir()) / ("kube-account-" + std::to_string(::getpid()));
  fs::create_directories(directory);
  std::ofstream(directory / "namespace") << "etl";
  std::ofstream(directory / "token") << "one\n";
  ::setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
  ::setenv("KUBERNETES_SERVICE_PORT", "6443", 1);
  const auto access = of_pod(directory.string());
  ::unsetenv("KUBERNETES_SERVICE_HOST");
  ::unsetenv("KUBERNETES_SERVICE_PORT");
  EXPECT_EQ(access.url, "https://[fd00::1]:6443");
  EXPECT_EQ(access.name, "etl");
  EXPECT_EQ(access.ca.file, (directory / "ca.crt").string());
  EXPECT_EQ(access.current_token(), "one");
  std::ofstream(directory / "token") << "two";
  EXPECT_EQ(access.current_token(), "two") << "it was replaced";
  std::ofstream(directory / "token") << "\n";
  EXPECT_THROW(static_cast<void>(access.current_token()), tsn::Failure);
  EXPECT_EQ(of_pod(directory.string()).url, "https://kubernetes.default.svc");
  fs::remove_all(directory);
}

TEST(Escape, LeavesNothingThatWouldMeanSomethingElse) {
  EXPECT_EQ(escape("a-b_c.d~1"), "a-b_c.d~1");
  EXPECT_EQ(escape("a=b&c d/\n"), "a%3Db%26c%20d%2F%0A");
}

}  // namespace
}  // namespace tocsin_plugins::kube
