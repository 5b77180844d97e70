#include "listeners/tls.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>

namespace tocsin_plugins::net {
namespace {

struct FreeContext {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using ContextPtr = std::unique_ptr<SSL_CTX, FreeContext>;

std::string last_tls_error() {
  char text[256] = "unknown";
  if (const auto code = ERR_peek_last_error()) ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return text;
}

[[noreturn]] void bad_tls_file(const char* key, const std::string& path) {
  throw tsn::Failure(std::string("tls.") + key + ": cannot use " + path + ": " + last_tls_error() +
                     "; expected a PEM file that the agent's user may read");
}

ContextPtr make_context(const TlsSettings& settings) {
  ContextPtr context(SSL_CTX_new(TLS_server_method()));
  if (!context) throw tsn::Failure("cannot set TLS up: " + last_tls_error());
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  if (SSL_CTX_use_certificate_chain_file(context.get(), settings.cert.c_str()) != 1)
    bad_tls_file("cert", settings.cert);
  if (SSL_CTX_use_PrivateKey_file(context.get(), settings.key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context.get()) != 1)
    bad_tls_file("key", settings.key);
  if (settings.client_ca.empty()) return context;
  if (SSL_CTX_load_verify_locations(context.get(), settings.client_ca.c_str(), nullptr) != 1)
    bad_tls_file("client_ca", settings.client_ca);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return context;
}

class TlsChannel final : public Channel {
 public:
  TlsChannel(SSL_CTX* context, int descriptor) : Channel(descriptor), ssl_(SSL_new(context)) {
    if (!ssl_ || SSL_set_fd(ssl_, descriptor) != 1) throw tsn::Failure("cannot begin TLS: " + last_tls_error());
    SSL_set_accept_state(ssl_);
  }
  ~TlsChannel() override {
    // Says that the end was meant; what a broken connection answers does not matter.
    if (!broken_ && SSL_is_init_finished(ssl_)) SSL_shutdown(ssl_);
    ERR_clear_error();
    SSL_free(ssl_);
  }

  Got read(char* to, std::size_t room, std::size_t& got) override {
    ERR_clear_error();
    wants_ = 1;
    const int size = static_cast<int>(room < INT_MAX ? room : INT_MAX);
    const int count = SSL_read(ssl_, to, size);
    if (count > 0) return got = static_cast<std::size_t>(count), Got::bytes;
    const int error = SSL_get_error(ssl_, count);
    wants_ = error == SSL_ERROR_WANT_WRITE ? 2u : 1u;
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return Got::nothing_now;
    if (error == SSL_ERROR_ZERO_RETURN) return Got::end;
    broken_ = true;
    const bool handshake = !SSL_is_init_finished(ssl_);
    // The other side that simply closes is at its end, as over plain TCP.
    if (!handshake &&
        (error == SSL_ERROR_SYSCALL || ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING))
      return ERR_clear_error(), Got::end;
    complaint_ = (handshake ? "TLS was not agreed on: " : "TLS: ") + last_tls_error();
    return Got::failed;
  }
  std::uint32_t wants() const noexcept override { return wants_; }

 private:
  SSL* ssl_;
  std::uint32_t wants_ = 1;
  bool broken_ = false;
};

}  // namespace

TlsSettings TlsSettings::read(const tsn::Config& table, std::string_view where) {
  for (std::uint32_t i = 0; i < table.count(); ++i) {
    const auto key = table.key(i);
    if (key != "cert" && key != "key" && key != "client_ca")
      throw tsn::Failure(tsn::invalid(std::string(where) + ": unknown key \"" + std::string(key) +
                                      "\"; expected one of cert, key, client_ca"));
  }
  TlsSettings made{std::string(table.str("cert")), std::string(table.str("key")), std::string(table.str("client_ca"))};
  if (table.count() > 0 && (made.cert.empty() || made.key.empty()))
    throw tsn::Failure(tsn::invalid(std::string(where) + ": expected cert = \"FILE\" and key = \"FILE\""));
  return made;
}

struct TlsServer::Impl {
  TlsSettings settings;
  ContextPtr context;
  std::string stamp;  ///< of the files that `context` was made of

  std::string stamp_now() const {
    std::string now;
    for (const auto* path : {&settings.cert, &settings.key, &settings.client_ca}) {
      struct stat facts{};
      if (path->empty() || ::stat(path->c_str(), &facts) != 0) continue;
      now += std::to_string(facts.st_ino) + "," + std::to_string(facts.st_mtim.tv_sec) + "." +
             std::to_string(facts.st_mtim.tv_nsec) + ";";
    }
    return now;
  }
};

TlsServer::TlsServer(TlsSettings settings) : impl_(std::make_unique<Impl>()) {
  impl_->settings = std::move(settings);
  impl_->stamp = impl_->stamp_now();
  impl_->context = make_context(impl_->settings);
}

TlsServer::~TlsServer() = default;

std::unique_ptr<Channel> TlsServer::accept(int descriptor, std::string& complaint) {
  if (auto now = impl_->stamp_now(); now != impl_->stamp) {
    impl_->stamp = std::move(now);
    try {
      impl_->context = make_context(impl_->settings);
    } catch (const tsn::Failure& failure) {
      complaint = std::string(failure.what()) + "; the last certificate stays in use";
    }
  }
  return std::make_unique<TlsChannel>(impl_->context.get(), descriptor);
}

}  // namespace tocsin_plugins::net
