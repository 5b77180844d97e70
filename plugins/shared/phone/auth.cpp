#include "phone/auth.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "phone/digest.hpp"
#include "phone/provider.hpp"

namespace tocsin_plugins {
namespace {

bool parse_address(const std::string& text, Network& out) {
  unsigned char four[4];
  out.bits = 128;
  if (inet_pton(AF_INET6, text.c_str(), out.address.data()) == 1) return true;
  if (inet_pton(AF_INET, text.c_str(), four) != 1) return false;
  out.address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  std::memcpy(out.address.data() + 12, four, 4);
  return true;
}

std::string without_port(std::string_view remote) {
  if (remote.starts_with('[')) return std::string(remote.substr(1, std::min(remote.find(']'), remote.size()) - 1));
  if (std::count(remote.begin(), remote.end(), ':') == 1) return std::string(remote.substr(0, remote.find(':')));
  return std::string(remote);
}

std::string needed(const tsn::Config& table, std::string_view key) {
  const std::string value(table.str(key));
  if (value.empty()) table[key].wrong("a text that is not empty");
  return value;
}

}  // namespace

bool parse_network(std::string_view text, Network& out) {
  const auto slash = text.find('/');
  if (!parse_address(std::string(text.substr(0, slash)), out)) return false;
  if (slash == text.npos) return true;
  const auto digits = text.substr(slash + 1);
  if (digits.empty() || digits.size() > 3 || digits.find_first_not_of("0123456789") != digits.npos) return false;
  const bool four = text.substr(0, slash).find(':') == text.npos;
  const int bits = std::stoi(std::string(digits));
  out.bits = bits + (four ? 96 : 0);
  return bits <= (four ? 32 : 128);
}

bool contains(const Network& network, std::string_view remote) {
  Network peer;
  if (!parse_address(without_port(remote), peer)) return false;
  const auto whole = static_cast<std::size_t>(network.bits / 8);
  if (!std::equal(peer.address.begin(), peer.address.begin() + static_cast<std::ptrdiff_t>(whole),
                  network.address.begin()))
    return false;
  const int rest = network.bits % 8;
  return rest == 0 || (peer.address[whole] ^ network.address[whole]) >> (8 - rest) == 0;
}

CallbackAuth::CallbackAuth(const tsn::Config& table) {
  const auto auth = table.table("auth");
  if (!auth) table["auth"].wrong("a table, such as { type = \"hmac\", secret = \"file:PATH\" }");
  only_keys(auth, {"type", "secret", "token", "username", "password", "subject", "allow_from"});
  for (const auto& entry : auth.array("allow_from")) {
    Network network;
    if (!parse_network(entry.as_str(), network)) entry.wrong("a network, such as \"10.20.0.0/16\"");
    networks_.push_back(network);
  }
  const auto type = auth.str("type");
  if (type == "hmac") {
    kind_ = Kind::hmac, secret_ = needed(auth, "secret");
  } else if (type == "bearer") {
    kind_ = Kind::bearer, secret_ = "Bearer " + needed(auth, "token");
  } else if (type == "basic") {
    kind_ = Kind::basic, secret_ = "Basic " + base64_of(needed(auth, "username") + ":" + needed(auth, "password"));
  } else if (type == "mtls") {
    kind_ = Kind::mtls, subject_ = auth.str("subject");
  } else if (!type.empty() || networks_.empty()) {
    auth["type"].wrong("\"hmac\", \"bearer\", \"basic\" or \"mtls\"");
  }
}

bool CallbackAuth::admits(const tsn::Request& request) const {
  const auto inside = [&](const Network& network) { return contains(network, request.remote()); };
  if (!networks_.empty() && std::none_of(networks_.begin(), networks_.end(), inside)) return false;
  if (kind_ == Kind::networks) return true;
  // The listener has verified it against [http] tls.client_ca; without one there is none, and nobody gets in.
  if (kind_ == Kind::mtls)
    return !request.certificate().empty() && (subject_.empty() || request.certificate() == subject_);
  if (kind_ != Kind::hmac) return same_secret(request.header("authorization"), secret_);
  auto shown = request.header("x-hub-signature");
  if (!shown.starts_with("sha256=")) shown = request.header("x-hub-signature-256");
  if (!shown.starts_with("sha256=")) return false;
  std::string hex(shown.substr(7));
  std::transform(hex.begin(), hex.end(), hex.begin(), [](char c) { return c >= 'A' && c <= 'F' ? char(c + 32) : c; });
  return same_secret(hex, hmac_sha256_hex(secret_, request.body()));
}

}  // namespace tocsin_plugins
