#include "api/tls.hpp"

#include <algorithm>
#include <climits>

#include "api/openssl_library.hpp"

namespace tocsin::api {
namespace {

using base::fail;
using base::Fault;
using base::Result;

class Session final : public TlsSession {
 public:
  Session(const OpenSsl& lib, SSL* ssl, BIO* in, BIO* out, bool server)
      : lib_(lib), ssl_(ssl), in_(in), out_(out), server_(server) {}
  ~Session() override { lib_.SSL_free(ssl_); }  // with both BIOs
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void feed(std::string_view wire) override {
    while (!wire.empty()) {
      int taken = lib_.BIO_write(in_, wire.data(), static_cast<int>(std::min<std::size_t>(wire.size(), INT_MAX)));
      if (taken <= 0) return;
      wire.remove_prefix(static_cast<std::size_t>(taken));
    }
  }

  Read read(char* to, std::size_t room) override {
    if (!error_.empty()) return {State::failed, 0};
    lib_.ERR_clear_error();
    int size = lib_.SSL_read(ssl_, to, static_cast<int>(std::min<std::size_t>(room, INT_MAX)));
    if (size > 0) return {State::ok, static_cast<std::size_t>(size)};
    switch (lib_.SSL_get_error(ssl_, size)) {
      case SSL_ERROR_WANT_READ:
      case SSL_ERROR_WANT_WRITE:
        return {State::more, 0};
      case SSL_ERROR_ZERO_RETURN:
        return {State::closed, 0};
      default:
        set_error();
        return {State::failed, 0};
    }
  }

  bool write(std::string_view plain) override {
    if (!error_.empty() || !ready()) return false;
    while (!plain.empty()) {
      lib_.ERR_clear_error();
      int taken = lib_.SSL_write(ssl_, plain.data(), static_cast<int>(std::min<std::size_t>(plain.size(), 1 << 20)));
      if (taken <= 0) {  // a memory BIO never fills, so this is no "try again"
        set_error();
        return false;
      }
      plain.remove_prefix(static_cast<std::size_t>(taken));
    }
    return true;
  }

  void close() override {
    if (error_.empty() && ready()) lib_.SSL_shutdown(ssl_);
  }

  void take(std::string& wire) override {
    while (long waiting = lib_.BIO_ctrl(out_, BIO_CTRL_PENDING, 0, nullptr)) {
      std::size_t before = wire.size();
      wire.resize(before + static_cast<std::size_t>(waiting));
      int size = lib_.BIO_read(out_, wire.data() + before, static_cast<int>(waiting));
      wire.resize(before + static_cast<std::size_t>(std::max(size, 0)));
      if (size <= 0) return;
    }
  }

  bool ready() const override { return lib_.SSL_is_init_finished(ssl_) == 1; }
  std::string error() const override { return error_; }

  std::string peer_subject() const override {
    std::string out;
    X509* shown = lib_.SSL_get1_peer_certificate(ssl_);
    if (shown == nullptr) return out;
    BIO* text = lib_.BIO_new(lib_.BIO_s_mem());
    const bool verified = lib_.SSL_get_verify_result(ssl_) == X509_V_OK;
    if (verified && text != nullptr &&
        lib_.X509_NAME_print_ex(text, lib_.X509_get_subject_name(shown), 0, XN_FLAG_RFC2253) >= 0) {
      out.resize(static_cast<std::size_t>(lib_.BIO_ctrl(text, BIO_CTRL_PENDING, 0, nullptr)));
      const int size = out.empty() ? 0 : lib_.BIO_read(text, out.data(), static_cast<int>(out.size()));
      out.resize(static_cast<std::size_t>(std::max(size, 0)));
    }
    lib_.BIO_free(text);
    lib_.X509_free(shown);
    return out;
  }

 private:
  void set_error() {
    error_ = lib_.last_error();
    long verdict = lib_.SSL_get_verify_result(ssl_);
    if (!server_ && verdict != X509_V_OK)
      error_ += std::string(" (") + lib_.X509_verify_cert_error_string(verdict) + ")";
  }

