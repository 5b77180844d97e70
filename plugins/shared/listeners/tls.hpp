// TLS of accepted connections (OpenSSL), TLS 1.2 and later.
#pragma once

#include <memory>
#include <string>

#include "listeners/stream.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins::net {

struct TlsSettings {
  std::string cert, key;  ///< PEM files; the certificate's chain follows it in `cert`
  std::string client_ca;  ///< PEM file; a peer must have a certificate of it. Empty: peers need none

  /// The table `tls`. Throws tsn::Failure (invalid) for a key that is unknown or missing.
  static TlsSettings read(const tsn::Config& table, std::string_view where);
};

/// Certificate and key, read again when their files change; what cannot be read then leaves the last ones in use.
class TlsServer {
 public:
  /// Throws tsn::Failure naming the file.
  explicit TlsServer(TlsSettings settings);
  ~TlsServer();
  /// Takes the descriptor over. `complaint` becomes why changed files could not be read.
  std::unique_ptr<Channel> accept(int descriptor, std::string& complaint);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tocsin_plugins::net
