#include "app/link_seal.hpp"

#include "base/base64.hpp"
#include "plugin_host/keyed_hash.hpp"

namespace tocsin::app {
namespace {

constexpr std::size_t seal_size = 16;
constexpr std::size_t longest_link = 160;  ///< no link is as long; nothing longer is worth a look

/// What is signed begins with what it is: bytes signed with this key for anything else are no link.
base::Result<std::string> seal_of(std::string_view key, std::string_view bytes) {
  TRY(std::string whole, plugin_host::hmac_sha256(key, std::string("tocsin action link\n").append(bytes)));
  whole.resize(seal_size);
  return whole;
}

std::unexpected<base::Error> not_ours() {
  return base::fail(base::Fault::denied, "this link was not made here, or was altered on its way");
}

}  // namespace

base::Result<std::string> sealed(std::string_view key, const model::LinkToken& token) {
  TRY(std::string bytes, model::pack(token));
  TRY(const std::string seal, seal_of(key, bytes));
  return base::to_base64url(bytes + seal);
}

base::Result<model::LinkToken> unsealed(std::string_view key, std::string_view text) {
  if (text.size() > longest_link || key.size() != link_key_size) return not_ours();
  const auto all = base::from_base64url(text);
  if (!all || all->size() <= seal_size) return not_ours();
  const std::string_view bytes = std::string_view(*all).substr(0, all->size() - seal_size);
  TRY(const std::string seal, seal_of(key, bytes));
  if (!plugin_host::same_bytes(seal, std::string_view(*all).substr(bytes.size()))) return not_ours();
  auto token = model::unpack_link(bytes);
  if (!token) return not_ours();
  return token;
}

}  // namespace tocsin::app
