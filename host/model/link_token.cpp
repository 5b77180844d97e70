#include "model/link_token.hpp"

#include <optional>

#include "base/text.hpp"

namespace tocsin::model {
namespace {

constexpr unsigned link_version = 1;
constexpr std::size_t id_at = 2, id_size = 16, end_at = id_at + id_size, nonce_at = end_at + 4, name_at = nonce_at + 6;
constexpr std::string_view hex_digits = "0123456789abcdef";

constexpr bool dash_before(std::size_t byte) {
  return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

std::string uuid_text(std::string_view bytes) {
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (dash_before(i)) out += '-';
    const auto byte = static_cast<unsigned char>(bytes[i]);
    out += hex_digits[byte >> 4];
    out += hex_digits[byte & 15];
  }
  return out;
}

/// 16 bytes; nothing where uuid_text() would not give the text back.
std::optional<std::string> uuid_bytes(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; out.size() < id_size;) {
    if (dash_before(out.size()) && (at >= text.size() || text[at++] != '-')) return std::nullopt;
    if (at + 2 > text.size()) return std::nullopt;
    const auto high = hex_digits.find(text[at]), low = hex_digits.find(text[at + 1]);
    if (high == hex_digits.npos || low == hex_digits.npos) return std::nullopt;
    out += static_cast<char>(high << 4 | low);
    at += 2;
  }
  if (uuid_text(out) != text) return std::nullopt;
  return out;
}

void put_number(std::string& out, std::uint64_t number, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(number >> (8 * i) & 0xff);
}

std::uint64_t number_in(std::string_view bytes) {
  std::uint64_t out = 0;
  for (const char c : bytes) out = out << 8 | static_cast<unsigned char>(c);
  return out;
}

/// At the end of a character.
std::string_view cut_name(std::string_view name) {
  if (name.size() <= most_link_name) return name;
  std::size_t end = most_link_name;
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xc0) == 0x80) --end;
  return name.substr(0, end);
}

std::unexpected<base::Error> no_link(std::string_view why) {
  return base::fail(base::Fault::invalid, "no action link: " + std::string(why));
}

}  // namespace

std::string_view to_string(LinkWay way) {
  return way == LinkWay::mail ? "mail link" : way == LinkWay::sms ? "SMS link" : "link";
}

base::Result<std::string> pack(const LinkToken& token) {
  const auto id = uuid_bytes(token.incident);
  if (!id) return no_link("the incident's correlation id is no UUID");
  const std::int64_t seconds = std::chrono::floor<std::chrono::seconds>(token.expires.time_since_epoch()).count();
  if (seconds <= 0 || seconds > 0xffffffff) return no_link("its end lies outside of 1970 to 2106");
  std::string out;
  out += static_cast<char>(link_version << 4 | (static_cast<unsigned>(token.kind) & 15));
  out += static_cast<char>(token.way);
  out += *id;
  put_number(out, static_cast<std::uint64_t>(seconds), 4);
  put_number(out, token.nonce, 6);
  return out.append(cut_name(token.recipient));
}

base::Result<LinkToken> unpack_link(std::string_view bytes) {
  if (bytes.size() < name_at || bytes.size() > name_at + most_link_name) return no_link("its length is wrong");
  const auto first = static_cast<unsigned char>(bytes[0]), way = static_cast<unsigned char>(bytes[1]);
  if (first >> 4 != link_version) return no_link("it is of another version");
  const unsigned kind = first & 15;
  if (kind < static_cast<unsigned>(AnswerKind::acknowledge) || kind > static_cast<unsigned>(AnswerKind::ticket))
    return no_link("its kind is not known");
  if (way > static_cast<unsigned>(LinkWay::sms)) return no_link("its way is not known");
  LinkToken out;
  out.kind = static_cast<AnswerKind>(kind);
  out.way = static_cast<LinkWay>(way);
  out.incident = uuid_text(bytes.substr(id_at, id_size));
  out.expires = base::Time(std::chrono::seconds(number_in(bytes.substr(end_at, 4))));
  out.nonce = number_in(bytes.substr(nonce_at, 6));
  out.recipient = bytes.substr(name_at);
  if (!base::valid_utf8(out.recipient)) return no_link("its name is no UTF-8");
  return out;
}

}  // namespace tocsin::model
