// scheme://user@host:port/path?query (RFC 3986), without a password: that is a key of its own.
#pragma once

#include <string>

namespace tocsin_plugins::probing {

struct Url {
  std::string scheme, user, host;  ///< host without the brackets of an IPv6 address
  int port = 0;                    ///< 0: none is written
  std::string path, query;         ///< with their "/" and without their "?"

  /// "https://db.example:5432": path and query may hold secrets.
  std::string origin() const;
};

/// Empty: `text` was read into `out`. Else what is wrong with it, which repeats nothing of the text.
std::string read_url(const std::string& text, Url& out);

/// %41 as A. False: a % without two hexadecimal digits, or a NUL.
bool percent_decode(std::string& text);

}  // namespace tocsin_plugins::probing
