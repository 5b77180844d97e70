// libcrypto, opened when a signature is first made or checked: of a plugin, or of an action link. Linking it would cost
// every agent its memory, and most have neither [trust] keys nor an external_url. Only its headers are used at build
// time; api does the same with libssl, for TLS.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include "base/result.hpp"

namespace tocsin::plugin_host {

// clang-format off
#define TOCSIN_CRYPTO_FUNCTIONS(X)                                                                            \
  X(EVP_PKEY_new_raw_public_key) X(EVP_PKEY_get_raw_public_key) X(EVP_PKEY_Q_keygen) X(EVP_PKEY_free)         \
      X(EVP_PKEY_get_id) X(EVP_MD_CTX_new) X(EVP_MD_CTX_free) X(EVP_DigestSignInit) X(EVP_DigestSign)         \
          X(EVP_DigestVerifyInit) X(EVP_DigestVerify) X(PEM_read_bio_PrivateKey) X(PEM_write_bio_PrivateKey)  \
              X(BIO_new_mem_buf) X(BIO_new) X(BIO_s_mem) X(BIO_read) X(BIO_free) X(ERR_clear_error) \
                  X(HMAC) X(EVP_sha256) X(RAND_bytes)
// clang-format on

struct Crypto {
#define TOCSIN_CRYPTO_MEMBER(name) decltype(&::name) name;
  TOCSIN_CRYPTO_FUNCTIONS(TOCSIN_CRYPTO_MEMBER)
#undef TOCSIN_CRYPTO_MEMBER

  /// The library, opened once for the life of the process. Fault::unsupported where it is not installed. Any thread.
  static base::Result<const Crypto*> open();
};

}  // namespace tocsin::plugin_host
