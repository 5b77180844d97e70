// A machine's /proc and /sys in a directory, and what the source says of it.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>

#include "tocsin/testing/fake_host.hpp"

namespace tocsin_plugins {

class HostTree : public ::testing::Test {
 protected:
  HostTree() {
    char name[] = "/tmp/tocsin-host-XXXXXX";
    root_ = mkdtemp(name);
    write("proc/meminfo", "MemTotal: 1000 kB\nMemAvailable: 250 kB\n");
    write("proc/uptime", "1000.00 500.00\n");
  }
  ~HostTree() override { std::filesystem::remove_all(root_); }
  void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path, std::ios::binary) << text;
  }
  void create(std::vector<std::pair<std::string, tsn::Value>> options) {
    tsn::Value table = tsn::Value::table({{"root", root_.string()}});
    for (auto& [key, value] : options) table.set(key, std::move(value));
    instance_ = host_.create({}, table);
  }
  /// Polls ten seconds after the last time; what was said is in values_ by "name{label=value,…}" without `host`.
  void poll() {
    host_.advance(std::chrono::seconds(10));
    host_.clear();
    ASSERT_EQ(instance_->pull().status, TSN_OK);
    values_.clear();
    for (const auto& row : host_.rows()) {
      std::string key = row.name, labels;
      for (const auto& [label, text] : row.labels)
        if (label != "host") labels += (labels.empty() ? "" : ",") + label + "=" + text;
      values_[labels.empty() ? key : key + "{" + labels + "}"] = row.value;
    }
  }
  bool has(const std::string& key) const { return values_.contains(key); }
  double at(const std::string& key) const { return has(key) ? values_.at(key) : -1; }

  std::filesystem::path root_;
  tsn::testing::FakeHost host_;
  std::unique_ptr<tsn::testing::FakeInstance> instance_;
  std::map<std::string, double> values_;
};

}  // namespace tocsin_plugins
