// How long a text is as SMS (3GPP TS 23.038): GSM-7 with its extension table, 160 septets alone and 153 in each of
// several parts; else UCS-2, 70 units and 67. And a notification that fits.
#pragma once

#include <string>
#include <string_view>

#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

/// Every character is in the GSM-7 alphabet or its extension table.
bool is_gsm7(std::string_view utf8);
/// Parts that a provider makes of it; no escape pair and no surrogate pair is split over two. 0 for an empty text.
std::size_t sms_parts(std::string_view utf8);

/// "[HIGH] 1042 title: what happened", what to reply and the link to acknowledge by, else to the incident. `max_parts`
/// is kept by cutting what stands between; the number and what to reply are never cut.
std::string sms_text(const tsn::Message& message, std::size_t max_parts, bool takes_replies);

}  // namespace tocsin_plugins
