// Leases, alerts passed on, the agents of one database, and rules' queries. Times are the server's: agents' clocks need
// not agree.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "storage/postgres/database.hpp"
#include "storage/sql/store.hpp"

namespace tocsin::storage::postgres {

class PostgresShared final : public sql::FencedStore {
 public:
  /// `database` outlives it.
  PostgresShared(PostgresDatabase& database, std::string agent) : database_(database), agent_(std::move(agent)) {}

  base::Result<bool> lease(std::string_view name, base::Duration lasts, std::string_view address) override;
  base::Result<void> release(std::string_view name) override;
  base::Result<std::optional<Holder>> holder(std::string_view name) override;
  base::Result<std::vector<PassedAlert>> passed_alerts(std::size_t most) override;
  base::Result<void> wait_for_passed(base::Duration most) override;
  base::Result<void> check_decides(sql::Transaction& t) override;
  base::Result<void> announce_passed(sql::Transaction& t) override;
  base::Result<std::vector<model::Member>> meet(std::string_view address, std::string_view version) override;
  base::Result<void> leave() override;
  base::Result<bool> claim(std::string_view member) override;
  base::Result<void> disclaim(std::string_view member) override;
  base::Result<model::RuleAnswer> ask(const std::string& query, base::Duration timeout, std::size_t most_rows) override;

 private:
  base::Result<std::uint64_t> change(std::string_view statement, std::initializer_list<sql::Param> params);
  base::Result<model::RuleAnswer> ask_on(Connection& connection, const std::string& query, base::Duration timeout,
                                         std::size_t most_rows);
  base::Result<bool> reader_role(Connection& connection);

  std::int64_t epoch(std::string_view name) const;
  void set_epoch(std::string_view name, std::int64_t epoch);

  PostgresDatabase& database_;
  const std::string agent_;
  // Which times the lease went to a new holder this process is: another process of the same name is another holder.
  mutable std::mutex epochs_mutex_;
  std::map<std::string, std::int64_t, std::less<>> epochs_;
  std::unique_ptr<Connection> listener_;
  // Rules' queries have a connection of their own, so that a slow one delays no decision; one at a time.
  std::mutex asking_;
  std::unique_ptr<Connection> asker_;
  bool looked_for_role_ = false;
};

}  // namespace tocsin::storage::postgres
