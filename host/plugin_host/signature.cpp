#include "plugin_host/signature.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/base64.hpp"
#include "base/text.hpp"
#include "plugin_host/crypto_library.hpp"

namespace tocsin::plugin_host {
namespace {

using base::fail;
using base::Fault;
using base::Result;

constexpr std::string_view format_line = "tocsin-signature 1";
constexpr std::string_view algorithm = "ed25519";
constexpr std::size_t max_signature_text = 64 * 1024;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::shared_ptr<EVP_PKEY> owned(const Crypto& crypto, EVP_PKEY* key) {
  return {key, crypto.EVP_PKEY_free};
}

std::shared_ptr<EVP_MD_CTX> context(const Crypto& crypto) {
  return {crypto.EVP_MD_CTX_new(), crypto.EVP_MD_CTX_free};
}

Result<bool> fits(const model::PublicKey& key, const Signature& signature, std::string_view bytes) {
  TRY(const Crypto* crypto, Crypto::open());
  const auto public_key = owned(
      *crypto, crypto->EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.bytes.data(), key.bytes.size()));
  const auto check = context(*crypto);
  const bool ready = public_key && check &&
                     crypto->EVP_DigestVerifyInit(check.get(), nullptr, nullptr, nullptr, public_key.get()) == 1;
  const bool good = ready && crypto->EVP_DigestVerify(check.get(), signature.bytes.data(), signature.bytes.size(),
                                                      bytes_of(bytes), bytes.size()) == 1;
  crypto->ERR_clear_error();
  if (!ready) return fail(Fault::unavailable, "OpenSSL cannot check Ed25519 signatures here (is it in FIPS mode?)");
  return good;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

std::string key_ids(const std::vector<model::PublicKey>& keys) {
  std::vector<std::string> ids;
  for (const auto& key : keys) ids.push_back(key.id());
  return joined(ids);
}

/// What is not signed by a trusted key: refused or, as the policy says, a warning.
Result<std::string> untrusted(std::string message, const TrustPolicy& policy) {
  if (policy.allow_unsigned) return message + "; [trust] unsigned = \"warn\" lets it run";
  return fail(Fault::denied, std::move(message));
}

}  // namespace

Result<std::vector<Signature>> parse_signatures(std::string_view text, const std::string& path) {
  const auto malformed = [&](std::size_t line, const std::string& why) {
    return fail(Fault::corrupt, path + ":" + std::to_string(line) + ": " + why + "; sign the plugin again");
  };
  if (text.size() > max_signature_text) return malformed(1, "a signature file has at most 64 KiB");
  std::vector<Signature> out;
  std::size_t number = 0;
  for (const auto whole : base::split(text, '\n')) {
    const auto line = base::trim(whole);
    if (++number == 1) {
      if (line != format_line) return malformed(1, "expected \"" + std::string(format_line) + "\"");
      continue;
    }
    if (line.empty() || line.starts_with('#')) continue;
    const auto words = base::split(line, ' ');
    if (words[0] != algorithm) continue;
    const auto bytes = words.size() == 3 ? base::from_base64(words[2]) : std::nullopt;
    if (!bytes || bytes->size() != 64) return malformed(number, "expected \"ed25519 KEY-ID BASE64\"");
    Signature signature;
    signature.key_id = words[1];
    std::ranges::copy(*bytes, signature.bytes.begin());
    out.push_back(std::move(signature));
  }
  return out;
}

std::string signatures_text(const std::vector<Signature>& signatures) {
  std::string out = std::string(format_line) + "\n";
  for (const Signature& each : signatures) {
    out += std::string(algorithm) + " " + each.key_id + " " +
           base::to_base64({reinterpret_cast<const char*>(each.bytes.data()), each.bytes.size()}) + "\n";
  }
  return out;
}

Result<std::optional<std::string>> read_signatures(const TrustedFile& file, const std::string& path) {
  const std::string name = file.name + ".sig";
  OwnedFd fd(::openat(file.directory.get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY));
  if (!fd && errno == ENOENT) return std::nullopt;
  if (!fd) {
    return fail(Fault::unavailable, path + ".sig: " +
                                        (errno == ELOOP ? "is a symbolic link; put the file itself there"
                                                        : std::string("cannot be opened: ") + std::strerror(errno)));
  }
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode))
    return fail(Fault::invalid, path + ".sig: is not a regular file");
  std::string text(max_signature_text + 1, '\0');
  std::size_t have = 0;
  while (have < text.size()) {
    const ssize_t n = ::read(fd.get(), text.data() + have, text.size() - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(Fault::unavailable, path + ".sig: " + std::strerror(errno));
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
  }
  text.resize(have);
  return text;
}

