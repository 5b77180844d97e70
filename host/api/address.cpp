#include "api/address.hpp"

#include <algorithm>

namespace tocsin::api {

using base::fail;
using base::Fault;

base::Result<Address> parse_url(const std::string& url) {
  Address out;
  std::string_view rest = url;
  if (rest.starts_with("https://"))
    out.tls = true;
  else if (!rest.starts_with("http://")) {
    return fail(Fault::invalid,
                "\"" + url + "\" is no address of an agent; expected http://HOST:PORT or https://HOST:PORT");
  }
  rest.remove_prefix(out.tls ? 8 : 7);
  std::size_t slash = std::min(rest.find('/'), rest.size());
  std::string_view authority = rest.substr(0, slash), path = rest.substr(slash);
  while (path.ends_with('/')) path.remove_suffix(1);
  out.prefix = path;
  std::size_t bracket = authority.find(']');
  std::size_t colon = authority.find(':', bracket == authority.npos ? 0 : bracket);
  out.port = colon == authority.npos ? (out.tls ? "443" : "80") : std::string(authority.substr(colon + 1));
  out.host = authority.substr(0, colon);
  if (out.host.starts_with('[') && out.host.ends_with(']')) out.host = out.host.substr(1, out.host.size() - 2);
  bool digits = !out.port.empty() && out.port.find_first_not_of("0123456789") == std::string::npos;
  if (out.host.empty() || !digits) return fail(Fault::invalid, "\"" + url + "\": expected http://HOST:PORT");
  return out;
}

bool one_line(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == text.npos;
}

std::string authority_of(const Address& address) {
  const bool v6 = address.host.find(':') != std::string::npos;
  return (v6 ? "[" + address.host + "]" : address.host) + ":" + address.port;
}

}  // namespace tocsin::api
