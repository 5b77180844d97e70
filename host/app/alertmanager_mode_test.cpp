// `tocsin alertmanager` and `tocsin import` as settings: what the flags and the YAML come to, checked by those who read
// agent.toml too.
#include "app/alertmanager_mode.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <fstream>

#include "alertmanager/import.hpp"
#include "app/cli/commands.hpp"

namespace tocsin::app {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

AlertmanagerFlags flags_of(std::vector<std::string> arguments) {
  AlertmanagerFlags flags;
  CLI::App app("test");
  CLI::App* command = app.add_subcommand("alertmanager");
  add_alertmanager_flags(*command, flags);
  arguments.insert(arguments.begin(), "alertmanager");
  arguments = alertmanager_arguments(std::move(arguments), "tocsin");
  std::ranges::reverse(arguments);
  app.parse(std::move(arguments));
  return flags;
}

/// The notifiers, as far as they are configured here.
std::vector<settings::KnownPlugin> notifiers() {
  using enum base::OptionType;
  using base::Option;
  const auto text = [](const char* key) { return Option{.key = key, .type = string}; };
  const auto secret = [](const char* key) { return Option{.key = key, .type = string, .secret = true}; };
  const Option required_url{.key = "url", .type = string, .required = true, .secret = true};
  std::vector<settings::KnownPlugin> out;
  out.push_back({{.id = "webhook",
                  .kinds = model::kind_notifier,
                  .options = {required_url,
                              {.key = "headers", .type = table, .secret = true},
                              text("username"),
                              secret("password"),
                              {.key = "max_alerts", .type = integer},
                              text("ca_file"),
                              text("proxy_url")},
                  .notifier_features = 1}});
  out.push_back({{.id = "email",
                  .kinds = model::kind_notifier,
                  .options = {text("url"), text("from"), text("username"), secret("password"), text("starttls"),
                              text("ca_file"), text("helo"), text("reply_to")},
                  .address_field = "email"}});
  out.push_back({{.id = "slack",
                  .kinds = model::kind_notifier,
                  .options = {secret("webhook_url"), secret("token"), text("channel"), text("api_url"), text("ca_file"),
                              text("proxy_url")},
                  .address_field = "slack",
                  .notifier_features = 3}});
  return out;
}

class Mode : public testing::Test {
 protected:
  Mode()
      : directory_(fs::temp_directory_path() / ("tocsin-am-" + std::to_string(::getpid()) + "-" +
                                                testing::UnitTest::GetInstance()->current_test_info()->name())) {
    fs::create_directories(directory_);
  }
  ~Mode() override { fs::remove_all(directory_); }

  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(directory_ / name) << text;
    return (directory_ / name).string();
  }
  settings::Loaded load(const std::string& yaml, std::vector<std::string> arguments = {}) {
    arguments.push_back("--config.file=" + write("am.yml", yaml));
    arguments.push_back("--storage.path=" + directory_.string());
    mode_ = std::make_shared<AlertmanagerMode>(flags_of(std::move(arguments)));
    return reload();
  }
  settings::Loaded reload() {
    const AgentOptions options = mode_->options();
    return settings::load({"", plugins_, options.environment, options.read_tree}, last_good_);
  }
  std::string errors(const settings::Loaded& loaded) const {
    std::string out;
    for (const auto& each : loaded.diagnostics) {
      if (each.level == config::Diagnostic::Level::error) out += each.text() + "\n";
    }
    return out;
  }

  const fs::path directory_;
  std::vector<settings::KnownPlugin> plugins_ = notifiers();
  std::map<std::string, std::string> last_good_;
  std::shared_ptr<AlertmanagerMode> mode_;
};

const std::string small =
    "global: {resolve_timeout: 2m}\nroute: {receiver: a, group_wait: 1s, group_interval: 1s, repeat_interval: 1ms}\n"
    "receivers:\n- name: a\n  webhook_configs:\n  - url: http://127.0.0.1:5001/\n";

TEST_F(Mode, MakesRoutesAndNotifiersOfTheYaml) {
  const auto loaded = load(small);
  ASSERT_EQ(errors(loaded), "");
  const auto& root = *loaded.routing.root;
  EXPECT_EQ(root.receiver_name(), "a");
  EXPECT_EQ(root.notify, std::vector<std::string>{"a-webhook"});
  EXPECT_EQ(root.group_by, std::vector<std::string>{});
  EXPECT_EQ(root.repeat_interval, 1ms);
  EXPECT_FALSE(root.tier);
  EXPECT_EQ(loaded.routing.resolve_timeout, 2min);
  EXPECT_EQ(loaded.routing.receivers, std::vector<std::string>{"a"});
  EXPECT_TRUE(loaded.routing.severity.as_received);
  EXPECT_TRUE(loaded.rules.empty());
}

