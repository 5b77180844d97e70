// For the tests of this room: a folder of its own, plugins that are only described, and one call from TOML to settings.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "settings/load.hpp"

namespace tocsin::settings {

inline std::vector<KnownPlugin> plugins_for_tests() {
  using enum base::OptionType;
  using base::Option;
  std::vector<KnownPlugin> out;
  const auto add = [&](model::PluginType type, bool bundled = true) { out.push_back({std::move(type), bundled}); };
  add({.id = "host",
       .kinds = model::kind_source,
       .options = {Option{.key = "root", .type = string, .fallback = "\"/\""}},
       .signals = {{"host.memory.used_percent", "%", "host", ""},
                   {"host.disk.used_percent", "%", "host,mount,device,fstype", ""}}});
  add({.id = "http",
       .kinds = model::kind_source,
       .signals = {{"*", "", "*", ""}},
       .routes = {{"POST", "/api/v1/signals/bulk", ""}}});
  add({.id = "generator",
       .kinds = model::kind_source,
       .signals = {{"etl.run", "1", "loader,status", ""}, {"etl.rows", "1", "loader", ""}}});
  add({.id = "logtail",
       .kinds = model::kind_source,
       .options = {Option{.key = "paths", .type = array, .required = true, .doc = "Files to read."},
                   Option{.key = "start", .type = string, .fallback = "\"end\"", .choices = {"end", "beginning"}},
                   Option{.key = "max_age", .type = duration}, Option{.key = "match", .type = array}}});
  add({.id = "threshold",
       .kinds = model::kind_detector,
       .rule_options = {
           Option{.key = "op", .type = string, .choices = {">", ">=", "<", "<=", "==", "!=", "EXISTS", "ABSENT"}},
           Option{.key = "threshold", .type = number}, Option{.key = "tiers", .type = array},
           Option{.key = "divide_by", .type = string}, Option{.key = "min_count", .type = integer, .min = "0"}}});
  add({.id = "lua", .kinds = model::kind_detector});
  add({.id = "email",
       .kinds = model::kind_notifier,
       .options = {Option{.key = "url", .type = string, .required = true, .doc = "The server."},
                   Option{.key = "username", .type = string}, Option{.key = "from", .type = string},
                   Option{.key = "password", .type = string, .secret = true},
                   Option{.key = "timeout", .type = duration}, Option{.key = "proxy_url", .type = string}},
       .address_field = "email"});
  add({.id = "terminal", .kinds = model::kind_notifier, .notifier_features = 1});
  add({.id = "slack",
       .kinds = model::kind_notifier,
       .options = {Option{.key = "token", .type = string, .secret = true}, Option{.key = "channel", .type = string}},
       .address_field = "slack",
       .notifier_features = 2});
  add({.id = "jira",
       .kinds = model::kind_tracker,
       .options = {Option{.key = "project", .type = string, .required = true}}});
  return out;
}

class Trial : public testing::Test {
 public:
  Trial()
      : directory_(std::filesystem::temp_directory_path() /
                   ("tocsin-settings-" + std::to_string(getpid()) + "-" + std::to_string(++count()))) {
    std::filesystem::create_directories(directory_ / "conf.d");
    std::filesystem::create_directories(directory_ / "rules.d");
  }
  ~Trial() override { std::filesystem::remove_all(directory_); }

  void write(const std::string& name, std::string_view text) { std::ofstream(directory_ / name) << text; }
  /// Loads the folder as it is.
  Loaded reload() {
    const LoadRequest request{(directory_ / "agent.toml").string(), plugins_,
                              [this](const std::string& name) -> std::optional<std::string> {
                                auto it = variables_.find(name);
                                return it == variables_.end() ? std::nullopt : std::optional(it->second);
                              }};
    return settings::load(request, last_good_);
  }
  Loaded load(std::string_view text) {
    write("agent.toml", text);
    return reload();
  }
  /// What is said, a line each, with the folder's name taken out.
  std::string says(const Loaded& loaded) const {
    std::string out;
    const std::string folder = directory_.string() + "/";
    for (const config::Diagnostic& d : loaded.diagnostics) {
      std::string line = d.text();
      for (std::size_t at; (at = line.find(folder)) != line.npos;) line.erase(at, folder.size());
      out += line + "\n";
    }
    return out;
  }
  std::string says(std::string_view text) { return says(load(text)); }

  std::filesystem::path directory_;
  std::vector<KnownPlugin> plugins_ = plugins_for_tests();
  std::map<std::string, std::string> variables_, last_good_;

 private:
  static int& count() {
    static int n = 0;
    return n;
  }
};

/// One wrong configuration and what is said about it, to the letter.
struct Wrong {
  const char* name;
  const char* text;
  const char* says;
};
inline std::string wrong_name(const testing::TestParamInfo<Wrong>& each) {
  return each.param.name;
}

}  // namespace tocsin::settings
