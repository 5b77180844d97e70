// Detached Ed25519 signatures of plugins.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "model/public_key.hpp"
#include "plugin_host/trust.hpp"

namespace tocsin::plugin_host {

/// The file `X.so.sig` beside `X.so`, at most 64 KiB of text, lines ended by a line feed:
///
///     tocsin-signature 1
///     ed25519 19bf44096984cdfe J6zOqYc…Bg==
///
/// The first line names the format. Each further one is a signature: the algorithm, the id of the key (the first eight
/// bytes of the public key, in hexadecimal) and the base64 of the 64 bytes of pure Ed25519 (RFC 8032) over the bytes of
/// `X.so` as they are. One by a trusted key is enough. Several are there while keys are changed, and while a file is
/// exchanged: with the signatures of the old and of the new file in it, it can be put there first. Empty lines and
/// lines that begin with # are skipped; a line with another algorithm is skipped too, for later versions.
///
/// Rejected: a signature inside of the ELF file (signing would change what is signed, and strip would remove it); the
/// bare 64 bytes (no error could say whose signature it is); CMS and X.509 (a parser of thousands of lines before the
/// check, for one key and one file); signing a hash with a context (openssl pkeyutl -rawin could not make or check it).
struct Signature {
  std::string key_id;
  std::array<unsigned char, 64> bytes{};
};

/// `path` is for messages.
base::Result<std::vector<Signature>> parse_signatures(std::string_view text, const std::string& path);
std::string signatures_text(const std::vector<Signature>& signatures);

/// The content of the signature file beside an opened plugin; nothing if there is none. Its owner and mode do not
/// matter: it proves itself.
base::Result<std::optional<std::string>> read_signatures(const TrustedFile& file, const std::string& path);

/// Whether one of the policy's keys signed these bytes: nothing, or where the policy lets that pass, a warning. A
/// signature by a trusted key that does not fit is refused in any case. Any thread.
base::Result<std::string> check_signatures(std::string_view bytes, const std::optional<std::string>& text,
                                           const std::string& path, const TrustPolicy& policy);

/// The secret half of a key. Any thread, one call at a time.
class SigningKey {
 public:
  static base::Result<SigningKey> generate();
  /// PKCS #8 in PEM. A passphrase, where it has one, is asked for on the terminal. Errors begin with `path` and hold
  /// nothing of the text.
  static base::Result<SigningKey> parse(const std::string& pem, const std::string& path);
  base::Result<std::string> pem() const;
  base::Result<model::PublicKey> public_key() const;
  base::Result<Signature> sign(std::string_view bytes) const;

 private:
  std::shared_ptr<void> key_;  ///< EVP_PKEY
};

}  // namespace tocsin::plugin_host
