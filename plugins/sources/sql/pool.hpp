// A few connections to one database, kept open between runs. [any]
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "database.hpp"

namespace tocsin_plugins::sql {

class Pool {
 public:
  Pool(const tsn::Context& ctx, Address address, bool require_read_only)
      : ctx_(ctx), address_(std::move(address)), require_read_only_(require_read_only) {}

  /// One that is at rest and still there, or a new one. After a failure to connect none is tried for 1 s, then 2 s and
  /// so on up to a minute; meanwhile the same failure is thrown. The first one has its rights looked at.
  std::unique_ptr<Connection> take(const Until& until);
  void give_back(std::unique_ptr<Connection> connection);
  void close();
  const Address& address() const { return address_; }
  bool requires_read_only() const { return require_read_only_; }

 private:
  std::unique_ptr<Connection> take_idle();
  std::unique_ptr<Connection> open_new(const Until& until);
  void audit(Connection& connection, const Until& until);

  const tsn::Context& ctx_;
  const Address address_;
  const bool require_read_only_;
  std::mutex mutex_;
  std::mutex audit_mutex_;
  bool audited_ = false;
  std::vector<std::unique_ptr<Connection>> idle_;
  int failures_ = 0;
  tsn::Time not_before_ = 0;
  tsn::Status last_failure_ = tsn::ok;
};

}  // namespace tocsin_plugins::sql
