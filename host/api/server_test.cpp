// What the listener promises whoever connects: order, limits, time, and that nothing sent to it ends it.
#include <atomic>
#include <future>
#include <random>
#include <thread>

#include "api/testing/fixture.hpp"

namespace tocsin::api {
namespace {

using testing::RawAnswer;
using testing::RawClient;
using Done = std::function<void(Backend::PluginResponse)>;

class Listener : public testing::ServerTest {
 protected:
  /// Answers a plugin's request with its body, at once.
  void echo_at_once() {
    backend.on_plugin = [](const Backend::PluginRequest& request, Done done) {
      done({200, {{"X-Path", std::string(request.path)}}, std::string(request.body)});
      return true;
    };
  }
};

TEST_F(Listener, KeepsAConnectionForManyRequests) {
  start();
  RawClient client(port());
  for (int i = 0; i < 3; ++i) {
    client.send(request("GET", "/healthz"));
    RawAnswer answer = client.receive();
    EXPECT_EQ(answer.status, 200u);
    EXPECT_EQ(answer.headers["connection"], "keep-alive");
  }
}

TEST_F(Listener, ServesTheSameOnEveryAddress) {
  ServerSettings settings;
  const std::uint16_t taken = [&] {  // a port that is free now
    start();
    const std::uint16_t port = server->port();
    server->stop();
    return port;
  }();
  settings.also_listen = {"127.0.0.1:" + std::to_string(taken)};
  start(settings);
  for (const std::uint16_t each : {port(), taken}) {
    RawClient client(each);
    client.send(request("GET", "/healthz"));
    EXPECT_EQ(client.receive().status, 200u);
  }
}

TEST_F(Listener, AnswersPipelinedRequestsInTheirOrder) {
  start();
  std::string all;
  // The series take a worker, the others do not: order must not depend on who is faster.
  for (int i = 0; i < 20; ++i) {
    all +=
        request("GET", i % 2 == 0 ? "/api/v1/series?limit=" + std::to_string(i + 1) : "/missing" + std::to_string(i));
  }
  RawClient client(port());
  client.send(all);
  for (int i = 0; i < 20; ++i) {
    RawAnswer answer = client.receive();
    ASSERT_EQ(answer.status, i % 2 == 0 ? 200u : 404u) << i;
    if (i % 2 == 1) {
      EXPECT_NE(answer.body.find("/missing" + std::to_string(i) + "\""), std::string::npos);
    }
  }
}

/// Exports come in pages of 500.
class LongAnswer : public Listener {
 protected:
  void SetUp() override {
    model::Incident incident = backend.incidents_.front();
    backend.incidents_.clear();
    for (std::uint64_t i = 0; i < 1600; ++i) {
      incident.number = i;
      incident.description = std::string(2000, 'x');
      backend.incidents_.push_back(incident);
    }
    start();
  }
  static std::size_t lines(const std::string& text) {
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  }
};

TEST_F(LongAnswer, ComesInPiecesAndTheConnectionGoesOn) {
  RawClient client(port());
  client.send(request("GET", "/api/v1/incidents/export?format=csv") + request("GET", "/healthz"));
  RawAnswer answer = client.receive();
  EXPECT_EQ(answer.headers["transfer-encoding"], "chunked");
  EXPECT_EQ(answer.headers.count("content-length"), 0u);
  EXPECT_EQ(lines(answer.body), 1601u);
  EXPECT_EQ(client.receive().body, "ok\n");
}

TEST_F(LongAnswer, IsWholeJson) {
  EXPECT_EQ(json(ask("GET", "/api/v1/incidents/export").body).find("items")->array()->size(), 1600u);
}

TEST_F(LongAnswer, ToAnOldClientEndsWithTheConnection) {
  RawClient client(port());
  client.send("GET /api/v1/incidents/export?format=csv HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const std::string all = client.rest();
  EXPECT_EQ(all.find("Transfer-Encoding"), std::string::npos);
  EXPECT_NE(all.find("Connection: close"), std::string::npos);
  EXPECT_EQ(lines(all.substr(all.find("\r\n\r\n") + 4)), 1601u);
}

TEST_F(LongAnswer, HasNoBodyForHead) {
  RawClient client(port());
  client.send(request("HEAD", "/api/v1/incidents/export") + request("GET", "/healthz"));
  EXPECT_EQ(client.receive(true).status, 200u);
  EXPECT_EQ(client.receive().body, "ok\n");
}

TEST_F(LongAnswer, ThatCannotGoOnIsCutOffAndNotShort) {
  {
    std::lock_guard lock(backend.mutex);
    backend.fail_after_incidents = 1000;
  }
  const std::string body = ask("GET", "/api/v1/incidents/export?format=csv").body;
  EXPECT_TRUE(body.ends_with("(cut off)"));
}

TEST_F(LongAnswer, AClientThatGoesAwayHurtsNobody) {
  for (int i = 0; i < 20; ++i) {
    RawClient client(port());
    client.send(request("GET", "/api/v1/incidents/export"));
  }
  EXPECT_EQ(ask("GET", "/healthz").status, 200u);
}

TEST_F(LongAnswer, TheClientOfTheCommandLineReadsIt) {
  auto answer = call(url(), "GET", "/api/v1/incidents/export?format=csv", "", "", std::chrono::seconds(10));
  ASSERT_TRUE(answer);
  EXPECT_EQ(lines(answer->body), 1601u);
}

TEST_F(Listener, TakesARequestByteByByte) {
  echo_at_once();
  start();
  RawClient client(port());
  for (char c : request("POST", "/x", "hello")) client.send(std::string(1, c));
  EXPECT_EQ(client.receive().body, "hello");
}

TEST_F(Listener, ClosesWhereTheClientAsksForIt) {
  start();
  RawClient client(port());
  client.send(request("GET", "/healthz", "", "Connection: close\r\n"));
  EXPECT_EQ(client.receive().headers["connection"], "close");
  EXPECT_TRUE(client.closed_by_peer());
}

TEST_F(Listener, ServesHttp10AndClosesAfterIt) {
  start();
  RawClient client(port());
  client.send("GET /healthz HTTP/1.0\r\n\r\n");
  EXPECT_EQ(client.receive().status, 200u);
  EXPECT_TRUE(client.closed_by_peer());
}

TEST_F(Listener, AnswersHeadWithoutABody) {
  start();
  RawClient client(port());
  client.send(request("HEAD", "/healthz") + request("GET", "/healthz"));
  RawAnswer head = client.receive(true);
  EXPECT_EQ(head.headers["content-length"], "3");
  EXPECT_EQ(client.receive().body, "ok\n");
}

TEST_F(Listener, AnswersARequestWhoseClientHasStoppedSending) {
  start();
  RawClient client(port());
  client.send(request("GET", "/api/v1/series"));
  client.end_sending();
  EXPECT_EQ(client.receive().status, 200u);
}

TEST_F(Listener, HandsPluginsTheBodyInOnePieceWithReadablePadding) {
  backend.on_plugin = [](const Backend::PluginRequest& request, Done done) {
    unsigned sum = 0;
    for (int i = 0; i < 64; ++i) sum += static_cast<unsigned char>(request.body.data()[request.body.size() + i]);
    bool whole = request.body.find_first_not_of('b') == request.body.npos;
    done({202, {}, std::to_string(request.body.size()) + (whole ? " whole " : " broken ") + std::to_string(sum)});
    return true;
  };
  start();
  RawClient client(port());
  for (std::size_t size : {std::size_t{100'000}, std::size_t{1}, std::size_t{5'000'000}}) {
    client.send(request("POST", "/api/v1/signals/bulk", std::string(size, 'b')));
    EXPECT_EQ(client.receive().body, std::to_string(size) + " whole 0");
  }
}

TEST_F(Listener, HandsPluginsWhatTheRequestSaid) {
  std::string seen;
  backend.on_plugin = [&](const Backend::PluginRequest& request, Done done) {
    seen.append(request.method).append(" ").append(request.path).append(" ").append(request.query).append(" ");
    seen.append(request.remote);
    for (const auto& [name, value] : request.headers) seen.append(" ").append(name).append("=").append(value);
    done({});
    return true;
  };
  start();
  ask("PUT", "/any/path?a=b%20c", "", "X-Custom: Yes\r\n");
  EXPECT_EQ(seen, "PUT /any/path a=b%20c 127.0.0.1 host=localhost x-custom=Yes");
}

TEST_F(Listener, SendsAPluginsAnswerThatComesLaterFromAnotherThread) {
  std::promise<Done> handed;
  backend.on_plugin = [&](const Backend::PluginRequest&, Done done) {
    handed.set_value(std::move(done));
    return true;
  };
  start();
  RawClient client(port());
  client.send(request("POST", "/later", "x"));
  Done done = handed.get_future().get();
  std::thread([&] { done({201, {{"X-Late", "yes"}}, "late"}); }).join();
  RawAnswer answer = client.receive();
  EXPECT_EQ(answer.status, 201u);
  EXPECT_EQ(answer.headers["x-late"] + answer.body, "yeslate");
}

TEST_F(Listener, TakesOnlyTheFirstOfTwoAnswers) {
  backend.on_plugin = [](const Backend::PluginRequest&, const Done& done) {
    done({200, {}, "first"});
    done({500, {}, "second"});
    return true;
  };
  start();
  RawClient client(port());
  client.send(request("POST", "/x", "x") + request("GET", "/healthz"));
  EXPECT_EQ(client.receive().body, "first");
  EXPECT_EQ(client.receive().body, "ok\n");
}

TEST_F(Listener, AnswersForAPluginThatGivesUp) {
  backend.on_plugin = [](const Backend::PluginRequest&, const Done&) { return true; };
  start();
  EXPECT_EQ(ask("POST", "/x", "x").status, 500u);
}

TEST_F(Listener, DropsHeadersOfAPluginThatWouldBreakTheAnswer) {
  backend.on_plugin = [](const Backend::PluginRequest&, const Done& done) {
    done({200, {{"X-A", "b\r\nX-Injected: 1"}, {"Content-Length", "999"}, {"X-Good", "1"}}, "ok"});
    return true;
  };
  start();
  RawAnswer answer = ask("POST", "/x", "x");
  EXPECT_EQ(answer.headers.count("x-injected") + answer.headers.count("x-a"), 0u);
  EXPECT_EQ(answer.headers["content-length"] + answer.headers["x-good"], "21");
}

TEST_F(Listener, ServesManyClientsAtOnce) {
  echo_at_once();
  start();
  std::atomic<int> right{0};
  std::vector<std::thread> clients;
  for (int c = 0; c < 8; ++c) {
    clients.emplace_back([&, c] {
      RawClient client(port());
      for (int i = 0; i < 50; ++i) {
        std::string body =
            std::to_string(c) + "-" + std::to_string(i) + std::string(static_cast<std::size_t>(i) * 100, 'x');
        client.send(i % 5 == 0 ? request("GET", "/api/v1/series") : request("POST", "/echo", body));
        RawAnswer answer = client.receive();
        right += i % 5 == 0 ? answer.status == 200 : answer.body == body;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(right, 8 * 50);
}

TEST_F(Listener, SendsALargeAnswerToAClientThatReadsSlowly) {
  std::string large(20'000'000, 'L');
  backend.on_plugin = [&](const Backend::PluginRequest&, const Done& done) {
    done({200, {}, large});
    return true;
  };
  start();
  RawClient client(port());
  client.send(request("GET", "/large") + request("GET", "/large"));
  EXPECT_EQ(client.receive().body.size(), large.size());
  EXPECT_TRUE(client.receive().body == large);
}

// --- limits
// ------------------------------------------------------------------------------------------------------------

TEST_F(Listener, Answers408ToAHeaderThatNeverEnds) {
  ServerSettings settings;
  settings.header_timeout = std::chrono::milliseconds(60);
  start(settings);
  RawClient client(port());
  client.send("GET /healthz HTTP/1.1\r\nHost: local");
  EXPECT_EQ(client.receive().status, 408u);
  EXPECT_TRUE(client.closed_by_peer());
}

TEST_F(Listener, Answers408ToABodyThatNeverEnds) {
  ServerSettings settings;
  settings.header_timeout = std::chrono::milliseconds(60);
  start(settings);
  RawClient client(port());
  client.send("POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nten bytes!");
  EXPECT_EQ(client.receive().status, 408u);
}

TEST_F(Listener, ClosesAConnectionThatIsIdleTooLong) {
  ServerSettings settings;
  settings.idle_timeout = std::chrono::milliseconds(60);
  start(settings);
  RawClient client(port());
  client.send(request("GET", "/healthz"));
  EXPECT_EQ(client.receive().status, 200u);
  EXPECT_TRUE(client.closed_by_peer());
}

TEST_F(Listener, Answers413BeforeABodyThatIsTooLargeIsSent) {
  ServerSettings settings;
  settings.max_body = 1000;
  start(settings);
  RawClient client(port());
  client.send("POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n");
  RawAnswer answer = client.receive();
  EXPECT_EQ(answer.status, 413u);
  EXPECT_EQ(answer.headers["content-type"], "application/problem+json");
  EXPECT_TRUE(client.closed_by_peer());
}

TEST_F(Listener, RefusesALargeBodyThatItsHeadHasNoRightToBeforeItIsSent) {
  echo_at_once();
  start();
  const std::string head =
      "POST /guarded HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\nExpect: 100-continue\r\n";
  RawClient without(port());
  without.send(head + "\r\n");
  RawAnswer answer = without.receive();
  EXPECT_EQ(answer.status, 401u);
  EXPECT_EQ(answer.headers["www-authenticate"], "Bearer");
  EXPECT_TRUE(without.closed_by_peer());
  RawClient with(port());
  with.send(head + "Authorization: right\r\n\r\n");
  EXPECT_EQ(with.receive().status, 100u);
  with.send(std::string(100'000, 'b'));
  EXPECT_EQ(with.receive().body.size(), 100'000u);
}

TEST_F(Listener, ReadsASmallBodyBeforeItRefusesSoThatTheConnectionGoesOn) {
  echo_at_once();
  start();
  RawClient client(port());
  client.send("POST /guarded HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n");
  client.send("hello");
  EXPECT_EQ(client.receive().body, "hello") << "whoever serves it refuses";
}

TEST_F(Listener, RefusesALargeBodyInPiecesOnceThereIsTooMuchOfIt) {
  echo_at_once();
  start();
  RawClient client(port());
  client.send("POST /guarded HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
  client.send("20000\r\n" + std::string(0x1ffff, 'b'));
  EXPECT_EQ(client.receive().status, 401u);
}

TEST_F(Listener, LetsAClientThatStillSendsReadThe413) {
  ServerSettings settings;
  settings.max_body = 1000;
  start(settings);
  EXPECT_EQ(ask("POST", "/x", std::string(300'000, 'b')).status, 413u);
}

TEST_F(Listener, Answers431ToAHeaderThatIsTooLarge) {
  start();
  EXPECT_EQ(ask("GET", "/healthz", "", "X-Large: " + std::string(40'000, 'h') + "\r\n").status, 431u);
}

TEST_F(Listener, TellsAWaitingClientToContinue) {
  echo_at_once();
  start();
  RawClient client(port());
  client.send("POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.receive().status, 100u);
  client.send("hello");
  EXPECT_EQ(client.receive().body, "hello");
}

TEST_F(Listener, Answers503BeyondItsConnectionsAndServesAgainAfterwards) {
  ServerSettings settings;
  settings.max_connections = 2;
  start(settings);
  auto first = std::make_unique<RawClient>(port());
  RawClient second(port());
  for (RawClient* client : {first.get(), &second}) {
    client->send(request("GET", "/healthz"));
    ASSERT_EQ(client->receive().status, 200u);
  }
  RawAnswer refused = ask("GET", "/healthz");
  EXPECT_EQ(refused.status, 503u);
  EXPECT_FALSE(refused.headers["retry-after"].empty());
  first.reset();
  unsigned status = 503;
  for (int i = 0; i < 1000 && status == 503; ++i) status = ask("GET", "/healthz").status;
  EXPECT_EQ(status, 200u);
}

// --- start and stop
// ----------------------------------------------------------------------------------------------------

TEST_F(Listener, LetsARequestInFlightEndBeforeItStops) {
  std::promise<void> called, go_on;
  backend.wait_in_series = [&] {
    called.set_value();
    go_on.get_future().wait();
  };
  start();
  RawClient client(port());
  client.send(request("GET", "/api/v1/series"));
  called.get_future().wait();
  std::thread stopping([&] { server->stop(); });
  go_on.set_value();
  EXPECT_EQ(client.receive().status, 200u);
  stopping.join();
  EXPECT_FALSE(RawClient(port()).connected());
}

TEST_F(Listener, StopsAlthoughAPluginNeverAnswers) {
  std::vector<Done> kept;
  std::promise<void> called;
  backend.on_plugin = [&](const Backend::PluginRequest&, Done done) {
    kept.push_back(std::move(done));
    called.set_value();
    return true;
  };
  start();
  RawClient client(port());
  client.send(request("POST", "/never", "x"));
  called.get_future().wait();
  server->stop();
  server.reset();
  kept.front()({});  // too late, and harmless
  EXPECT_TRUE(client.closed_by_peer());
}

TEST_F(Listener, SaysWhyItCannotListen) {
  start();
  telemetry::Metrics other;
  ServerSettings settings;
  settings.listen = "127.0.0.1:" + std::to_string(port());
  auto second = Server::start(settings, backend, other);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message().find(settings.listen + ": Address already in use"), std::string::npos);
  for (const char* bad : {"127.0.0.1", "127.0.0.1:70000", "nowhere.example:80", "[::1:80", "127.0.0.1:x"}) {
    settings.listen = bad;
    auto refused = Server::start(settings, backend, other);
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().fault(), base::Fault::invalid) << refused.error().message();
  }
}

TEST_F(Listener, ServesHealthAloneOnTheHealthListener) {
  ServerSettings settings;
  settings.health_listen = "127.0.0.1:0";
  start(settings);
  RawClient client(server->health_port());
  client.send(request("GET", "/healthz") + request("GET", "/metrics") + request("GET", "/api/v1/version"));
  EXPECT_EQ(client.receive().status, 200u);
  EXPECT_EQ(client.receive().status, 200u);
  EXPECT_EQ(client.receive().status, 404u);
}

TEST_F(Listener, CountsRequestsByTemplateAndStatus) {
  echo_at_once();
  start();
  RawClient client(port());
  client.send(request("GET", "/api/v1/incidents/1042") + request("GET", "/api/v1/incidents/9") +
              request("POST", "/callbacks/sms/17", "x"));
  for (int i = 0; i < 3; ++i) client.receive();
  server->stop();
  std::string text = metrics.text();
  for (const char* labels : {R"(method="GET",service="tocsin",status="200",uri="/api/v1/incidents/{id}")",
                             R"(method="GET",service="tocsin",status="404",uri="/api/v1/incidents/{id}")",
                             R"(method="POST",service="tocsin",status="200",uri="/callbacks/*")"}) {
    EXPECT_NE(text.find(std::string("http_server_requests_seconds_count{") + labels), std::string::npos)
        << labels << "\n"
        << text;
  }
}

// --- garbage
// -----------------------------------------------------------------------------------------------------------

TEST_F(Listener, Answers400ToGarbageAndCloses) {
  start();
  RawClient client(port());
  client.send("\x16\x03\x01 this is not HTTP\r\n\r\n");
  EXPECT_EQ(client.receive().status, 400u);
  EXPECT_TRUE(client.closed_by_peer());
}

TEST_F(Listener, SurvivesTwoThousandRandomRequests) {
  echo_at_once();
  start();
  std::mt19937 random(42);
  const std::vector<std::string> seeds{
      request("GET", "/api/v1/incidents?status=OPEN&limit=5&q=a%20b"),
      request("POST", "/api/v1/incidents", R"({"title":"t","severity":"HIGH","labels":{"a":"b"}})"),
      request("PUT", "/api/v1/incidents/1042/status", R"({"status":"RESOLVED","notes":"n"})"),
      request("GET", "/api/v1/signals/query?name=a&match=b=%22c%22&fromEpoch=1&bucket=5m"),
      "POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
      request("GET", "/healthz") + request("GET", "/metrics")};
  for (int i = 0; i < 2000; ++i) {
    std::string bytes = seeds[random() % seeds.size()];
    for (unsigned n = random() % 5; n > 0; --n) bytes[random() % bytes.size()] = static_cast<char>(random());
    if (random() % 4 == 0) bytes.resize(random() % bytes.size());
    if (random() % 8 == 0) {
      std::string more(random() % 300, static_cast<char>(random()));
      bytes.insert(random() % (bytes.size() + 1), more);
    }
    RawClient client(port());
    client.send(bytes);
    client.end_sending();
    std::string answer = client.rest();
    ASSERT_TRUE(answer.empty() || answer.starts_with("HTTP/1.1 ")) << i << ": " << answer;
  }
  EXPECT_EQ(ask("GET", "/healthz").status, 200u);
}

}  // namespace
}  // namespace tocsin::api
