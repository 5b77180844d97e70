// What the tests put in place of the agent, and the plugin wire.so driven from a test's body.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "plugin_host/session.hpp"
#include "plugin_host/testdata/wire.h"

namespace tocsin::plugin_host::testing {

constexpr auto patience = std::chrono::seconds(20);  ///< of a test: far beyond what anything here takes

inline tsn_str text(std::string_view s) {
  return {s.data(), static_cast<std::uint32_t>(s.size())};
}
inline std::string text(tsn_str s) {
  return std::string(s.p ? s.p : "", s.n);
}

/// Waits until something is true that other threads make so, and is told of by notify().
class Event {
 public:
  void notify(const std::function<void()>& change = [] {}) {
    std::lock_guard lock(mutex_);
    change();
    changed_.notify_all();
  }
  bool wait(const std::function<bool()>& done) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, done);
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
};

class FakePort final : public Port {
 public:
  ~FakePort() override {
    reactor_.stop();
    pool_.stop();
  }
  const base::Clock& clock() const override { return clock_; }
  model::SeriesTable& series() override { return series_; }
  base::Result<Taken> take(std::shared_ptr<model::SignalBatch> batch) override {
    std::lock_guard lock(mutex);
    if (full) return base::fail(base::Fault::exhausted, "the intake is full");
    Taken taken{static_cast<std::uint32_t>(batch->rows()), batch->first_seq};
    rows += batch->rows();
    batches.push_back(std::move(batch));
    return taken;
  }
  void rejected(model::RejectedSignal one) override {
    std::lock_guard lock(mutex);
    rejects.push_back(std::move(one));
  }
  void log(const std::string& instance, int level, std::string_view line) override {
    std::lock_guard lock(mutex);
    lines.push_back(instance + " " + std::to_string(level) + " " + std::string(line));
  }
  void metric(const std::string&, tsn_metric_kind, const std::string& name, const model::Labels& labels,
              double value) override {
    std::lock_guard lock(mutex);
    metrics[name + labels.text()] += value;
  }
  base::Result<std::optional<std::string>> kv_get(const std::string& instance, const std::string& key) override {
    std::lock_guard lock(mutex);
    auto it = kv.find(instance + "/" + key);
    return it == kv.end() || it->second.empty() ? std::nullopt : std::optional(it->second);
  }
  base::Result<void> kv_put(const std::string& instance, const std::string& key, std::string value) override {
    std::lock_guard lock(mutex);
    kv[instance + "/" + key] = std::move(value);
    return {};
  }
  base::Result<void> receipt(const std::string& instance, model::Receipt one) override {
    std::lock_guard lock(mutex);
    one.instance = instance;
    receipts.push_back(std::move(one));
    if (refusal) return base::fail(*refusal);
    return {};
  }
  base::Result<model::Answered> answer(const std::string&, model::Answer one) override {
    std::lock_guard lock(mutex);
    answers.push_back(std::move(one));
    if (refusal) return base::fail(*refusal);
    return answered;
  }
  base::Result<void> exchange(const std::string& instance, model::Exchange one) override {
    std::lock_guard lock(mutex);
    one.instance = instance;
    exchanges.push_back(std::move(one));
    if (refusal) return base::fail(*refusal);
    return {};
  }
  runtime::Reactor& reactor() override { return reactor_; }
  runtime::Executor& pool() override { return pool_; }

  bool logged(std::string_view part) {
    std::lock_guard lock(mutex);
    for (const std::string& line : lines) {
      if (line.find(part) != line.npos) return true;
    }
    return false;
  }

  base::ManualClock clock_;
  model::SeriesTable series_;
  std::mutex mutex;
  bool full = false;
  std::uint64_t rows = 0;
  std::vector<std::shared_ptr<model::SignalBatch>> batches;
  std::vector<model::RejectedSignal> rejects;
  std::vector<std::string> lines;
  std::map<std::string, double> metrics;
  std::map<std::string, std::string> kv;
  std::vector<model::Receipt> receipts;
  std::vector<model::Answer> answers;
  std::vector<model::Exchange> exchanges;
  model::Answered answered{model::IncidentStatus::acknowledged, 1042, true, "1042 acknowledged by first"};
  std::optional<base::Error> refusal;  ///< of receipts and answers

 private:
  runtime::Pool pool_{"test-pool", 3};
  runtime::Reactor reactor_{"test-reactor"};
};

