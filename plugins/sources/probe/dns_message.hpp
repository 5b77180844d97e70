// Questions and answers of DNS (RFC 1035, 3596), as far as a check needs them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tocsin_plugins::probing {

enum class DnsType : std::uint16_t { a = 1, ns = 2, cname = 5, ptr = 12, mx = 15, txt = 16, aaaa = 28 };

/// By its name as in "type=AAAA"; A for any other.
DnsType dns_type(std::string_view name);

/// A recursive question. Empty: `name` is none (labels of 1 to 63 bytes, 253 together).
std::string dns_question(std::uint16_t id, std::string_view name, DnsType type);

struct DnsAnswer {
  int code = 0;            ///< RCODE: 0 no error, 3 no such name
  bool truncated = false;  ///< ask again over TCP
  /// Of the type that was asked for, in the server's order: addresses, names in lower case, "10 mail.example", texts.
  std::vector<std::string> values;
};

/// False: `message` is no answer to `question` (another id or question), or is damaged.
bool read_dns_answer(std::string_view message, std::string_view question, DnsAnswer& out);

/// "NXDOMAIN" for 3.
std::string dns_code_text(int code);

}  // namespace tocsin_plugins::probing
