// A server on a free port with the fake backend behind it.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "api/client.hpp"
#include "api/json_reader.hpp"
#include "api/server.hpp"
#include "api/testing/fake_backend.hpp"
#include "api/testing/raw_client.hpp"

namespace tocsin::api::testing {

class ServerTest : public ::testing::Test {
 protected:
  void start(ServerSettings settings = {}) {
    if (settings.listen == ServerSettings().listen) settings.listen = "127.0.0.1:0";
    auto started = Server::start(std::move(settings), backend, metrics);
    ASSERT_TRUE(started) << started.error().message();
    server = std::move(*started);
  }
  void TearDown() override {
    if (server) server->stop();
  }
  std::uint16_t port() const { return server->port(); }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port()); }

  /// One request on a connection of its own.
  RawAnswer ask(std::string_view method, std::string_view target, std::string_view body = {},
                std::string_view headers = {}) {
    RawClient client(port());
    client.send(request(method, target, body, headers));
    return client.receive(method == "HEAD");
  }
  static std::string request(std::string_view method, std::string_view target, std::string_view body = {},
                             std::string_view headers = {}) {
    std::string out(method);
    out.append(" ").append(target).append(" HTTP/1.1\r\nHost: localhost\r\n").append(headers);
    if (!body.empty()) out += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    return out.append("\r\n").append(body);
  }
  static base::Value json(const std::string& body) {
    auto value = read_json(body);
    EXPECT_TRUE(value) << (value ? "" : value.error().message()) << "\n" << body;
    return value ? std::move(*value) : base::Value();
  }
  /// The string at a path of members, as in text(value, "items", 0, "title").
  static std::string text(const base::Value& value, std::string_view key) {
    const base::Value* found = value.find(key);
    return found == nullptr || found->string() == nullptr ? "(no string " + std::string(key) + ")" : *found->string();
  }

  FakeBackend backend;
  telemetry::Metrics metrics;
  std::unique_ptr<Server> server;
};

}  // namespace tocsin::api::testing