Result<std::string> check_signatures(std::string_view bytes, const std::optional<std::string>& text,
                                     const std::string& path, const TrustPolicy& policy) {
  if (!text) {
    return untrusted(
        path + ": is not signed (there is no " + path + ".sig); run: tocsin plugin sign " + path + " --key FILE",
        policy);
  }
  TRY(const auto signatures, parse_signatures(*text, path + ".sig"));
  std::vector<std::string> others;
  std::string broken;
  for (const Signature& signature : signatures) {
    bool known = false;
    for (const auto& key : policy.keys) {
      if (key.id() != signature.key_id) continue;
      known = true;
      const auto good = fits(key, signature, bytes);
      if (!good) return fail(good.error().in(path));
      if (*good) return "";
    }
    if (known)
      broken = signature.key_id;
    else
      others.push_back(signature.key_id);
  }
  if (!broken.empty()) {
    return fail(Fault::denied, path + ": is not what key " + broken +
                                   " signed: the file was changed or exchanged since; put the signed file there, or "
                                   "sign this one if it is yours");
  }
  return untrusted(path + ": is signed by " + (others.empty() ? "nobody" : "key " + joined(others)) +
                       ", but [trust] keys has " + key_ids(policy.keys) + "; have it signed with one of these keys",
                   policy);
}

Result<SigningKey> SigningKey::generate() {
  TRY(const Crypto* crypto, Crypto::open());
  SigningKey out;
  out.key_ = owned(*crypto, crypto->EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  if (!out.key_) return fail(Fault::unavailable, "OpenSSL cannot make an Ed25519 key here (is it in FIPS mode?)");
  return out;
}

Result<SigningKey> SigningKey::parse(const std::string& pem, const std::string& path) {
  TRY(const Crypto* crypto, Crypto::open());
  BIO* in = crypto->BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  SigningKey out;
  out.key_ = owned(*crypto, crypto->PEM_read_bio_PrivateKey(in, nullptr, nullptr, nullptr));
  crypto->BIO_free(in);
  crypto->ERR_clear_error();
  const auto* key = static_cast<const EVP_PKEY*>(out.key_.get());
  if (key == nullptr || crypto->EVP_PKEY_get_id(key) != EVP_PKEY_ED25519) {
    return fail(Fault::invalid, path + ": is no Ed25519 private key in PEM; make one: tocsin plugin keygen --out FILE");
  }
  return out;
}

Result<std::string> SigningKey::pem() const {
  TRY(const Crypto* crypto, Crypto::open());
  BIO* out = crypto->BIO_new(crypto->BIO_s_mem());
  std::string text(4096, '\0');
  const auto* key = static_cast<const EVP_PKEY*>(key_.get());
  const bool written = crypto->PEM_write_bio_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr) == 1;
  const int size = written ? crypto->BIO_read(out, text.data(), static_cast<int>(text.size())) : 0;
  crypto->BIO_free(out);
  if (size <= 0) return fail(Fault::internal, "OpenSSL cannot write the key");
  text.resize(static_cast<std::size_t>(size));
  return text;
}

Result<model::PublicKey> SigningKey::public_key() const {
  TRY(const Crypto* crypto, Crypto::open());
  model::PublicKey out;
  std::size_t size = out.bytes.size();
  const auto* key = static_cast<const EVP_PKEY*>(key_.get());
  if (crypto->EVP_PKEY_get_raw_public_key(key, out.bytes.data(), &size) != 1 || size != out.bytes.size())
    return fail(Fault::internal, "OpenSSL cannot give the public key");
  return out;
}

Result<Signature> SigningKey::sign(std::string_view bytes) const {
  TRY(const Crypto* crypto, Crypto::open());
  TRY(const auto public_key, this->public_key());
  Signature out;
  out.key_id = public_key.id();
  std::size_t size = out.bytes.size();
  const auto signing = context(*crypto);
  auto* key = static_cast<EVP_PKEY*>(key_.get());
  if (!signing || crypto->EVP_DigestSignInit(signing.get(), nullptr, nullptr, nullptr, key) != 1 ||
      crypto->EVP_DigestSign(signing.get(), out.bytes.data(), &size, bytes_of(bytes), bytes.size()) != 1 ||
      size != out.bytes.size())
    return fail(Fault::internal, "OpenSSL cannot sign with this key");
  return out;
}

}  // namespace tocsin::plugin_host
