// Where the API server is, and who asks: what Kubernetes gives to a pod, or what a table says.
#pragma once

#include <string>

#include "tocsin/plugin.hpp"

namespace tocsin_plugins::kubernetes {

struct Credentials {
  std::string url;         ///< without a slash at its end
  std::string token_file;  ///< empty: asks without a token
  std::string ca_file;     ///< PEM; empty: the system's

  /// `url`, `token_file` and `ca_file` of the table; what it does not say is the service account's of this pod. Throws
  /// tsn::Failure (invalid) where there is no API server to be asked.
  static Credentials read(const tsn::Config& table, const std::string& where);
  /// The token as it is now; it is renewed within the hour. Empty: none; `error` says why it cannot be read.
  std::string token(std::string& error) const;
};

}  // namespace tocsin_plugins::kubernetes
