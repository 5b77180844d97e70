// The plugin beside an ApiServer: real connections, a clock set by hand. Waiting is for a condition.
#pragma once

#include "api_server.hpp"
#include "tocsin/testing/fake_host.hpp"

namespace tocsin_plugins::kube::testing {

using namespace std::chrono_literals;
using tsn::Value;

inline std::string pod(const std::string& name, int restarts, const std::string& waiting = {},
                       const std::string& phase = "Running") {
  const auto state =
      waiting.empty() ? R"({"running":{}})" : R"({"waiting":{"reason":")" + waiting + R"(","message":"back-off"}})";
  return R"({"metadata":{"name":")" + name +
         R"(","namespace":"etl","resourceVersion":"RV"},"spec":{"nodeName":"n1"},"status":{"phase":")" + phase +
         R"(","conditions":[{"type":"Ready","status":")" + (waiting.empty() ? "True" : "False") +
         R"("}],"containerStatuses":[{"name":"app","restartCount":)" + std::to_string(restarts) + R"(,"state":)" +
         state + "}]}}";
}

inline std::string event(const std::string& uid, int count, const std::string& at = "2026-11-20T09:59:00Z",
                         const std::string& type = "Warning") {
  return R"({"metadata":{"name":"x.)" + uid + R"(","namespace":"etl","uid":")" + uid +
         R"(","resourceVersion":"RV"},"involvedObject":{"kind":"Pod","namespace":"etl","name":"load-1"},)" +
         R"("reason":"BackOff","message":"Back-off restarting","type":")" + type + R"(","count":)" +
         std::to_string(count) + R"(,"lastTimestamp":")" + at + R"("})";
}

class Cluster : public ::testing::Test {
 protected:
  static constexpr auto pods = "/api/v1/pods", events = "/api/v1/events", nodes = "/api/v1/nodes";

  void begin(std::vector<std::string> watch, Value config = Value::table(), std::string_view cursor = {}) {
    if (!config.find("url")) config.set("url", server_.url());
    auto list = Value::array();
    for (auto& word : watch) list.push(Value(word));
    config.set("watch", list);
    instance_ = host_.create("kubernetes", config, "cluster");
    ASSERT_EQ(instance_->start(cursor).status, TSN_OK);
  }
  void end() { instance_.reset(); }

  /// Waits (really) until it is so.
  template <class Condition>
  [[nodiscard]] bool until(Condition&& holds, std::chrono::milliseconds at_most = 10s) {
    const auto last = std::chrono::steady_clock::now() + at_most;
    while (!holds()) {
      if (std::chrono::steady_clock::now() > last) return false;
      server_.moment();
    }
    return true;
  }
  bool watched(const std::string& path, std::size_t times = 1) {
    return until([&] { return server_.watches(path) >= times; });
  }
  /// "name{label=value,…}" of a row.
  static std::string spelled(const tsn::testing::Row& row) {
    std::string labels;
    for (const auto& [name, value] : row.labels) labels += (labels.empty() ? "" : ",") + name + "=" + value;
    return row.name + "{" + labels + "}";
  }
  /// "value" or "ended", in order, of the rows of one series.
  std::vector<std::string> told(const std::string& series) const {
    std::vector<std::string> all;
    for (const auto& row : host_.rows()) {
      if (spelled(row) != series) continue;
      auto value = std::to_string(row.value);
      value.erase(value.find_last_not_of('0') + 1);
      if (value.ends_with('.')) value.pop_back();
      all.push_back(row.flags & TSN_ROW_STALE ? "ended" : value);
    }
    return all;
  }
  bool has_told(const std::string& series, std::size_t times = 1) {
    return until([&] { return told(series).size() >= times; });
  }
  double counted(const std::string& name) const {
    const auto all = host_.metrics();
    const auto at = all.find(name);
    return at == all.end() ? 0 : at->second;
  }
  static std::string restarts(const std::string& name) {
    return "kubernetes.container.restarts{container=app,namespace=etl,node=n1,pod=" + name + "}";
  }
  static std::string waiting(const std::string& name, const std::string& reason) {
    return "kubernetes.container.waiting{container=app,namespace=etl,node=n1,pod=" + name + ",reason=" + reason + "}";
  }
  static std::string back_off() {
    return "kubernetes.event{kind=Pod,name=load-1,namespace=etl,reason=BackOff,type=Warning}";
  }
  using Told = std::vector<std::string>;

  ApiServer server_;
  tsn::testing::FakeHost host_;
  std::unique_ptr<tsn::testing::FakeInstance> instance_;
};

}  // namespace tocsin_plugins::kube::testing
