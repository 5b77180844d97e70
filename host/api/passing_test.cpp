// What somebody who asks any agent of a fleet is promised: the answer of the one that decides.
#include <future>
#include <set>
#include <sstream>
#include <thread>

#include "api/routes.hpp"
#include "api/testing/fleet.hpp"

namespace tocsin::api {
namespace {

using namespace std::chrono_literals;
using testing::RawAnswer;
using testing::RawClient;
using testing::ScriptedAgent;

class Passing : public testing::FleetTest {
 protected:
  /// How often the decider answered on a route.
  std::size_t answered(const Route& route) const {
    std::size_t times = 0;
    const std::string method = "method=\"" + std::string(route.method) + "\"";
    const std::string uri = "uri=\"" + std::string(route.pattern) + "\"";
    std::istringstream lines(metrics.text());
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with("http_server_requests_seconds_count") || line.find(method) == line.npos) continue;
      if (line.find(uri) != line.npos) times += std::stoul(line.substr(line.rfind(' ') + 1));
    }
    return times;
  }
  static std::string target_of(const Route& route) {
    std::string target(route.pattern);
    for (std::size_t open; (open = target.find('{')) != target.npos;) {
      target.replace(open, target.find('}') - open + 1, "1042");
    }
    return target;
  }
};

TEST_F(Passing, GoesOverOnEveryRouteThatOnlyTheDeciderAnswersAndOnNoOther) {
  start();
  join();
  other_backend.name(url());
  for (const Route& route : routes()) {
    const RawAnswer answer = ask_other(route.method, target_of(route), route.method == "GET" ? "" : "{}");
    EXPECT_NE(answer.status, 0u) << route.method << " " << route.pattern;
    EXPECT_EQ(answered(route), (route.flags & route_decider) != 0 ? 1u : 0u) << route.method << " " << route.pattern;
  }
}

TEST_F(Passing, CarriesTheRequestAndTheHeadersThatMatter) {
  ScriptedAgent decider([](const std::string&) { return ScriptedAgent::ok(); });
  join();
  other_backend.name(decider.url() + "/tocsin");
  ask_other("POST", "/api/v1/incidents/1042/attachments?name=a%20b.txt&by=amal", std::string("\0\r\n\r\nfile", 9),
            "Content-Type: text/plain\r\nAuthorization: Bearer t\r\nIdempotency-Key: k1\r\nIf-Match: \"e\"\r\n"
            "Accept: */*\r\nUser-Agent: curl\r\nCookie: c=1\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\n"
            "TE: trailers\r\n");
  ASSERT_EQ(decider.requests().size(), 1u);
  const std::string seen = decider.requests()[0];
  EXPECT_TRUE(
      seen.starts_with("POST /tocsin/api/v1/incidents/1042/attachments?name=a%20b.txt&by=amal HTTP/1.1\r\n"
                       "Host: " +
                       decider.url().substr(7) + "\r\n"))
      << seen;
  for (const char* header :
       {"\r\nTocsin-Passed-On: n2\r\n", "\r\ncontent-type: text/plain\r\n", "\r\nauthorization: Bearer t\r\n",
        "\r\nidempotency-key: k1\r\n", "\r\nif-match: \"e\"\r\n", "\r\naccept: */*\r\n", "\r\nuser-agent: curl\r\n",
        "\r\nContent-Length: 9\r\n"}) {
    EXPECT_NE(seen.find(header), seen.npos) << header << seen;
  }
  for (const char* header : {"\r\ncookie", "\r\nconnection", "\r\nx-hop", "\r\nte:", "localhost"}) {
    EXPECT_EQ(seen.find(header), seen.npos) << header << seen;
  }
  EXPECT_TRUE(seen.ends_with(std::string("\r\n\r\n\0\r\n\r\nfile", 13)));
}

TEST_F(Passing, BringsBackStatusHeadersAndBody) {
  ScriptedAgent decider([](const std::string&) {
    return "HTTP/1.1 412 Precondition Failed\r\nContent-Type: text/x\r\nETag: \"7\"\r\nRetry-After: 9\r\n"
           "Content-Disposition: attachment\r\nSet-Cookie: a=b\r\nServer: x\r\nContent-Length: 4\r\n\r\ngone";
  });
  join();
  other_backend.name(decider.url());
  RawAnswer answer = ask_other("GET", "/api/v1/silences");
  EXPECT_EQ(answer.status, 412u);
  EXPECT_EQ(answer.body, "gone");
  EXPECT_EQ(answer.headers["content-type"], "text/x");
  EXPECT_EQ(answer.headers["etag"], "\"7\"");
  EXPECT_EQ(answer.headers["retry-after"], "9");
  EXPECT_EQ(answer.headers["content-disposition"], "attachment");
  EXPECT_EQ(answer.headers.count("set-cookie") + answer.headers.count("server"), 0u);
  EXPECT_EQ(passed("answered"), 1);
}

