// Who may call back: a signature, a token, a password or a client's certificate, and networks.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

/// An IPv4 or IPv6 network; IPv4 as the IPv6 addresses ::ffff:0:0/96.
struct Network {
  std::array<unsigned char, 16> address{};
  int bits = 128;
};
/// "10.20.0.0/16", "::1", "10.0.0.1"; false: it is none.
bool parse_network(std::string_view text, Network& out);
/// `remote` with or without a port: "10.20.1.2:4000", "[::1]:4000", "::1".
bool contains(const Network& network, std::string_view remote);

class CallbackAuth {
 public:
  CallbackAuth() = default;
  /// Reads `auth` of a callback's table. Throws a Failure that names the key.
  explicit CallbackAuth(const tsn::Config& table);
  /// The request comes from an allowed network and shows what is asked for.
  bool admits(const tsn::Request& request) const;

 private:
  enum class Kind { networks, hmac, bearer, basic, mtls } kind_ = Kind::networks;
  std::string secret_;   ///< the key of hmac, or the whole Authorization header
  std::string subject_;  ///< of mtls: the certificate's; empty: any that the listener verified
  std::vector<Network> networks_;
};

}  // namespace tocsin_plugins