TEST_F(Mode, GivesSecretsToTheNotifierAlone) {
  const auto loaded = load(
      "route: {receiver: a}\nreceivers:\n- name: a\n  webhook_configs:\n  - url: "
      "http://u:file:x@h/${file:/etc/passwd}\n");
  ASSERT_EQ(errors(loaded), "");
  for (const auto& instance : loaded.instances) {
    if (instance.name != "a-webhook") continue;
    EXPECT_EQ(*instance.config.find("url")->string(), "http://h/${file:/etc/passwd}");
    return;
  }
  FAIL() << "there is no notifier";
}

TEST_F(Mode, AReloadThatIsRefusedKeepsTheSecretsInUse) {
  const auto loaded = load("route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{url: 'http://one/'}]}]\n");
  write("am.yml", "route: {receiver: b}\nreceivers: [{name: a, webhook_configs: [{url: 'http://two/'}]}]\n");
  EXPECT_FALSE(reload().usable());
  for (const auto& instance : loaded.instances) {
    if (instance.name != "a-webhook") continue;
    EXPECT_EQ(mode_->variable(instance.options.find("url")->string()->substr(4)), "http://one/");
  }
}

TEST_F(Mode, EndsAreToldByIntegrationAsItsDefaultIs) {
  const auto loaded = load(
      "global: {smtp_smarthost: 'h:25', smtp_from: a@b}\nroute: {receiver: a}\nreceivers:\n- name: a\n"
      "  webhook_configs: [{url: 'http://x/'}]\n  email_configs: [{to: c@d}]\n");
  ASSERT_EQ(errors(loaded), "");
  EXPECT_TRUE(loaded.routing.channels.at("a-webhook").send_resolved);
  EXPECT_FALSE(loaded.routing.channels.at("a-email").send_resolved);
}

TEST_F(Mode, HonoursTheFlagsOfTheListener) {
  const auto loaded = load(small, {"--web.listen-address=:9193", "--web.listen-address", "127.0.0.1:9194",
                                   "--web.external-url=https://am.corp/x/", "--log.level=warn", "--log.format=json"});
  ASSERT_EQ(errors(loaded), "");
  EXPECT_EQ(loaded.agent.http.listen, ":9193");
  EXPECT_EQ(loaded.agent.http.also_listen, std::vector<std::string>{"127.0.0.1:9194"});
  EXPECT_EQ(loaded.agent.http.external_url, "https://am.corp/x");
  EXPECT_EQ(loaded.agent.http.route_prefix, "/x");
  EXPECT_EQ(loaded.agent.log.level, "warn");
  EXPECT_EQ(loaded.agent.log.format, "json");
  EXPECT_EQ(loaded.agent.data_dir, directory_.string());
}

TEST_F(Mode, TheRoutePrefixMayDifferFromTheExternalUrl) {
  EXPECT_EQ(load(small, {"--web.external-url=https://am.corp/x/", "--web.route-prefix=/"}).agent.http.route_prefix, "");
  EXPECT_EQ(load(small, {"--web.route-prefix=foo"}).agent.http.route_prefix, "/foo");
}

TEST_F(Mode, RefusesToServeWithoutThePasswordThatTheWebConfigAsksFor) {
  const std::string web = write("web.yml", "basic_auth_users: {a: b}\n");
  EXPECT_NE(errors(load(small, {"--web.config.file=" + web})).find("basic_auth_users"), std::string::npos);
}

TEST_F(Mode, ABadFileIsAnErrorWithItsPlace) {
  const auto loaded = load("route: {receiver: b}\nreceivers: [{name: a}]\n");
  EXPECT_NE(errors(loaded).find("am.yml:1:19: error: route: receiver: there is no receiver \"b\""), std::string::npos)
      << errors(loaded);
}

TEST_F(Mode, ShowsTheFileWithoutSecrets) {
  const auto loaded = load("global: {slack_api_url: 'https://s/x'}\nroute: {receiver: a}\nreceivers: [{name: a}]\n");
  EXPECT_EQ(loaded.shown,
            "global:\n  slack_api_url: <secret>\nroute:\n  receiver: \"a\"\nreceivers:\n  - name: \"a\"\n");
}

// --- flags ---

