#include "dns_message.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <utility>

namespace tocsin_plugins::probing {
namespace {

constexpr std::size_t header_bytes = 12;

void put16(std::string& to, unsigned value) {
  to += static_cast<char>(value >> 8);
  to += static_cast<char>(value & 0xff);
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool same_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

/// A message from a place on. What reads past the end leaves `good` false, and zeros.
class Reader {
 public:
  Reader(std::string_view message, std::size_t at) : message_(message), at_(at) {}

  bool good = true;
  std::size_t at() const { return at_; }

  unsigned byte() {
    if (at_ >= message_.size()) return good = false, 0;
    return static_cast<unsigned char>(message_[at_++]);
  }
  unsigned word() {
    const unsigned high = byte();
    return high << 8 | byte();
  }
  std::string_view bytes(std::size_t count) {
    if (at_ > message_.size() || count > message_.size() - at_) return good = false, std::string_view();
    const auto out = message_.substr(at_, count);
    at_ += count;
    return out;
  }
  /// Compressed names point backwards only, so that reading ends.
  std::string name() {
    std::string out;
    std::size_t at = at_, before = at_;
    bool jumped = false;
    for (;;) {
      if (at >= message_.size()) return good = false, std::string();
      const unsigned length = static_cast<unsigned char>(message_[at]);
      if (length >= 0xc0) {
        if (at + 1 >= message_.size()) return good = false, std::string();
        const std::size_t to = (length & 0x3f) << 8 | static_cast<unsigned char>(message_[at + 1]);
        if (!std::exchange(jumped, true)) at_ = at + 2;
        if (to >= before) return good = false, std::string();
        at = before = to;
        continue;
      }
      if (length > 63 || at + 1 + length > message_.size() || out.size() + length > 254)
        return good = false, std::string();
      if (length == 0) break;
      if (!out.empty()) out += '.';
      for (const char c : message_.substr(at + 1, length)) out += lower(c);
      at += 1 + length;
    }
    if (!jumped) at_ = at + 1;
    return out;
  }

 private:
  std::string_view message_;
  std::size_t at_;
};

std::string address_text(int family, std::string_view bytes) {
  char text[INET6_ADDRSTRLEN] = {};
  if (bytes.size() == (family == AF_INET ? 4u : 16u)) ::inet_ntop(family, bytes.data(), text, sizeof text);
  return text;
}

std::string joined_texts(std::string_view data) {
  std::string out;
  while (!data.empty()) {
    const auto length = static_cast<unsigned char>(data.front());
    out += data.substr(1, length);
    data.remove_prefix(std::min<std::size_t>(1u + length, data.size()));
  }
  return out;
}

std::string value_of(std::string_view message, DnsType type, std::size_t at, std::size_t size, bool& good) {
  Reader data(message.substr(0, at + size), at);
  std::string out;
  switch (type) {
    case DnsType::a:
      out = address_text(AF_INET, data.bytes(size));
      break;
    case DnsType::aaaa:
      out = address_text(AF_INET6, data.bytes(size));
      break;
    case DnsType::mx:
      out = std::to_string(data.word()) + " ";
      out += data.name();
      break;
    case DnsType::txt:
      return joined_texts(data.bytes(size));
    default:
      out = data.name();
  }
  good = data.good && !out.empty();
  return out;
}

bool read_record(std::string_view message, Reader& from, DnsType type, DnsAnswer& out) {
  from.name();
  const unsigned its_type = from.word(), its_class = from.word();
  from.bytes(4);
  const std::size_t size = from.word(), at = from.at();
  from.bytes(size);
  if (!from.good) return false;
  if (its_type != static_cast<unsigned>(type) || its_class != 1) return true;
  bool good = true;
  out.values.push_back(value_of(message, type, at, size, good));
  return good;
}

}  // namespace

DnsType dns_type(std::string_view name) {
  constexpr std::pair<std::string_view, DnsType> all[] = {{"AAAA", DnsType::aaaa}, {"CNAME", DnsType::cname},
                                                          {"MX", DnsType::mx},     {"NS", DnsType::ns},
                                                          {"PTR", DnsType::ptr},   {"TXT", DnsType::txt}};
  for (const auto& [text, type] : all)
    if (text == name) return type;
  return DnsType::a;
}

std::string dns_question(std::uint16_t id, std::string_view name, DnsType type) {
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.empty() || name.size() > 253) return {};
  std::string out;
  put16(out, id);
  put16(out, 0x0100);  // recursion desired
  put16(out, 1);
  out.append(6, '\0');
  while (!name.empty()) {
    const auto label = name.substr(0, name.find('.'));
    if (label.empty() || label.size() > 63) return {};
    out += static_cast<char>(label.size());
    out += label;
    name.remove_prefix(std::min(label.size() + 1, name.size()));
  }
  out += '\0';
  put16(out, static_cast<unsigned>(type));
  put16(out, 1);  // IN
  return out;
}

bool read_dns_answer(std::string_view message, std::string_view question, DnsAnswer& out) {
  out = {};
  if (message.size() < question.size() || question.size() < header_bytes) return false;
  if (message.substr(0, 2) != question.substr(0, 2)) return false;
  const auto asked = question.substr(header_bytes);
  if (!same_ignoring_case(message.substr(header_bytes, asked.size()), asked)) return false;
  Reader head(message, 2);
  const unsigned flags = head.word(), questions = head.word(), answers = head.word();
  if (!(flags & 0x8000) || questions != 1) return false;
  out.code = static_cast<int>(flags & 0xf);
  out.truncated = flags & 0x0200;
  if (out.truncated) return true;
  const auto type_at = asked.substr(asked.size() - 4);
  const auto type =
      static_cast<DnsType>(static_cast<unsigned char>(type_at[0]) << 8 | static_cast<unsigned char>(type_at[1]));
  Reader records(message, question.size());
  for (unsigned i = 0; i < answers; ++i)
    if (!read_record(message, records, type, out)) return false;
  return true;
}

std::string dns_code_text(int code) {
  constexpr const char* names[] = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"};
  return code < 6 ? names[code] : "RCODE " + std::to_string(code);
}

}  // namespace tocsin_plugins::probing
