// One connection to PostgreSQL: libpqxx's exceptions become Errors here. One thread at a time; the pool sees to that.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <pqxx/pqxx>
#include <span>
#include <string>
#include <string_view>

#include "storage/port.hpp"
#include "storage/sql/database.hpp"

namespace tocsin::storage::postgres {

/// The url for libpq with the password, limits and session settings added; and the one for messages, without a
/// password. With a schema (a plain name) all names of tables mean those in it.
struct Address {
  std::string conninfo, shown;
};
Address address_of(const StoreSettings& settings);

/// Runs `work` and turns what libpqxx throws into an Error that names the server.
template <class Work>
auto guarded(const Address& address, std::string_view what, Work&& work) -> decltype(work());
base::Error error_of_current_exception(const Address& address, std::string_view what);

/// Hands over the next bytes of a COPY; leaves `to` empty at the end.
using NextBytes = std::function<void(std::string& to)>;

/// A connection of libpqxx that lends its handle: libpqxx has no COPY of binary rows.
class Link final : public pqxx::connection_base {
 public:
  explicit Link(const std::string& conninfo) : connection_base(policy_), policy_(conninfo) { init(); }
  ~Link() noexcept { close(); }
  pqxx::connectionpolicy::handle handle() const { return policy_.handle_; }

 private:
  struct Policy final : pqxx::connect_direct {
    using connect_direct::connect_direct;
    handle do_startconnect(handle old) override { return handle_ = connect_direct::do_startconnect(old); }
    handle do_disconnect(handle old) noexcept override { return handle_ = connect_direct::do_disconnect(old); }
    handle handle_ = nullptr;
  };
  Policy policy_;
};

class Connection {
 public:
  static base::Result<std::unique_ptr<Connection>> open(const Address& address);

  base::Result<void> begin(bool read_only);
  base::Result<std::uint64_t> run(std::string_view text, std::span<const sql::Param> params, const sql::EachRow& row,
                                  bool keep);
  base::Result<void> script(const std::string& statements);
  /// Runs a COPY … FROM STDIN (FORMAT binary).
  base::Result<void> copy(const std::string& statement, const NextBytes& next);
  /// Runs one statement whose columns are not known beforehand.
  base::Result<pqxx::result> table(const std::string& statement);
  base::Result<void> commit();
  void roll_back();
  /// Cheap, without a round trip: the server has not hung up, and no statement found it gone.
  bool usable() const;
  std::string server_version() const;
  /// Of a connection that listens: returns when a notice has come, or after `most`.
  base::Result<void> wait_for_notice(base::Duration most);
  bool usable_for_listening() const { return !broken_; }

 private:
  explicit Connection(const Address& address);
  const std::string& prepared(std::string_view text);

  const Address& address_;
  Link connection_;
  pqxx::quiet_errorhandler quiet_;  ///< notices such as "already exists, skipping" are not for stderr
  std::unique_ptr<pqxx::transaction_base> transaction_;
  std::map<std::string, std::string, std::less<>> prepared_;  ///< text → name
  bool broken_ = false;
};

template <class Work>
auto guarded(const Address& address, std::string_view what, Work&& work) -> decltype(work()) {
  try {
    return work();
  } catch (...) {
    return base::fail(error_of_current_exception(address, what));
  }
}

}  // namespace tocsin::storage::postgres
