#include "url.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

namespace tocsin_plugins::probing {
namespace {

bool read_port(std::string_view text, int& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size() && out >= 1 && out <= 65535;
}

/// "host", "host:port", "[::1]:port".
std::string read_authority(std::string_view text, Url& out) {
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == text.npos) return "the bracket of an IPv6 address is not closed";
    out.host = text.substr(1, close - 1);
    text.remove_prefix(close + 1);
    if (!text.empty() && text.front() != ':') return "expected a port behind the IPv6 address";
  } else {
    out.host = text.substr(0, text.find(':'));
    text.remove_prefix(out.host.size());
  }
  if (!text.empty() && !read_port(text.substr(1), out.port)) return "the port is no number from 1 to 65535";
  return {};
}

}  // namespace

std::string Url::origin() const {
  const bool six = host.find(':') != host.npos;
  return scheme + "://" + (six ? "[" + host + "]" : host) + (port ? ":" + std::to_string(port) : "");
}

std::string read_url(const std::string& text, Url& out) {
  out = {};
  const auto bad = [](unsigned char c) { return c <= ' ' || c == 0x7f; };
  if (std::any_of(text.begin(), text.end(), bad)) return "blanks and control characters are written as %20";
  const auto scheme = text.find("://");
  if (scheme == text.npos || scheme == 0) return "expected scheme://host";
  out.scheme = text.substr(0, scheme);
  std::string_view rest = std::string_view(text).substr(scheme + 3);
  rest = rest.substr(0, rest.find('#'));
  const auto end = std::min(rest.find_first_of("/?"), rest.size());
  auto authority = rest.substr(0, end);
  rest.remove_prefix(end);
  const auto question = rest.find('?');
  out.path = rest.substr(0, question);
  if (question != rest.npos) out.query = rest.substr(question + 1);
  if (const auto at = authority.rfind('@'); at != authority.npos) {
    out.user = authority.substr(0, at);
    if (out.user.find(':') != out.user.npos)
      return "leave the password out of it, where it would end up in logs; set `password`";
    if (!percent_decode(out.user)) return "the user's name is not percent-encoded";
    authority.remove_prefix(at + 1);
  }
  return read_authority(authority, out);
}

bool percent_decode(std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    unsigned char byte = 0;
    const auto* digits = text.data() + i + 1;
    if (text.size() - i < 3 || std::from_chars(digits, digits + 2, byte, 16).ptr != digits + 2 || byte == 0)
      return false;
    out += static_cast<char>(byte);
    i += 2;
  }
  text = std::move(out);
  return true;
}

}  // namespace tocsin_plugins::probing
