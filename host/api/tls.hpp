// TLS without a socket: bytes from the wire in, bytes for the wire out. Server and client use the same session type.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "api/server.hpp"
#include "base/result.hpp"

namespace tocsin::api {

/// One connection's TLS. One thread at a time.
class TlsSession {
 public:
  virtual ~TlsSession() = default;
  /// Bytes that came from the wire.
  virtual void feed(std::string_view wire) = 0;
  enum class State : std::uint8_t { ok, more, closed, failed };
  struct Read {
    State state = State::more;  ///< more: nothing until feed(); closed: the peer said so
    std::size_t size = 0;
  };
  /// Plain text, as much as there is and fits. Shakes hands by itself.
  virtual Read read(char* to, std::size_t room) = 0;
  /// Encrypts all of it; false before the handshake is done or after a failure.
  virtual bool write(std::string_view plain) = 0;
  /// Says goodbye; what is then in take() should still be sent.
  virtual void close() = 0;
  /// Appends what is to go out on the wire.
  virtual void take(std::string& wire) = 0;
  virtual bool ready() const = 0;  ///< the handshake is done
  /// Subject of the peer's certificate as RFC 2253 writes it, "CN=gateway,O=Corp", in ASCII on one line; empty: it
  /// showed none that was verified.
  virtual std::string peer_subject() const = 0;
  /// Why it failed.
  virtual std::string error() const = 0;
};

/// Certificates and policy, shared by sessions. TLS 1.2 and later.
class TlsContext {
 public:
  virtual ~TlsContext() = default;
  /// `host` is the peer's name that its certificate must carry (client); unused for a server.
  virtual base::Result<std::unique_ptr<TlsSession>> session(const std::string& host) const = 0;
};

/// Fault::invalid where a file cannot be used. With client_ca, clients must show a certificate signed by it.
base::Result<std::shared_ptr<const TlsContext>> server_tls(const Tls& files);
/// Verifies against the system's certificates (SSL_CERT_FILE and SSL_CERT_DIR as usual).
base::Result<std::shared_ptr<const TlsContext>> client_tls();
/// Of an agent among its like: trusts what `files` name besides (the authority, and the certificate itself), and shows
/// its own certificate where one is asked for.
base::Result<std::shared_ptr<const TlsContext>> client_tls(const Tls& files);

}  // namespace tocsin::api
