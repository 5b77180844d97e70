// A filled template made as short as its channel wants it. What gives way, in this order: {{#optional}}; what
// {{#shorten}} holds, or without it the longest values; the end of the text, before the line of the first address.
// Fixed texts, numbers and addresses stay whole as long as anything else can give way.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "template/template.hpp"

namespace tocsin_plugins {

/// A channel's limit.
struct FitLimit {
  std::size_t most = 0;
  std::function<std::size_t(std::string_view)> measure;  ///< grows with the text, never mind by how much
  std::string_view ellipsis = "\xe2\x80\xa6";
  bool entities = false;  ///< "&lt;" is one character: never cut within
};

/// Whole where it fits. An address, and what stands after it, is never cut, even where it alone is more than the limit.
std::string fitted(Filled filled, const FitLimit& limit);

/// Writes every character anew and keeps the ranges where they belong.
void respell(Filled& filled, const std::function<std::string_view(std::string_view)>& spelling);

/// As a text of Slack's mrkdwn of at most `most` UTF-16 units, which is how Slack counts.
std::string fitted_mrkdwn(Filled filled, std::size_t most);

/// As an SMS of at most `most_parts`. `gsm7`: typographic signs become those of GSM-7, where then all of it is GSM-7.
std::string fitted_sms(Filled filled, std::size_t most_parts, bool gsm7);

}  // namespace tocsin_plugins
