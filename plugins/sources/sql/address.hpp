// Where a database is and how it is reached, from the options of a section.
#pragma once

#include <string>
#include <string_view>

#include "tocsin/config.hpp"

namespace tocsin_plugins::sql {

struct Address {
  bool postgres = true;
  std::string url;       ///< without a password; for messages too
  std::string password;  ///< never in a message
  std::string sslmode;   ///< disable prefer require verify-ca verify-full
  std::string ca_file;
  // Read from a mysql:// url; libpq reads its own.
  std::string host, user, database, socket;
  unsigned port = 0;

  /// `text` without the password, should a server repeat it.
  std::string without_password(std::string text) const;
};

/// Throws tsn::Failure (invalid) naming the option and the remedy.
Address read_address(const tsn::Config& config);

}  // namespace tocsin_plugins::sql