TEST(AlertmanagerFlags, TakeBothForms) {
  EXPECT_EQ(flags_of({"--config.file=x.yml"}).config_file, "x.yml");
  EXPECT_EQ(flags_of({"--config.file", "x.yml"}).config_file, "x.yml");
  EXPECT_EQ(flags_of({"--cluster.listen-address="}).cluster_listen, "");
  EXPECT_EQ(flags_of({"--cluster.listen-address", ""}).cluster_listen, "");
  EXPECT_FALSE(flags_of({"--no-web.systemd-socket"}).systemd_socket);
}

TEST(AlertmanagerFlags, RefuseWhatAlertmanagerHasNot) {
  EXPECT_THROW(flags_of({"--confg.file=x"}), CLI::ParseError);
  EXPECT_THROW(flags_of({"more"}), CLI::ParseError);
  EXPECT_THROW(flags_of({"--log.level=loud"}), CLI::ParseError);
  EXPECT_FALSE(check_flags(flags_of({"--data.retention=5d"})));
  EXPECT_FALSE(check_flags(flags_of({"--web.external-url=am.corp"})));
  EXPECT_TRUE(check_flags(flags_of({"--cluster.settle-timeout", "0s", "--web.timeout=-1s"})));
}

TEST(AlertmanagerFlags, PeersThatNameTheSameSetShareASchema) {
  const auto a = flags_of({"--cluster.listen-address=10.0.0.1:9094", "--cluster.peer=10.0.0.2:9094"});
  const auto b =
      flags_of({"--cluster.listen-address=10.0.0.2:9094", "--cluster.peer=10.0.0.1:9094", "--storage.path=/b"});
  const auto c =
      flags_of({"--cluster.peer=10.0.0.2:9094", "--cluster.peer=10.0.0.1:9094", "--cluster.peer=10.0.0.2:9094"});
  const auto other = flags_of({"--cluster.listen-address=10.0.0.1:9094", "--cluster.peer=10.0.0.3:9094"});
  EXPECT_EQ(schema_of(a), schema_of(b));
  EXPECT_EQ(schema_of(a), schema_of(c));
  EXPECT_NE(schema_of(a), schema_of(other));
  EXPECT_EQ(schema_of(a).size(), 26u);
}

TEST(AlertmanagerFlags, OneThatIsAloneHasASchemaByItsStorage) {
  const auto one = flags_of({"--storage.path=/a"}), same = flags_of({"--storage.path=/a/"}),
             two = flags_of({"--storage.path=/b"});
  const auto itself =
      flags_of({"--storage.path=/a", "--cluster.listen-address=127.0.0.1:9", "--cluster.peer=127.0.0.1:9"});
  EXPECT_NE(schema_of(one), schema_of(two));
  EXPECT_EQ(schema_of(one), schema_of(itself));
  EXPECT_EQ(schema_of(one), schema_of(same));
  EXPECT_TRUE(cluster_of(itself).empty());
}

TEST(AlertmanagerFlags, CalledByItsNameTheProgramIsAlertmanager) {
  EXPECT_EQ(alertmanager_arguments({"--version"}, "/usr/bin/prometheus-alertmanager"),
            (std::vector<std::string>{"alertmanager", "--version"}));
  EXPECT_EQ(alertmanager_arguments({"run"}, "/usr/bin/tocsin"), std::vector<std::string>{"run"});
}

// --- import ---

TEST_F(Mode, WhatIsImportedIsAGoodConfiguration) {
  std::string yaml;
  for (std::ifstream in(std::string(TOCSIN_TOP) + "/host/app/alertmanager/testdata/shop.yml");
       std::getline(in, yaml, '\0');)
    break;
  const auto imported = alertmanager::import_document(yaml, "shop.yml");
  fs::create_directories(directory_ / "secrets");
  for (const auto& [file, secret] : imported.secrets) write(file, secret);
  const std::string file = write("agent.toml", imported.toml);
  const auto loaded = settings::load({file, plugins_, [](const std::string&) { return std::nullopt; }, {}}, last_good_);
  EXPECT_EQ(errors(loaded), "") << imported.toml;
  EXPECT_TRUE(loaded.routing.severity.as_received);
  EXPECT_EQ(loaded.routing.root->routes.size(), 3u);
  EXPECT_EQ(loaded.routing.root->routes[0].receiver_name(), "payments");
  EXPECT_EQ(loaded.routing.contacts.at("ops-shop-example").email, "ops@shop.example");
}

}  // namespace
}  // namespace tocsin::app
