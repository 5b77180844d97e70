#include "encoding.hpp"

#include <algorithm>
#include <cstdint>

#include "message_text/text.hpp"

namespace tocsin_plugins {
namespace {

constexpr std::size_t most_columns = 76;
// 76 columns less "Reply-To: ", "=?UTF-8?B?" and "?=", as whole groups of base64.
constexpr std::size_t most_word_bytes = 39;

std::string base64(std::string_view bytes) {
  constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    }
    for (std::size_t k = 0; k < 4; ++k) out += i + k > bytes.size() ? '=' : digits[group >> (18 - 6 * k) & 63];
  }
  return out;
}

/// Words of at most 75 columns, each on a line of its own; no character is split (RFC 2047, sections 2 and 5).
std::string encoded_words(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    std::size_t end = 0;
    while (end < text.size()) {
      const std::size_t size = std::max<std::size_t>(character_size(text.substr(end)), 1);
      if (end + size > most_word_bytes) break;
      end += size;
    }
    if (!out.empty()) out += "\r\n ";
    out += "=?UTF-8?B?" + base64(text.substr(0, end)) + "?=";
    text.remove_prefix(end);
  }
  return out;
}

/// Can stand in a header as it is, folded at its spaces.
bool is_plain(std::string_view text) {
  std::size_t word = 0;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e) return false;
    word = c == ' ' ? 0 : word + 1;
    if (word > 60) return false;
  }
  return text.find("=?") == text.npos;
}

std::string folded(std::string_view name, std::string_view text) {
  std::string out(name);
  out += ":";
  std::size_t column = out.size();
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    if (column + 1 + end > most_columns) {
      out += "\r\n";
      column = 0;
    }
    out.append(" ").append(text.substr(0, end));
    column += 1 + end;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out + "\r\n";
}

bool is_mail(std::string_view mail) {
  const auto at = mail.find('@');
  if (at == 0 || at == mail.npos || at + 1 == mail.size() || mail.size() > 254) return false;
  if (mail.find('@', at + 1) != mail.npos) return false;
  return std::all_of(mail.begin(), mail.end(), [](unsigned char c) {
    return c > 0x20 && c < 0x7f &&
           std::string_view("<>()[],;:\\\"").find(static_cast<char>(c)) == std::string_view::npos;
  });
}

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

}  // namespace

std::optional<Address> parse_address(std::string_view text) {
  Address out;
  out.mail = trimmed(text);
  if (out.mail.ends_with('>')) {
    const auto open = out.mail.rfind('<');
    if (open == std::string::npos) return std::nullopt;
    std::string name = trimmed(std::string_view(out.mail).substr(0, open));
    if (name.size() >= 2 && name.front() == '"' && name.back() == '"') name = name.substr(1, name.size() - 2);
    if (one_line(name) != name) return std::nullopt;
    out.name = std::move(name);
    out.mail = out.mail.substr(open + 1, out.mail.size() - open - 2);
  }
  if (!is_mail(out.mail)) return std::nullopt;
  return out;
}

std::string text_header(std::string_view name, std::string_view text) {
  const std::string value = one_line(text);
  if (is_plain(value)) return folded(name, value);
  return std::string(name) + ": " + encoded_words(value) + "\r\n";
}

std::string address_header(std::string_view name, const Address& address) {
  const std::string line(name);
  const std::string who = one_line(address.name);
  if (who.empty()) return line + ": " + address.mail + "\r\n";
  if (!is_plain(who) || who.size() > 60) return line + ": " + encoded_words(who) + "\r\n <" + address.mail + ">\r\n";
  std::string quoted;
  for (const char c : who) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return line + ": \"" + quoted + "\"" + (who.size() + address.mail.size() > 55 ? "\r\n" : "") + " <" + address.mail +
         ">\r\n";
}

std::string quoted_printable(std::string_view text) {
  constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  std::size_t column = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == '\n') {
      out += "\r\n";
      column = 0;
      continue;
    }
    const bool at_end = i + 1 == text.size() || text[i + 1] == '\n';
    const bool blank = (c == ' ' || c == '\t') && !at_end;
    const bool literal = blank || (c > 0x20 && c < 0x7f && c != '=');
    const std::size_t width = literal ? 1 : 3;
    // A last character may fill the line; otherwise one column stays for the soft break.
    if (column + width > (at_end ? most_columns : most_columns - 1)) {
      out += "=\r\n";
      column = 0;
    }
    if (literal)
      out += static_cast<char>(c);
    else
      out.append({'=', digits[c >> 4], digits[c & 15]});
    column += width;
  }
  if (column) out += "\r\n";
  return out;
}

}  // namespace tocsin_plugins
