// Annotations of pods, from an API server that a scripted one stands in for.
#include "pod_book.hpp"

#include "logtail_fixture.hpp"
#include "tocsin/testing/scripted_server.hpp"

namespace tocsin_plugins::logtail {
namespace {

using tsn::testing::ScriptedServer;

std::string pod(const std::string& name, const std::string& annotations) {
  return R"({"metadata":{"namespace":"shop","name":")" + name + R"(","annotations":{)" + annotations + "}}}";
}
std::string list(const std::string& items, const std::string& next = {}) {
  return R"(200 {"kind":"PartialObjectMetadataList","metadata":{"continue":")" + next + R"("},"items":[)" + items +
         "]}";
}

TEST(PodList, IsReadWithWhatIsOurs) {
  std::map<std::string, PodBook::Annotations> pods;
  std::string next;
  ASSERT_TRUE(PodBook::read_list(
      list(pod("a", R"("tocsin.io/logs":"false","other":"x","tocsin.io/parser":1)"), "tok").substr(4), pods, next));
  EXPECT_EQ(next, "tok");
  EXPECT_EQ(pods.at("shop/a"), (PodBook::Annotations{{"logs", "false"}}));
  for (const char* bad : {"", "{}", R"({"items":{}})", R"({"items":[)", "[]"})
    EXPECT_FALSE(PodBook::read_list(bad, pods, next)) << bad;
  EXPECT_TRUE(PodBook::read_list(R"({"items":[1,{},{"metadata":{"name":"x"}}]})", pods, next));
}

class Annotated : public LogtailFixture {
 protected:
  static std::string cri(const std::string& text) { return "2026-11-20T09:59:59Z stdout F " + text + "\n"; }
  void write(const std::string& name, const std::string& text) {
    const auto folder = "pods/shop_" + name + "_6f1c/app";
    fs::create_directories(path(folder));
    append(folder + "/0.log", text);
  }
  void start_on(const std::string& url, const std::string& more = {}) {
    std::ofstream(path("token")) << "s3cret\n";
    start_from_beginning(R"("kubernetes": true, "kubernetes_api": {"url": ")" + url +
                             R"(", "node": "n 1", "insecure_token": true, "token_file": ")" + path("token") +
                             R"(", "annotations": ["logs", "parser", "multiline", "match"]})" + more,
                         {"pods/*/*/*.log"});
  }
  /// Polls until `count` rows are there; the list comes in its own (real) time.
  void poll_for(std::size_t count) {
    for (int i = 0; i < 500 && host_.rows().size() < count; ++i) {
      poll();
      if (host_.rows().size() < count) host_.wait_for_rows(count, 10ms);
    }
    ASSERT_EQ(host_.rows().size(), count);
  }
};

TEST_F(Annotated, LogsAreTreatedAsTheirPodsSay) {
  ScriptedServer server(
      {list(pod("quiet", R"("tocsin.io/logs":"false")") + "," + pod("plain", ""), "more"),
       list(pod("json", R"("tocsin.io/parser.app":"json","tocsin.io/parser":"logfmt")") + "," +
            pod("java", R"("tocsin.io/multiline":"java")") + "," +
            pod("own", R"("tocsin.io/match":"[{\"signal\":\"mine\",\"pattern\":\"x=(?<x>\\\\d)\"}]")"))});
  write("quiet", cri("secret"));
  write("plain", cri("{\"level\":\"error\"}"));
  write("json", cri("{\"level\":\"error\"}"));
  write("java", cri("boom") + cri("\tat a.B") + cri("next"));
  write("own", cri("x=5"));
  start_on(server.url());
  poll();
  EXPECT_LE(host_.rows().size(), 0u) << "a pod's logs wait for what it says";
  poll_for(5);
  host_.advance(2s);
  std::map<std::string, std::string> of;
  for (const auto& row : host_.rows())
    of[row.label("pod")] += row.name + ":" + row.text + ":" + std::to_string(row.severity) + row.label("x") + ";";
  EXPECT_EQ(of, (std::map<std::string, std::string>{{"plain", "log.line:{\"level\":\"error\"}:0;"},
                                                    {"json", "log.line:{\"level\":\"error\"}:17;"},
                                                    {"java", "log.line:boom\n\tat a.B:0;log.line:next:0;"},
                                                    {"own", "log.line:x=5:0;mine:x=5:05;"}}));
  EXPECT_EQ(metric("lines_unwanted"), 1);
  source_.reset();
  ASSERT_EQ(server.requests().size(), 2u);
  const auto& first = server.requests()[0];
  EXPECT_TRUE(first.starts_with("GET /api/v1/pods?fieldSelector=spec.nodeName%3Dn%201&limit=500 ")) << first;
  EXPECT_NE(first.find("Authorization: Bearer s3cret\r\n"), std::string::npos) << first;
  EXPECT_NE(first.find("PartialObjectMetadataList"), std::string::npos) << first;
  EXPECT_NE(server.requests()[1].find("&continue=more "), std::string::npos);
}
TEST_F(Annotated, LogsAreReadAsTheSourceSaysWhereNobodyAnswers) {
  ScriptedServer server({"403 {}"});
  write("a", cri("x"));
  start_on(server.url());
  for (int i = 0; i < 500 && !host_.logged("403"); ++i) host_.wait_for_rows(1, 10ms);
  EXPECT_TRUE(host_.logged("ClusterRole"));
  poll();
  EXPECT_EQ(texts(), Texts{});
  host_.advance(11s);
  EXPECT_EQ(texts(), (Texts{"x"}));
  for (const auto& line : host_.logs()) EXPECT_EQ(line.text.find("s3cret"), std::string::npos) << line.text;
}
TEST_F(Annotated, LogsOfAWrongAnnotationAreReadAndItIsTold) {
  ScriptedServer server({list(pod(
      "a",
      R"("tocsin.io/parser":"xml","tocsin.io/match":"[{\"signal\":\"s\"}]","tocsin.io/multiline":"cobol","tocsin.io/logs":"no")"))});
  write("a", cri("x"));
  start_on(server.url());
  poll_for(1);
  for (const char* part : {"parser: expected json", "match[0]", "multiline: expected one of", "logs: expected"})
    EXPECT_TRUE(host_.logged(part)) << part;
}
TEST_F(Annotated, StopEndsWhileTheApiServerHangs) {
  ScriptedServer server({"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"});
  start_on(server.url());
  source_.reset();
}
TEST_F(Annotated, LogsRefuseAConfigurationWithAReason) {
  ::unsetenv("NODE_NAME");
  ::unsetenv("KUBERNETES_SERVICE_HOST");
  const std::pair<const char*, const char*> cases[] = {
      {R"({})", "kubernetes_api.url"},
      {R"({"url": "ftp://x"})", "https://"},
      {R"({"url": "http://127.0.0.1:1"})", "NODE_NAME"},
      {R"({"url": "http://127.0.0.1:1", "token_file": "/t"})", "in clear"},
      {R"({"url": "http://127.0.0.1:1", "node": "n", "annotations": ["log"]})", "multiline or match"},
      {R"({"url": "http://127.0.0.1:1", "node": "n", "tokne_file": "x"})", "tokne_file"}};
  for (const auto& [json, part] : cases) {
    const auto answer = refused(R"("kubernetes": true, "kubernetes_api": )" + std::string(json));
    EXPECT_EQ(answer.status, TSN_INVALID) << json;
    EXPECT_NE(answer.text.find(part), std::string::npos) << json << " answered " << answer.text;
  }
}

}  // namespace
}  // namespace tocsin_plugins::logtail
