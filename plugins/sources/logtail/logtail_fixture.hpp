// A directory of logs and an agent that follows it, on a host whose clock stands still.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <set>

#include "timestamp/timestamp.hpp"
#include "tocsin/testing/fake_host.hpp"

namespace tocsin_plugins::logtail {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using tsn::Value;
using tsn::testing::FakeHost;

constexpr tsn::Time second = 1'000'000'000;
constexpr tsn::Time ten_o_clock = 1'795'168'800 * second;  // 2026-11-20T10:00:00Z, where the fake clock stands

class LogtailFixture : public ::testing::Test {
 protected:
  LogtailFixture() {
    std::string name = ::testing::TempDir() + "logtail_XXXXXX";
    root_ = ::mkdtemp(name.data());
  }
  ~LogtailFixture() override {
    source_.reset();
    EXPECT_EQ(host_.violations(), std::vector<std::string>());
    fs::remove_all(root_);
  }

  std::string path(const std::string& name) const { return root_ + "/" + name; }
  void append(const std::string& name, const std::string& text) {
    std::ofstream(path(name), std::ios::app | std::ios::binary) << text;
  }
  void overwrite(const std::string& name, const std::string& text) {
    std::ofstream(path(name), std::ios::trunc | std::ios::binary) << text;  // the same inode
  }
  void rename(const std::string& from, const std::string& to) { fs::rename(path(from), path(to)); }

  /// Options as JSON members; `paths` are names in the directory.
  Value config(const std::string& json, const std::vector<std::string>& names) {
    auto made = tsn::testing::from_json("{" + json + "}");
    auto paths = Value::array();
    for (const auto& name : names) paths.push(path(name));
    return made.set("paths", paths), made;
  }
  void start(const std::string& json = {}, const std::vector<std::string>& names = {"a.log"}) {
    config_ = config(json, names);
    source_ = host_.create("logtail", config_);
    const auto started = source_->start(host_.cursor().value_or(""));
    ASSERT_EQ(started.status, TSN_OK) << started.text;
  }
  void start_from_beginning(const std::string& json = {}, const std::vector<std::string>& names = {"a.log"}) {
    start(R"("start": "beginning")" + (json.empty() ? "" : ", " + json), names);
  }
  /// What kill -9 does: nothing more gets out.
  void kill() {
    host_.refuse_submits(1'000'000);
    source_.reset();
    host_.refuse_submits(0);
  }
  void restart() {
    source_ = host_.create("logtail", config_);
    source_->start(host_.cursor().value_or(""));
  }
  tsn_status poll() { return source_->pull().status; }
  std::vector<std::string> texts() const {
    std::vector<std::string> all;
    for (const auto& row : host_.rows()) all.push_back(row.text);
    return all;
  }
  tsn::testing::Answer refused(const std::string& json, const std::vector<std::string>& names = {"a.log"}) {
    tsn::testing::Answer answer;
    const auto& type = host_.type();
    EXPECT_EQ(host_.create_raw(type, tsn::testing::completed(config(json, names), type), answer), nullptr);
    return answer;
  }
  double metric(const std::string& name) { return host_.metrics()[name]; }

  std::string root_;
  FakeHost host_;
  Value config_;
  std::unique_ptr<tsn::testing::FakeInstance> source_;
};
using Texts = std::vector<std::string>;

}  // namespace tocsin_plugins::logtail
