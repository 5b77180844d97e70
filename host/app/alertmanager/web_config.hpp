// --web.config.file: TLS of the listener, in the form Prometheus' programs share.
#pragma once

#include <string>
#include <string_view>

#include "base/value.hpp"
#include "config/document.hpp"

namespace tocsin::alertmanager {

/// As the table `tls` of [http]: cert, key, client_ca; null where the file asks for no TLS. What the listener cannot do
/// is an error, not a warning: who asks for a password must not be served without one.
base::Value read_web_config(std::string_view text, const std::string& file_name, config::Diagnostics& diagnostics);

}  // namespace tocsin::alertmanager
