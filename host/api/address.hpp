// Where an agent, or anybody who speaks HTTP, is reached: a base url taken apart.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace tocsin::api {

struct Address {
  bool tls = false;
  std::string host, port, prefix;  ///< prefix: path of the base url without a slash at its end
};

/// "http://HOST[:PORT][/PREFIX]", or https; Fault::invalid.
base::Result<Address> parse_url(const std::string& url);
/// "HOST:PORT" as the header Host has it.
std::string authority_of(const Address& address);
/// No line break and no NUL: fit for a header.
bool one_line(std::string_view text);

}  // namespace tocsin::api
