// Secrets taken out of a text that others will read. Header only, so that plugins without prose may use it.
#pragma once

#include <string>
#include <string_view>

namespace tocsin_plugins {

/// "***" for every occurrence of `secret`, one after the other: what stands there then is not looked at again, so it
/// ends for any secret. A caller says how short a secret may be before masking it would hide everything; an empty one
/// masks nothing.
inline void mask_secret(std::string& text, std::string_view secret) {
  constexpr std::string_view mask = "***";
  if (secret.empty()) return;
  for (std::size_t at = 0; (at = text.find(secret, at)) != text.npos; at += mask.size())
    text.replace(at, secret.size(), mask);
}

}  // namespace tocsin_plugins
