// What a store must do, whoever keeps it: each test runs against SQLite and against PostgreSQL.
#pragma once

#include <gtest/gtest.h>

#include "storage/port.hpp"
#include "storage/postgres_server_test.hpp"
#include "storage/scratch_test.hpp"

namespace tocsin::storage {

class StoreContract : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override;

  bool postgres() const { return std::string_view(GetParam()) == "postgres"; }
  StoreSettings settings(const std::string& agent = "default") const;
  /// Opens the test's database as an agent of its own process would, with a fresh series table.
  void open(const std::string& agent = "default");
  void close();
  /// As a restart does.
  void reopen() {
    close();
    open();
  }

  CommitResult commit(const model::Changes& changes) { return must(store->commit(changes)); }
  Restored restore() { return must(store->restore(now)); }

  static model::Alert alert(const std::string& id, model::AlertState state = model::AlertState::firing);
  static model::Incident incident(const std::string& correlation_id, const std::string& title = "disk full n1");
  static model::Delivery delivery(const std::string& key, const std::string& correlation_id = "");

  void fold(model::SignalBatch batch, std::uint64_t position);
  std::vector<SeriesSamples> samples(SampleQuery query) { return must(store->samples(query)); }
  model::SeriesId id(const std::string& name, model::Labels labels = {{"host", "n1"}}) {
    return series->intern({name, std::move(labels)});
  }

  static constexpr base::Time now = base::from_ns(1'700'000'000'000'000'000);
  Scratch scratch;
  std::string url;
  std::unique_ptr<model::SeriesTable> series;
  std::unique_ptr<Store> store;
};

}  // namespace tocsin::storage
