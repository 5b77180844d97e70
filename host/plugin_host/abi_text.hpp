// Text and statuses of the ABI as the host's own values.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "tocsin/abi.h"

namespace tocsin::plugin_host {

inline std::string_view view(tsn_str s) {
  return s.p == nullptr ? std::string_view() : std::string_view(s.p, s.n);
}
/// Text longer than 4 GiB does not come here: callers bound what they make.
inline tsn_str str(std::string_view s) {
  return {s.data(), static_cast<std::uint32_t>(s.size())};
}
/// A null pointer with a length is a defect of the caller.
inline bool sound(tsn_str s) {
  return s.p != nullptr || s.n == 0;
}

/// An empty tsn_err for a callee to fill.
inline tsn_err new_err() {
  tsn_err err{};
  err.size = sizeof err;
  return err;
}

/// What the callee wrote: at most sizeof msg bytes, control characters and broken UTF-8 replaced.
std::string text_of(const tsn_err& err);

/// Fills a caller's tsn_err (may be null, may be of an older, smaller size) and returns `status`.
tsn_status refuse(tsn_err* err, tsn_status status, std::string_view message, std::uint32_t retry_after_ms = 0);

/// "TSN_FAILED", …; "status 77" for what the ABI does not know.
std::string status_name(tsn_status status);
/// Whether the ABI knows it.
constexpr bool known(tsn_status status) {
  return status >= TSN_UNKNOWN && status <= TSN_END;
}

/// The error of a call that returned `status`: "source.auth: pull: <text>", or what to do where there is no text.
base::Error error_of(tsn_status status, const std::string& text, std::string_view instance, std::string_view call);
/// The status for a failure of the host's.
tsn_status status_of(base::Fault fault);

}  // namespace tocsin::plugin_host
