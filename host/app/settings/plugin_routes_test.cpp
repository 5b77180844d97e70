#include "settings/plugin_routes.hpp"

#include <gtest/gtest.h>

namespace tocsin::settings {
namespace {

using base::Value;

const std::vector<model::RouteDoc> told = {{"POST", "/fixed", ""}, {"POST", "{callback.path}", "receipts"}};

Value with_path(const char* path) {
  Value callback{Value::Table()}, config{Value::Table()};
  callback.set("path", path);
  config.set("callback", std::move(callback));
  return config;
}

std::vector<KnownPlugin> phone_plugin() {
  return {{{.id = "sms", .kinds = model::kind_notifier, .routes = told}, true},
          {{.id = "hook", .kinds = model::kind_source, .routes = {{"POST", "/hook", ""}}}, true}};
}

Instance phone_instance(const char* name, const char* path, const char* plugin = "sms") {
  Instance made;
  made.kind = "notifier";
  made.name = name;
  made.plugin = plugin;
  made.config = made.options = with_path(path);
  return made;
}

std::string fault_of(const char* path) {
  const auto fault = route_fault({phone_instance("sms", path)}, 0, phone_plugin());
  return fault ? fault->message : "";
}

TEST(PluginRoutes, APathIsWhatTheConfigurationHasAtTheKey) {
  const auto routes = routes_of(told, with_path("/callbacks/sms"));
  ASSERT_EQ(routes.size(), 2u);
  EXPECT_EQ(routes[0].path, "/fixed");
  EXPECT_EQ(routes[1].path, "/callbacks/sms");
  EXPECT_EQ(routes[1].method, "POST");
  EXPECT_EQ(routes[1].doc, "receipts");
}

TEST(PluginRoutes, WithoutTheKeyThereIsNoRoute) {
  EXPECT_EQ(routes_of(told, Value(Value::Table())).size(), 1u);
  EXPECT_EQ(routes_of(told, with_path("")).size(), 1u);
  EXPECT_EQ(routes_of(told, Value()).size(), 1u);
}

TEST(PluginRoutes, PathsOfTheAgentAreRefused) {
  for (const char* path : {"/api/v1/incidents", "/api/v1", "/api/v2/alerts", "/healthz", "/metrics", "/"})
    EXPECT_NE(fault_of(path).find("the agent's own"), std::string::npos) << path;
  EXPECT_EQ(fault_of("/api/v1/integrations/sms"), "");
  EXPECT_EQ(fault_of("/api/v10/sms"), "");
}

TEST(PluginRoutes, APathIsAPath) {
  EXPECT_EQ(fault_of("callbacks/sms"), "[notifier.sms] callback.path: \"callbacks/sms\" a path begins with \"/\"");
  for (const char* path : {"/a b", "/a?b", "/a#b", "/a/*"}) EXPECT_NE(fault_of(path), "") << path;
}

TEST(PluginRoutes, TwoInstancesNeedPathsOfTheirOwn) {
  const std::vector<Instance> all = {phone_instance("sms", "/cb"), phone_instance("sms2", "/cb")};
  EXPECT_FALSE(route_fault(all, 0, phone_plugin()));
  const auto fault = route_fault(all, 1, phone_plugin());
  ASSERT_TRUE(fault);
  EXPECT_NE(fault->message.find("[notifier.sms] serves it already"), std::string::npos) << fault->message;
}

TEST(PluginRoutes, APluginsFixedPathIsNotToBeHad) {
  const std::vector<Instance> all = {phone_instance("sms", "/hook"), phone_instance("in", "/x", "hook")};
  EXPECT_TRUE(route_fault(all, 0, phone_plugin()));
  EXPECT_FALSE(route_fault(all, 1, phone_plugin()));
}

TEST(PluginRoutes, ADisabledInstanceServesNothing) {
  std::vector<Instance> all = {phone_instance("sms", "/cb"), phone_instance("sms2", "/cb")};
  all[0].enabled = false;
  EXPECT_FALSE(route_fault(all, 1, phone_plugin()));
}

}  // namespace
}  // namespace tocsin::settings