/// A batch block under construction: columns can be made wrong on purpose.
class BlockBuilder {
 public:
  explicit BlockBuilder(std::uint32_t rows) {
    header.size = sizeof header, header.rows = rows, header.column_stride = sizeof(tsn_column);
  }
  template <class T>
  BlockBuilder& column(std::uint32_t id, std::uint32_t type, const std::vector<T>& values) {
    return raw(id, type, std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)));
  }
  BlockBuilder& texts(std::uint32_t id, const std::vector<std::string>& values) {
    std::string ends, bytes;
    for (const std::string& value : values) {
      bytes += value;
      auto end = static_cast<std::uint32_t>(bytes.size());
      ends.append(reinterpret_cast<const char*>(&end), 4);
    }
    return raw(id, TSN_TYPE_BYTES, ends + bytes);
  }
  BlockBuilder& raw(std::uint32_t id, std::uint32_t type, std::string bytes) {
    columns.push_back({id, type, 0, bytes.size()});
    data.push_back(std::move(bytes));
    return *this;
  }
  /// The block; valid until the next call. `spoil` may change header, directory and the whole block's bytes.
  const tsn_batch* block(const std::function<void(tsn_batch&, tsn_column*)>& spoil = [](tsn_batch&, tsn_column*) {}) {
    auto padded = [](std::size_t n) { return (n + 7) / 8 * 8; };
    header.columns = static_cast<std::uint32_t>(columns.size());
    header.directory = padded(sizeof header);
    std::size_t at = header.directory + columns.size() * sizeof(tsn_column);
    for (std::size_t i = 0; i < columns.size(); ++i) columns[i].offset = at, at = padded(at + data[i].size());
    header.bytes = at;
    words.assign(at / 8, 0);
    auto* bytes = reinterpret_cast<char*>(words.data());
    __builtin_memcpy(bytes, &header, sizeof header);
    for (std::size_t i = 0; i < columns.size(); ++i) {
      __builtin_memcpy(bytes + header.directory + i * sizeof(tsn_column), &columns[i], sizeof(tsn_column));
      __builtin_memcpy(bytes + columns[i].offset, data[i].data(), data[i].size());
    }
    spoil(*reinterpret_cast<tsn_batch*>(bytes), reinterpret_cast<tsn_column*>(bytes + header.directory));
    return reinterpret_cast<const tsn_batch*>(bytes);
  }

  tsn_batch header{};
  std::vector<tsn_column> columns;
  std::vector<std::string> data;
  std::vector<std::uint64_t> words;
};

/// `rows` rows of one series with the given timestamps and values 0, 1, 2, ….
inline BlockBuilder simple_block(tsn_series series, std::int64_t ts, std::uint32_t rows) {
  BlockBuilder out(rows);
  std::vector<double> values;
  for (std::uint32_t i = 0; i < rows; ++i) values.push_back(i);
  out.column(TSN_COL_TS, TSN_TYPE_I64, std::vector<std::int64_t>(rows, ts));
  out.column(TSN_COL_SERIES, TSN_TYPE_U64, std::vector<std::uint64_t>(rows, series));
  out.column(TSN_COL_VALUE, TSN_TYPE_F64, values);
  return out;
}

/// An instance of wire.so whose functions are the test's.
class WireTest : public ::testing::Test {
 public:
  InstanceSettings settings() {
    InstanceSettings out;
    out.name = "source.wired";
    out.type = "wire";
    base::Value config;
    config.set("wire", base::Value(static_cast<std::int64_t>(reinterpret_cast<std::intptr_t>(&wire_))));
    config.set("list", base::Value(base::Value::Array{base::Value("a"), base::Value(2.5), base::Value(true)}));
    out.config = config;
    out.labels = model::Labels{{"dc", "riyadh-1"}};
    return out;
  }
  void make() { make(settings()); }
  void make(InstanceSettings with) {
    wire_.test = this;
    auto library = load_library(TEST_PLUGINS "/wire.so");
    ASSERT_TRUE(library) << library.error().message();
    auto made = Instance::create(*library, std::move(with), port_);
    ASSERT_TRUE(made) << made.error().message();
    instance_ = *made;
  }
  void make_started() {
    make();
    auto started = instance_->start("");
    ASSERT_TRUE(started) << started.error().message();
  }
  const tsn_host* host() const { return wire_.host; }
  tsn_instance id() const { return wire_.instance; }
  tsn_series series(std::string_view name) {
    tsn_series out = 0;
    host()->series(host(), id(), text(name), nullptr, 0, &out, nullptr);
    return out;
  }
  std::int64_t now() { return base::to_ns(port_.clock_.now()); }
  base::Time in(base::Duration d) { return port_.clock_.now() + d; }

  FakePort port_;
  wire wire_{};
  Event event_;
  std::shared_ptr<Instance> instance_;
};

/// The test behind a wire, in a function without captures.
template <class Test>
Test& test_of(wire* w) {
  return *static_cast<Test*>(w->test);
}

}  // namespace tocsin::plugin_host::testing
