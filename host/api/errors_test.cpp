// Each kind of error: the right status, a problem document, and words that help.
#include <future>
#include <latch>
#include <map>

#include "api/testing/fixture.hpp"

namespace tocsin::api {
namespace {

using testing::RawAnswer;

class Errors : public testing::ServerTest {
 protected:
  void SetUp() override { start(); }
  /// The problem of a request; checks what every problem has.
  base::Value problem(unsigned status, std::string_view method, std::string_view target, std::string_view body = {},
                      std::string_view headers = {}) {
    last = ask(method, target, body, headers);
    EXPECT_EQ(last.status, status) << target << " " << body << "\n" << last.body;
    EXPECT_EQ(last.headers["content-type"], "application/problem+json") << target;
    base::Value value = json(last.body);
    EXPECT_EQ(value.find("status")->number(), status);
    for (const char* member : {"type", "title", "detail", "instance"}) {
      EXPECT_NE(value.find(member), nullptr) << member;
    }
    return value;
  }
  RawAnswer last;
};

TEST_F(Errors, AnUnknownPathNamesTheNearestRoute) {
  base::Value value = problem(404, "GET", "/api/v1/incident/1042/timelin");
  EXPECT_EQ(text(value, "nearest"), "/api/v1/incidents/{id}/timeline");
  EXPECT_EQ(text(value, "instance"), "/api/v1/incident/1042/timelin");
  EXPECT_EQ(text(problem(404, "POST", "/api/v1/signal/bulk"), "nearest"), "/api/v1/signals/bulk");
  problem(404, "GET", "/completely/else/where/far");
}

TEST_F(Errors, AWrongMethodNamesTheRightOnes) {
  problem(405, "DELETE", "/api/v1/incidents");
  EXPECT_EQ(last.headers["allow"], "GET, HEAD, POST, OPTIONS");
  problem(405, "GET", "/api/v1/signals/bulk");
  EXPECT_EQ(last.headers["allow"], "POST, OPTIONS");
}

TEST_F(Errors, OptionsTellsTheMethods) {
  RawAnswer answer = ask("OPTIONS", "/api/v1/incidents/1/status");
  EXPECT_EQ(answer.status, 204u);
  EXPECT_EQ(answer.headers["allow"], "PUT, OPTIONS");
  EXPECT_EQ(ask("OPTIONS", "*").status, 204u);
  EXPECT_EQ(ask("OPTIONS", "/callbacks/sms").headers["allow"], "POST, OPTIONS");
}

TEST_F(Errors, ABadParameterIsNamedWithWhatWasGivenAndWhatIsValid) {
  struct Case {
    const char *target, *parameter, *given;
  };
  for (const Case& c : {
           Case{"/api/v1/incidents?limit=5000", "limit", "5000"},
           Case{"/api/v1/incidents?limit=0", "limit", "0"},
           Case{"/api/v1/incidents?limit=ten", "limit", "ten"},
           Case{"/api/v1/incidents?status=BROKEN", "status", "BROKEN"},
           Case{"/api/v1/incidents?severity=fatal", "severity", "fatal"},
           Case{"/api/v1/incidents?format=xlsx", "format", "xlsx"},
           Case{"/api/v1/incidents?from=yesterdayish", "from", "yesterdayish"},
           Case{"/api/v1/rules?after=x", "after", "x"},
           Case{"/api/v1/signals/query?name=a&aggregation=mean", "aggregation", "mean"},
           Case{"/api/v1/signals/query?name=a&bucket=5x", "bucket", "5x"},
           Case{"/api/v1/signals/query?name=a&bucket=0", "bucket", "0"},
           Case{"/api/v1/signals/query?name=a&limit=100001", "limit", "100001"},
           Case{"/api/v1/signals/query?name=a&match=%7B", "match", "{"},
           Case{"/api/v1/signals/query?name=a&fromEpoch=now&toEpoch=-1h", "fromEpoch", "now"},
       }) {
    base::Value value = problem(400, "GET", c.target);
    EXPECT_EQ(text(value, "parameter"), c.parameter) << c.target;
    EXPECT_EQ(text(value, "given"), c.given) << c.target;
    EXPECT_FALSE(text(value, "valid").empty());
  }
}

TEST_F(Errors, AMistypedParameterNamesTheOneThatWasMeant) {
  base::Value value = problem(400, "GET", "/api/v1/incidents?limt=5");
  EXPECT_NE(text(value, "detail").find("did you mean \"limit\""), std::string::npos);
  problem(400, "GET", "/api/v1/signals/query");
  problem(400, "GET", "/api/v1/incidents?q=%zz");
  problem(400, "GET", "/api/v1/incidents?q=%ff");
}

TEST_F(Errors, ABadBodyIsExplained) {
  struct Case {
    const char *body, *words;
  };
  for (const Case& c : {
           Case{"{", "line 1, column 2"},
           Case{"[]", "expected an object"},
           Case{R"({"titel":"x"})", "did you mean \\\"title\\\""},
           Case{R"({"severity":"HIGH"})", "\\\"title\\\" is missing"},
           Case{R"({"title":"x","severity":"FATAL"})", "CRITICAL HIGH MEDIUM LOW"},
           Case{R"({"title":5,"severity":"HIGH"})", "expected a string"},
           Case{R"({"title":"x","severity":"HIGH","labels":{"a":1}})", "object of strings"},
           Case{R"({"title":"x","severity":"HIGH","tags":"a"})", "array of strings"},
           Case{R"({"title":"x","severity":"HIGH","metric_value":"1"})", "expected a number"},
           Case{R"({"title":"x","severity":"HIGH","links":[{"text":"x"}]})", "links"},
       }) {
    problem(400, "POST", "/api/v1/incidents", c.body);
    EXPECT_NE(last.body.find(c.words), std::string::npos) << c.body << "\n" << last.body;
  }
  problem(400, "PUT", "/api/v1/incidents/1042/assign", R"({"by":"x"})");
  problem(400, "POST", "/api/v1/dead-letters/x/replay");
}

TEST_F(Errors, APauseOrADrillThatCannotBeIsExplained) {
  for (const char* body : {"{}", R"({"for":"25h"})", R"({"for":"soon"})", R"({"for":"30m","except_critical":"yes"})"}) {
    problem(400, "POST", "/api/v1/notifications/pause", body);
  }
  problem(409, "POST", "/api/v1/notifications/resume", "{}");
  problem(400, "POST", "/api/v1/drills", "{}");
  problem(400, "POST", "/api/v1/drills", R"({"route":"payments","severity":"FATAL"})");
  problem(404, "POST", "/api/v1/drills", R"({"route":"paymets"})");
  problem(404, "GET", "/api/v1/drills/1042");
}

TEST_F(Errors, ABodyThatIsNotJsonIs415) {
  problem(415, "POST", "/api/v1/incidents", "title=x", "Content-Type: application/x-www-form-urlencoded\r\n");
}

TEST_F(Errors, WhatIsNotThereIs404) {
  problem(404, "GET", "/api/v1/incidents/9999");
  EXPECT_EQ(text(problem(404, "GET", "/api/v1/rules/disk_filing"), "nearest"), "disk_filling");
  problem(404, "POST", "/api/v1/alerts/nope/acknowledge");
  problem(404, "POST", "/api/v1/dead-letters/8/replay");
}

TEST_F(Errors, ARefusedTransitionIs409AndNamesTheValidOnes) {
  base::Value value = problem(409, "PUT", "/api/v1/incidents/1042/status", R"({"status":"CLOSED","reason":"x"})");
  ASSERT_NE(value.find("valid_transitions"), nullptr);
  EXPECT_EQ(base::to_json(*value.find("valid_transitions")), R"(["ACKNOWLEDGED","IN_PROGRESS","RESOLVED"])");
}

TEST_F(Errors, EachFaultOfTheBackendHasItsStatus) {
  using base::Fault;
  const std::vector<std::pair<Fault, unsigned>> statuses{
      {Fault::invalid, 400},     {Fault::not_found, 404}, {Fault::conflict, 409},  {Fault::denied, 403},
      {Fault::unavailable, 503}, {Fault::deadline, 504},  {Fault::exhausted, 429}, {Fault::unsupported, 501},
      {Fault::corrupt, 500},     {Fault::cancelled, 503}, {Fault::internal, 500}};
  for (auto [fault, status] : statuses) {
    backend.fault = fault;
    problem(status, "POST", "/api/v1/notifications/send", R"({"instance":"mail","to":"x"})");
  }
}

TEST_F(Errors, WhatABackendThrowsIsAProblemToo) {
  backend.throw_in_incident = true;
  base::Value value = problem(500, "GET", "/api/v1/incidents/1");
  EXPECT_NE(text(value, "detail").find("the store is on fire"), std::string::npos);
}

TEST_F(Errors, AForeignHostOnLoopbackIsRefused) {
  for (const char* host : {"evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80"}) {
    testing::RawClient client(port());
    client.send("GET /metrics HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n");
    EXPECT_EQ(client.receive().status, 403u) << host;
  }
  for (const char* host : {"localhost", "LOCALHOST:7676", "127.0.0.1:1", "127.8.8.8", "[::1]:7676", "localhost."}) {
    testing::RawClient client(port());
    client.send("GET /healthz HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n");
    EXPECT_EQ(client.receive().status, 200u) << host;
  }
}

TEST_F(Errors, AForeignPageMayLookAtNothingAndChangeNothing) {
  const char* foreign = "Origin: https://evil.example\r\n";
  problem(403, "POST", "/api/v1/reload", "", foreign);
  problem(403, "POST", "/api/v1/signals/bulk", "{}", "Origin: null\r\n");
  problem(403, "POST", "/api/v1/reload", "", "Sec-Fetch-Site: cross-site\r\n");
  EXPECT_EQ(ask("POST", "/api/v1/reload", "", "Origin: http://localhost\r\n").status, 200u);
  EXPECT_EQ(ask("GET", "/api/v1/version", "", foreign).headers.count("access-control-allow-origin"), 0u);
}

TEST_F(Errors, WhatDoesNotFitIntoTheQueueIs503) {
  server->stop();
  std::latch both(2);
  std::promise<void> open;
  std::shared_future<void> gate = open.get_future().share();
  backend.wait_in_series = [&, gate] {
    if (!both.try_wait()) both.count_down();
    gate.wait();
  };
  start();
  std::vector<std::unique_ptr<testing::RawClient>> clients;
  auto ask_for_series = [&] {
    clients.push_back(std::make_unique<testing::RawClient>(port()));
    clients.back()->send(request("GET", "/api/v1/series"));
  };
  ask_for_series();
  ask_for_series();
  both.wait();  // two workers are taken; 256 wait in the queue
  for (int i = 0; i < 266; ++i) ask_for_series();
  EXPECT_EQ(testing::wait_for_answers(clients, 10), 10u);
  open.set_value();
  std::map<unsigned, int> statuses;
  for (auto& client : clients) ++statuses[client->receive().status];
  EXPECT_EQ(statuses, (std::map<unsigned, int>{{200, 258}, {503, 10}}));
}

}  // namespace
}  // namespace tocsin::api
