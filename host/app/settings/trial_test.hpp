// For the tests of this room: a folder of its own, plugins that are only described, and one call from TOML to settings.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "settings/load.hpp"
#include "settings/trial_plugins.hpp"

namespace tocsin::settings {

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
    const LoadRequest request{(directory_ / "agent.toml").string(),
                              plugins_,
                              [this](const std::string& name) -> std::optional<std::string> {
                                auto it = variables_.find(name);
                                return it == variables_.end() ? std::nullopt : std::optional(it->second);
                              },
                              {},
                              now_};
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
  base::Time now_ = base::from_ns(1'767'225'600'000'000'000);  ///< 2026-01-01

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
