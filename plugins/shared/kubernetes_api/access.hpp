// Where the API server is and what it is shown: from a table's options, or the service account of the pod.
#pragma once

#include <string>
#include <string_view>

#include "tocsin/plugin.hpp"

namespace tocsin_plugins::kube {

/// A certificate or key: the name of a file, read again with each connection, or the PEM text itself.
struct Pem {
  std::string file, text;
  explicit operator bool() const noexcept { return !file.empty() || !text.empty(); }
};

struct Access {
  std::string url;    ///< "https://10.0.0.1:6443", no slash at the end
  std::string name;   ///< of a namespace; empty: unknown
  Pem ca;             ///< none: the system's roots
  Pem cert, key;      ///< of the client
  std::string token;  ///< as it stands in the configuration
  std::string token_file;
  std::string proxy_url, no_proxy;

  /// The token as it is now: a file is read again each time, as its content is replaced before it expires. Throws
  /// tsn::Failure where the file cannot be read or is empty. Empty: none is sent.
  std::string current_token() const;

  /// `url` in the form above. Throws tsn::Failure (invalid) that begins with `where` and names the remedy where it is
  /// no address, or where a token would be sent in clear, which `insecure` allows.
  void settle(const std::string& where, bool insecure);
};

/// Where the kubelet puts a service account's files.
inline constexpr std::string_view service_account_directory = "/var/run/secrets/kubernetes.io/serviceaccount";

/// What a pod has. The address is KUBERNETES_SERVICE_HOST and _PORT, else https://kubernetes.default.svc. Nothing is
/// read yet but the environment: where the files are missing, current_token() says so.
Access of_pod(std::string_view directory = service_account_directory);

/// The pod's, or that of `url`; `token_file` and `ca_file` stand in for what it has. Not settled yet.
Access of_table(const tsn::Config& table);

}  // namespace tocsin_plugins::kube
