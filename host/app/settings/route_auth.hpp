// What requests to an instance's routes must show: the key `auth` of a section.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/option.hpp"
#include "base/value.hpp"
#include "config/document.hpp"

namespace tocsin::settings {

/// An IPv4 or IPv6 network; IPv4 as the IPv6 addresses ::ffff:0:0/96.
struct Network {
  std::array<unsigned char, 16> address{};
  int bits = 128;
  bool operator==(const Network&) const = default;
};
/// "10.20.0.0/16", "10.0.0.1", "fd00::/8"; nothing: the text is no network.
std::optional<Network> parse_network(std::string_view text);
/// `address` without a port: "10.20.1.2", "::1".
bool contains(const Network& network, std::string_view address);

struct RouteAuth {
  enum class Type : std::uint8_t { networks, bearer, basic, hmac, mtls };
  Type type = Type::networks;  ///< networks: `allow_from` alone
  /// Name and secret: tokens of bearer, any of which will do; of basic one user and password; of hmac one key.
  std::vector<std::pair<std::string, std::string>> secrets;
  std::string subject;              ///< of mtls; empty: any certificate that the listener's client_ca signed
  std::vector<Network> allow_from;  ///< empty: from anywhere
  bool operator==(const RouteAuth&) const = default;
};

/// The members of `auth`.
std::span<const base::Option> route_auth_options();

/// Reads a validated `auth` table and resolves its secrets. `where`: "[source.http]". `client_ca`: the listener asks
/// for certificates. Nothing: it is wrong, and what is wrong was reported.
std::optional<RouteAuth> read_route_auth(const base::Value& auth, const std::string& where, bool client_ca,
                                         const config::Environment& environment, config::Diagnostics& diagnostics);

}  // namespace tocsin::settings
