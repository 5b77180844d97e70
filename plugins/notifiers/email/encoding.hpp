// The text encodings of mail: header lines (RFC 5322), encoded words (RFC 2047), quoted-printable (RFC 2045),
// addresses.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tocsin_plugins {

struct Address {
  std::string name;  ///< UTF-8, may be empty
  std::string mail;  ///< ASCII, "user@host"
};

/// "Name <user@host>", "\"Na, me\" <user@host>" or "user@host". None where it is no address: control characters, white
/// space, brackets or commas in it, not exactly one @, other than ASCII, longer than 254 bytes.
std::optional<Address> parse_address(std::string_view text);

/// One header line with its CRLF for free text on one line: folded at 76 columns, other than plain ASCII as encoded
/// words.
std::string text_header(std::string_view name, std::string_view text);

/// One header line with its CRLF for an address.
std::string address_header(std::string_view name, const Address& address);

/// Text with "\n" for line ends as quoted-printable lines of at most 76 columns that end in CRLF.
std::string quoted_printable(std::string_view text);

}  // namespace tocsin_plugins