TEST_F(Passing, TellsTheLengthThatHeadAsksFor) {
  start();
  join();
  other_backend.name(url());
  const std::string body = ask("GET", "/api/v1/silences").body;
  EXPECT_EQ(ask_other("HEAD", "/api/v1/silences").headers["content-length"], std::to_string(body.size()));
}

TEST_F(Passing, CarriesALargeFile) {
  start();
  join();
  other_backend.name(url());
  std::string file(9 << 20, 'f');
  file[5 << 20] = 'x';
  const RawAnswer answer = ask_other("POST", "/api/v1/incidents/1042/attachments?name=a.log", file);
  EXPECT_EQ(answer.status, 201u) << answer.body;
  ASSERT_EQ(backend.files.size(), 1u);
  EXPECT_TRUE(*backend.files[0].content == file);
}

TEST_F(Passing, CarriesALargeAnswer) {
  const std::string body(5 << 20, 'b');
  ScriptedAgent decider([&](const std::string&) { return ScriptedAgent::ok(body); });
  join();
  other_backend.name(decider.url());
  EXPECT_TRUE(ask_other("GET", "/api/v2/alerts").body == body);
}

TEST_F(Passing, KeepsItsConnection) {
  ScriptedAgent decider([](const std::string&) { return ScriptedAgent::ok(); });
  join();
  other_backend.name(decider.url());
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask_other("GET", "/api/v1/silences").status, 200u);
  EXPECT_EQ(decider.connections(), 1u);
}

// --- loops
// -------------------------------------------------------------------------------------------------------------

TEST_F(Passing, HappensOnce) {
  start();
  join();
  other_backend.name(url());
  RawAnswer answer =
      ask_other("POST", "/api/v1/incidents", R"({"title":"x","severity":"LOW"})", "Tocsin-Passed-On: n1\r\n");
  EXPECT_EQ(answer.status, 503u);
  EXPECT_EQ(answer.headers["retry-after"], "1");
  EXPECT_EQ(answer.headers["content-type"], "application/problem+json");
  EXPECT_EQ(answer.headers["tocsin-passed-on"], "refused");
  EXPECT_EQ(backend.incidents_.size(), 2u);
}

TEST_F(Passing, AHeaderOfAStrangersChangesNothingAtTheDecider) {
  start();
  EXPECT_EQ(ask("GET", "/api/v1/silences", {}, "Tocsin-Passed-On: x\r\n").status, 200u);
}

TEST_F(Passing, ManyAtOnceEndWhereEachNamesTheOther) {
  testing::MemberBackend first_backend;
  telemetry::Metrics first_metrics;
  ServerSettings settings = impatient();
  settings.listen = "127.0.0.1:0";
  auto first = Server::start(settings, first_backend, first_metrics);
  ASSERT_TRUE(first);
  join(impatient());
  first_backend.name("http://127.0.0.1:" + std::to_string(other->port()));
  other_backend.name("http://127.0.0.1:" + std::to_string((*first)->port()));
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 64; ++i) {
    clients.push_back(std::make_unique<RawClient>(i % 2 == 0 ? other->port() : (*first)->port()));
    clients.back()->send(request("GET", "/api/v1/silences"));
  }
  for (const auto& client : clients) EXPECT_EQ(client->receive().status, 503u);
  EXPECT_EQ(ask_other("GET", "/api/v1/series").status, 200u);
  (*first)->stop();
}

TEST_F(Passing, ManyAtOnceAreAllAnswered) {
  start();
  ServerSettings few = member();
  few.passing.most_connections = 3;
  join(few);
  other_backend.name(url());
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 64; ++i) {
    clients.push_back(std::make_unique<RawClient>(other->port()));
    clients.back()->send(request("GET", "/api/v1/silences"));
  }
  for (const auto& client : clients) EXPECT_EQ(client->receive().status, 200u);
}

// --- the hand-over
// -----------------------------------------------------------------------------------------------------

