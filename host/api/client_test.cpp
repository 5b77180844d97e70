#include "api/client.hpp"

#include <thread>

#include "api/testing/fixture.hpp"

namespace tocsin::api {
namespace {

using namespace std::chrono_literals;

class Client : public testing::ServerTest {};

TEST_F(Client, BringsAnAnswerBack) {
  start();
  auto answer = call(url(), "POST", "/api/v1/incidents", R"({"title":"x","severity":"LOW"})", "", 5s);
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->status, 201u);
  EXPECT_EQ(answer->content_type, "application/json");
  auto missing = call(url() + "/", "GET", "/api/v1/incidents/9", "", "", 5s);
  ASSERT_TRUE(missing) << missing.error().message();
  EXPECT_EQ(missing->status, 404u);
}

TEST_F(Client, SendsItsToken) {
  std::string seen;
  backend.on_plugin = [&](const Backend::PluginRequest& request, std::function<void(Backend::PluginResponse)> done) {
    for (const auto& [name, value] : request.headers) {
      if (name == "authorization") seen = value;
    }
    done({});
    return true;
  };
  start();
  ASSERT_TRUE(call(url(), "GET", "/token", "", "s3cret", 5s));
  EXPECT_EQ(seen, "Bearer s3cret");
}

TEST_F(Client, SaysThatNobodyListens) {
  start();
  std::string where = url();
  server->stop();
  auto answer = call(where, "GET", "/healthz", "", "", 5s);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().fault(), base::Fault::unavailable);
  EXPECT_NE(answer.error().message().find(where + ": Connection refused; is it running"), std::string::npos)
      << answer.error().message();
}

TEST_F(Client, GivesUpAtItsDeadline) {
  std::vector<std::function<void(Backend::PluginResponse)>> kept;
  backend.on_plugin = [&](const Backend::PluginRequest&, std::function<void(Backend::PluginResponse)> done) {
    kept.push_back(std::move(done));
    return true;
  };
  start();
  auto answer = call(url(), "POST", "/never", "x", "", 50ms);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().fault(), base::Fault::unavailable);
  server->stop();
}

TEST_F(Client, RefusesWhatIsNoUrlOrNoRequest) {
  for (const char* bad : {"127.0.0.1:7676", "ftp://x", "http://", "http://x:", "http://x:a", "https://:1"}) {
    auto answer = call(bad, "GET", "/", "", "", 1s);
    ASSERT_FALSE(answer) << bad;
    EXPECT_EQ(answer.error().fault(), base::Fault::invalid) << bad;
  }
  EXPECT_FALSE(call("http://127.0.0.1:1", "GET", "/a\r\nX: y", "", "", 1s));
  EXPECT_FALSE(call("http://127.0.0.1:1", "GET", "/", "", "to\nken", 1s));
}

TEST_F(Client, SendsARequestToSomebodyElse) {
  std::string seen;
  backend.on_plugin = [&](const Backend::PluginRequest& request, std::function<void(Backend::PluginResponse)> done) {
    seen = std::string(request.method) + " " + std::string(request.path) + "?" + std::string(request.query);
    for (const auto& [name, value] : request.headers) {
      if (name == "x-token") seen += " " + std::string(value);
    }
    done({});
    return true;
  };
  start();
  Outgoing outgoing;
  outgoing.method = "POST";
  outgoing.url = url() + "/ping/riyadh-1?a=b";
  outgoing.headers = {{"X-Token", "s3cret"}};
  const auto answer = send(outgoing);
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->status, 200u);
  EXPECT_EQ(seen, "POST /ping/riyadh-1?a=b s3cret");
}

TEST_F(Client, WhatASecretUrlSaysIsInNoMessage) {
  Outgoing outgoing;
  outgoing.url = "http://127.0.0.1:1/s3cret-path?s3cret=query";
  const auto answer = send(outgoing);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().message().find("s3cret"), std::string::npos) << answer.error().message();
  EXPECT_NE(answer.error().message().find("http://127.0.0.1:1: Connection refused"), std::string::npos)
      << answer.error().message();
  outgoing.headers = {{"X", "a\r\nY: b"}};
  EXPECT_EQ(send(outgoing).error().fault(), base::Fault::invalid);
}

TEST_F(Client, ReadsTheAnswerToABodyThatWasTooLarge) {
  ServerSettings settings;
  settings.max_body = 1000;
  start(settings);
  auto answer = call(url(), "POST", "/x", std::string(100'000, 'b'), "", 5s);
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->status, 413u);
}

}  // namespace
}  // namespace tocsin::api
