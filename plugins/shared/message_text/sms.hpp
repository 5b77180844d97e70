// How long a text is as SMS (3GPP TS 23.038): GSM-7 with its extension table, 160 septets alone and 153 in each of
// several parts; else UCS-2, 70 units and 67.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tocsin_plugins {

/// Every character is in the GSM-7 alphabet or its extension table.
bool is_gsm7(std::string_view utf8);
/// Parts that a provider makes of it; no escape pair and no surrogate pair is split over two. 0 for an empty text.
std::size_t sms_parts(std::string_view utf8);

/// A character as GSM-7 writes the same: typographic quotes, dashes, dots, spaces and arrows. Letters stay what they
/// are.
std::string_view gsm7_spelling(std::string_view character);
/// gsm7_spelling() of each, where that makes the whole of it GSM-7; else `utf8` itself.
std::string gsm7_spelled(std::string_view utf8);

/// Without characters that nobody sees and that only turn directions or forbid breaks: they could disguise a text, and
/// one of them makes an SMS of 160 characters one of 70. Joiners stay, which letters and emoji are made of.
std::string without_marks(std::string_view utf8);

}  // namespace tocsin_plugins
