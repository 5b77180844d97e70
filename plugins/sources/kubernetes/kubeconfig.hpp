// Kubeconfig files: https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
#pragma once

#include <string>
#include <string_view>

#include "kubernetes_api/access.hpp"

namespace tocsin_plugins::kube {

/// A kubeconfig file and one of its contexts (empty: current-context). Throws tsn::Failure (invalid) that names file,
/// entry and remedy.
Access of_kubeconfig(const std::string& file, const std::string& context);
/// The same from its text. Names of files in it begin at `directory`.
Access read_kubeconfig(std::string_view text, const std::string& file, const std::string& directory,
                       const std::string& context);

/// Decodes base64 (RFC 4648, with padding; blanks are passed over). False: it is none.
bool decode_base64(std::string_view text, std::string& out);

}  // namespace tocsin_plugins::kube