TEST_F(Passing, WaitsUntilSomebodyDecides) {
  start();
  join();
  other_backend.name(url(), 5);
  EXPECT_EQ(ask_other("POST", "/api/v1/incidents", R"({"title":"x","severity":"LOW"})").status, 201u);
  EXPECT_EQ(backend.incidents_.size(), 3u);
}

TEST_F(Passing, IsNotNeededWhereTheAgentComesToDecideItself) {
  join();
  other_backend.name(std::string(), 5);
  EXPECT_EQ(ask_other("POST", "/api/v1/incidents", R"({"title":"x","severity":"LOW"})").status, 201u);
  EXPECT_EQ(other_backend.incidents_.size(), 3u);
  EXPECT_EQ(passed("here"), 1);
}

TEST_F(Passing, GoesOnToTheNextWhereTheOneAskedNoLongerDecides) {
  start();
  ScriptedAgent former([&](const std::string&) {
    other_backend.name(url());
    return ScriptedAgent::not_decided();
  });
  join();
  other_backend.name(former.url());
  EXPECT_EQ(ask_other("POST", "/api/v1/incidents", R"({"title":"x","severity":"LOW"})").status, 201u);
  EXPECT_EQ(backend.incidents_.size(), 3u);
}

TEST_F(Passing, WaitsWhileNobodyListensWhereTheDeciderWas) {
  start();
  const std::string gone = url();
  server->stop();
  start();
  join();
  other_backend.name(gone);
  RawClient client(other->port());
  client.send(request("GET", "/api/v1/silences"));
  while (other_backend.asked < 5) std::this_thread::yield();
  other_backend.name(url());
  EXPECT_EQ(client.receive().status, 200u);
}

TEST_F(Passing, FollowsTheLeaseThatWasLostWhileTheRequestWasAnswered) {
  start();
  other_backend.fault = base::Fault::unavailable;
  other_backend.on_receive = [&] { other_backend.name(url()); };
  join();
  EXPECT_EQ(ask_other("POST", "/api/v2/alerts", R"([{"labels":{"alertname":"A"}}])").status, 200u);
  EXPECT_EQ(backend.received.size(), 1u);
}

TEST_F(Passing, LeavesADeciderThatIsPausedForTheNextOne) {
  start();
  std::promise<void> over;
  ScriptedAgent paused([&, waits = over.get_future().share()](const std::string&) {
    other_backend.name(url());
    waits.wait();
    return std::string();
  });
  join();
  other_backend.name(paused.url());
  EXPECT_EQ(ask_other("POST", "/api/v2/alerts", R"([{"labels":{"alertname":"A"}}])").status, 200u);
  EXPECT_EQ(backend.received.size(), 1u);
  over.set_value();
}

TEST_F(Passing, SaysThatNobodyDecides) {
  join(impatient());
  other_backend.name(base::fail(base::Fault::unavailable, "the lease is free"));
  RawAnswer answer = ask_other("GET", "/api/v1/explain");
  EXPECT_EQ(answer.status, 503u);
  EXPECT_EQ(answer.headers["retry-after"], "1");
  EXPECT_NE(answer.body.find("no agent decides just now: the lease is free"), std::string::npos) << answer.body;
  EXPECT_EQ(passed("nobody"), 1);
  answer = ask_other("GET", "/api/v2/alerts");
  EXPECT_EQ(answer.status, 503u);
  EXPECT_TRUE(answer.body.starts_with("\"no agent decides")) << answer.body;
}

TEST_F(Passing, SaysThatTheDeciderCannotBeReachedAndThatNothingWasDone) {
  start();
  join(impatient());
  other_backend.name(url());
  server->stop();
  const RawAnswer answer = ask_other("POST", "/api/v1/incidents", R"({"title":"x","severity":"LOW"})");
  EXPECT_EQ(answer.status, 502u);
  EXPECT_NE(answer.body.find("nothing was done"), std::string::npos) << answer.body;
  EXPECT_EQ(passed("unreachable"), 1);
}

TEST_F(Passing, SaysOfAWriteThatWasLostThatItsOutcomeIsUnknownAndDoesNotRepeatIt) {
  ScriptedAgent dying([](const std::string&) { return std::string(); });
  join();
  other_backend.name(dying.url());
  const RawAnswer answer = ask_other("POST", "/api/v1/incidents", R"({"title":"x","severity":"LOW"})");
  EXPECT_EQ(answer.status, 502u);
  EXPECT_NE(answer.body.find("not known"), std::string::npos) << answer.body;
  EXPECT_EQ(dying.requests().size(), 1u);
  EXPECT_EQ(passed("lost"), 1);
}