  const OpenSsl& lib_;
  SSL* const ssl_;
  BIO* const in_;
  BIO* const out_;
  const bool server_;
  std::string error_;
};

class Context final : public TlsContext {
 public:
  Context(const OpenSsl& lib, bool server)
      : lib_(lib), server_(server), ctx_(lib.SSL_CTX_new(server ? lib.TLS_server_method() : lib.TLS_client_method())) {}
  ~Context() override { lib_.SSL_CTX_free(ctx_); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  Result<void> set_policy() {
    if (ctx_ == nullptr) return fail(Fault::internal, "TLS: " + lib_.last_error());
    lib_.SSL_CTX_set_options(ctx_, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    lib_.SSL_CTX_ctrl(ctx_, SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_2_VERSION, nullptr);
    lib_.SSL_CTX_ctrl(ctx_, SSL_CTRL_MODE, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE, nullptr);
    return {};
  }

  Result<void> use(const Tls& files) {
    if (lib_.SSL_CTX_use_certificate_chain_file(ctx_, files.cert.c_str()) != 1) return refused("cert", files.cert);
    const std::string& key = files.key.empty() ? files.cert : files.key;
    if (lib_.SSL_CTX_use_PrivateKey_file(ctx_, key.c_str(), SSL_FILETYPE_PEM) != 1) return refused("key", key);
    if (lib_.SSL_CTX_check_private_key(ctx_) != 1) {
      return fail(Fault::invalid, "tls: the key in " + key + " does not belong to the certificate in " + files.cert);
    }
    constexpr unsigned char name[] = "tocsin";
    lib_.SSL_CTX_set_session_id_context(ctx_, name, sizeof name - 1);
    return files.client_ca.empty() ? Result<void>() : require_client(files.client_ca);
  }

  Result<void> trust_system() {
    lib_.SSL_CTX_set_default_verify_paths(ctx_);
    lib_.SSL_CTX_set_verify(ctx_, SSL_VERIFY_PEER, nullptr);
    return {};
  }

  Result<void> trust(const std::string& key, const std::string& file) {
    if (lib_.SSL_CTX_load_verify_locations(ctx_, file.c_str(), nullptr) != 1) return refused(key, file);
    return {};
  }

  Result<std::unique_ptr<TlsSession>> session(const std::string& host) const override {
    SSL* ssl = lib_.SSL_new(ctx_);
    BIO* in = lib_.BIO_new(lib_.BIO_s_mem());
    BIO* out = lib_.BIO_new(lib_.BIO_s_mem());
    if (ssl == nullptr || in == nullptr || out == nullptr) {
      lib_.SSL_free(ssl);
      lib_.BIO_free(in);
      lib_.BIO_free(out);
      return fail(Fault::exhausted, "TLS: no memory for a session");
    }
    // An empty wire means "more to come", not its end.
    lib_.BIO_ctrl(in, BIO_C_SET_BUF_MEM_EOF_RETURN, -1, nullptr);
    lib_.BIO_ctrl(out, BIO_C_SET_BUF_MEM_EOF_RETURN, -1, nullptr);
    lib_.SSL_set_bio(ssl, in, out);
    if (server_)
      lib_.SSL_set_accept_state(ssl);
    else
      expect(ssl, host);
    return std::make_unique<Session>(lib_, ssl, in, out, server_);
  }

 private:
  std::unexpected<base::Error> refused(std::string_view key, const std::string& file) const {
    return fail(Fault::invalid, "tls." + std::string(key) + ": cannot use " + file + ": " + lib_.last_error() +
                                    "; a PEM file that the agent may read is expected");
  }

  Result<void> require_client(const std::string& ca) {
    auto* names = lib_.SSL_load_client_CA_file(ca.c_str());
    if (names == nullptr || lib_.SSL_CTX_load_verify_locations(ctx_, ca.c_str(), nullptr) != 1) {
      return refused("client_ca", ca);
    }
    lib_.SSL_CTX_set_client_CA_list(ctx_, names);
    lib_.SSL_CTX_set_verify(ctx_, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    return {};
  }

  /// The name asked for (SNI) and the name or address the certificate must carry.
  void expect(SSL* ssl, const std::string& host) const {
    lib_.SSL_set_connect_state(ssl);
    if (lib_.X509_VERIFY_PARAM_set1_ip_asc(lib_.SSL_get0_param(ssl), host.c_str()) == 1) return;
    lib_.SSL_set1_host(ssl, host.c_str());
    lib_.SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>(host.c_str()));
  }

  const OpenSsl& lib_;
  const bool server_;
  SSL_CTX* const ctx_;
};

}  // namespace

Result<std::shared_ptr<const TlsContext>> server_tls(const Tls& files) {
  TRY(const OpenSsl* lib, OpenSsl::open());
  auto context = std::make_shared<Context>(*lib, true);
  TRY_VOID(context->set_policy());
  TRY_VOID(context->use(files));
  return context;
}

Result<std::shared_ptr<const TlsContext>> client_tls() {
  TRY(const OpenSsl* lib, OpenSsl::open());
  auto context = std::make_shared<Context>(*lib, false);
  TRY_VOID(context->set_policy());
  TRY_VOID(context->trust_system());
  return context;
}

Result<std::shared_ptr<const TlsContext>> client_tls(const Tls& files) {
  TRY(const OpenSsl* lib, OpenSsl::open());
  auto context = std::make_shared<Context>(*lib, false);
  TRY_VOID(context->set_policy());
  TRY_VOID(context->trust_system());
  if (files.cert.empty()) return context;
  TRY_VOID(context->use({files.cert, files.key, {}}));
  TRY_VOID(context->trust("cert", files.cert));
  if (!files.client_ca.empty()) TRY_VOID(context->trust("client_ca", files.client_ca));
  return context;
}

}  // namespace tocsin::api
