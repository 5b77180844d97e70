// OpenSSL, opened when TLS is first needed. Linking it costs every agent 2 MB of resident memory (measured: 3.1 MB
// against 1.1 MB for an empty program), and most listen on loopback without TLS. Only its headers are used at build
// time; the functions are found by name in libssl.so.3 and its libcrypto.
//
// Rejected alternatives: asio::ssl (needs the library linked), a module of ours (a second file to install and find).
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <string>

#include "base/result.hpp"

namespace tocsin::api {

// clang-format off
#define TOCSIN_OPENSSL_FUNCTIONS(X)                                                                            \
  X(TLS_server_method)                                                                                         \
  X(TLS_client_method)                                                                                         \
  X(SSL_CTX_new) X(SSL_CTX_free) X(SSL_CTX_ctrl) X(SSL_CTX_set_options) X(SSL_CTX_use_certificate_chain_file)  \
      X(SSL_CTX_use_PrivateKey_file) X(SSL_CTX_check_private_key) X(SSL_CTX_load_verify_locations)             \
          X(SSL_CTX_set_default_verify_paths) X(SSL_CTX_set_verify) X(SSL_CTX_set_session_id_context)          \
              X(SSL_load_client_CA_file) X(SSL_CTX_set_client_CA_list) X(SSL_new) X(SSL_free) X(SSL_set_bio)   \
                  X(SSL_set_accept_state) X(SSL_set_connect_state) X(SSL_read) X(SSL_write) X(SSL_get_error)   \
                      X(SSL_shutdown) X(SSL_ctrl) X(SSL_set1_host) X(SSL_get0_param) X(SSL_get_verify_result)  \
                          X(SSL_is_init_finished) X(BIO_new) X(BIO_s_mem) X(BIO_read) X(BIO_write) X(BIO_free) \
                              X(BIO_ctrl) X(ERR_get_error) X(ERR_clear_error) X(ERR_reason_error_string)       \
                                  X(X509_VERIFY_PARAM_set1_ip_asc) X(X509_verify_cert_error_string)    \
                                      X(SSL_get1_peer_certificate) X(X509_get_subject_name)                    \
                                          X(X509_NAME_print_ex) X(X509_free)
// clang-format on

struct OpenSsl {
#define TOCSIN_OPENSSL_MEMBER(name) decltype(&::name) name;
  TOCSIN_OPENSSL_FUNCTIONS(TOCSIN_OPENSSL_MEMBER)
#undef TOCSIN_OPENSSL_MEMBER

  /// The library, opened once for the life of the process. Fault::unsupported where it is not installed. Any thread.
  static base::Result<const OpenSsl*> open();
  /// Takes the calling thread's newest error: "wrong version number".
  std::string last_error() const;
};

}  // namespace tocsin::api