TEST_F(Passing, AsksTheNextOneAgainForWhatDoesNoHarmTwice) {
  start();
  ScriptedAgent dying([&](const std::string&) {
    other_backend.name(url());
    return std::string();
  });
  join();
  for (const auto& [method, target, body] :
       {std::tuple("GET", "/api/v1/silences", ""), {"POST", "/api/v2/alerts", R"([{"labels":{"alertname":"A"}}])"}}) {
    other_backend.name(dying.url());
    EXPECT_EQ(ask_other(method, target, body).status, 200u) << target;
  }
  EXPECT_EQ(dying.requests().size(), 2u);
  EXPECT_EQ(backend.received.size(), 1u);
}

TEST_F(Passing, GivesUpOnADeciderThatDoesNotAnswer) {
  std::promise<void> over;
  ScriptedAgent slow([ended = over.get_future().share()](const std::string&) {
    ended.wait();
    return std::string();
  });
  ServerSettings settings = member();
  settings.passing.answer = 50ms;
  join(settings);
  other_backend.name(slow.url());
  RawAnswer answer = ask_other("PUT", "/api/v1/incidents/1042/assign", R"({"owner":"amal"})");
  EXPECT_EQ(answer.status, 504u);
  EXPECT_NE(answer.body.find("not known"), std::string::npos) << answer.body;
  answer = ask_other("GET", "/api/v1/silences");
  EXPECT_EQ(answer.status, 504u);
  EXPECT_EQ(answer.body.find("not known"), std::string::npos) << answer.body;
  EXPECT_EQ(passed("late"), 2);
  over.set_value();
}

// --- limits
// ------------------------------------------------------------------------------------------------------------

TEST_F(Passing, TakesNoMoreThanItCanHold) {
  ServerSettings settings = member();
  settings.passing.most = 2;
  join(settings);
  other_backend.name(base::fail(base::Fault::unavailable, "the lease is free"));
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<RawClient>(other->port()));
    clients.back()->send(request("GET", "/api/v1/silences"));
  }
  EXPECT_EQ(testing::wait_for_answers(clients, 1), 1u);
  EXPECT_EQ(passed("busy"), 1);
  other_backend.name(std::string());
  std::multiset<unsigned> status;
  for (const auto& client : clients) status.insert(client->receive().status);
  EXPECT_EQ(status, (std::multiset<unsigned>{200, 200, 503}));
}

TEST_F(Passing, DoesNotKeepAnAgentThatStops) {
  join();
  other_backend.name(base::fail(base::Fault::unavailable, "the lease is free"));
  RawClient client(other->port());
  client.send(request("GET", "/api/v1/silences"));
  while (other_backend.asked < 3) std::this_thread::yield();
  other->stop();
  EXPECT_EQ(client.receive().status, 503u);
}

TEST_F(Passing, EndsWithTheAgentWhereTheDeciderIsStillAsked) {
  std::promise<void> over, asked;
  ScriptedAgent slow([&, ended = over.get_future().share()](const std::string&) {
    asked.set_value();
    ended.wait();
    return std::string();
  });
  join();
  other_backend.name(slow.url());
  RawClient client(other->port());
  client.send(request("GET", "/api/v1/silences"));
  asked.get_future().wait();
  other->stop();
  EXPECT_TRUE(client.closed_by_peer());
  over.set_value();
}

TEST_F(Passing, GoesNowhereWhereTheAddressIsNone) {
  join();
  for (const char* bad : {"10.0.0.5:8080", "http://127.0.0.1:1/a\r\nX: y", "http://a b:1", "ftp://x"}) {
    other_backend.name(std::string(bad));
    EXPECT_EQ(ask_other("GET", "/api/v1/silences").status, 502u) << bad;
  }
}

TEST_F(Passing, IsToldInTheDocumentOfTheRoutes) {
  start();
  const base::Value document = json(openapi());
  const base::Value& paths = *document.find("paths");
  EXPECT_TRUE(text(*paths.find("/api/v1/silences")->find("get"), "description").starts_with("Of several agents"));
  EXPECT_EQ(paths.find("/api/v1/rules")->find("get")->find("description"), nullptr);
}

}  // namespace
}  // namespace tocsin::api
