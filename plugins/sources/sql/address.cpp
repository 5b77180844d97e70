#include "address.hpp"

#include <libpq-fe.h>

#include <charconv>
#include <memory>

#include "message_text/mask.hpp"

namespace tocsin_plugins::sql {
namespace {

constexpr std::string_view system_roots = "/etc/ssl/certs/ca-certificates.crt";

[[noreturn]] void bad_url(const std::string& why) {
  throw tsn::Failure(tsn::invalid("url: " + why));
}

[[noreturn]] void password_in_url() {
  bad_url("a password in a URL ends up in logs; take it out and write password = \"file:PATH\" or \"env:NAME\"");
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = high < 0 ? -1 : hex_digit(text[i + 2]);
    if (low < 0 || high * 16 + low == 0) bad_url("after % stand two hexadecimal digits, and not 00");
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

/// Cuts `text` at the first `mark`; what follows it is returned, or nothing.
std::string_view cut_after(std::string_view& text, char mark) {
  const auto at = text.find(mark);
  if (at == text.npos) return {};
  const auto rest = text.substr(at + 1);
  text = text.substr(0, at);
  return rest;
}

unsigned port_of(std::string_view text) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0 || port > 65535)
    bad_url("the port is a number from 1 to 65535");
  return port;
}

/// user@host:port/database?socket=/path
void read_mysql(std::string_view rest, Address& out) {
  const auto query = cut_after(rest, '?');
  if (!query.empty()) {
    if (!query.starts_with("socket=")) bad_url("after ? only socket=/path is known");
    out.socket = percent_decoded(query.substr(7));
  }
  out.database = percent_decoded(cut_after(rest, '/'));
  if (const auto at = rest.rfind('@'); at != rest.npos) {
    const auto user = rest.substr(0, at);
    if (user.find(':') != user.npos) password_in_url();
    out.user = percent_decoded(user);
    rest = rest.substr(at + 1);
  }
  if (rest.starts_with('[')) {  // an IPv6 address
    const auto end = rest.find(']');
    if (end == rest.npos) bad_url("the address after [ has no ]");
    out.host = rest.substr(1, end - 1);
    rest = rest.substr(end + 1);
    if (rest.starts_with(':')) out.port = port_of(rest.substr(1));
    return;
  }
  const bool has_port = rest.find(':') != rest.npos;
  const auto port = cut_after(rest, ':');
  if (has_port) out.port = port_of(port);
  out.host = percent_decoded(rest);
  if (out.host.empty() && out.socket.empty()) bad_url("it names no host");
}

void check_postgres(const std::string& url) {
  char* why = nullptr;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> read(PQconninfoParse(url.c_str(), &why),
                                                                          &PQconninfoFree);
  const std::unique_ptr<char, decltype(&PQfreemem)> kept(why, &PQfreemem);
  if (!read) {
    // libpq's text repeats the url, in which a password may be all the same.
    if (url.find("password") != url.npos) password_in_url();
    bad_url("expected postgres://user@host:port/database");
  }
  for (const auto* option = read.get(); option->keyword; ++option)
    if (option->val && std::string_view(option->keyword).ends_with("password")) password_in_url();
}

}  // namespace

std::string Address::without_password(std::string text) const {
  if (password.size() < 3) return text;  // it would tear words apart
  mask_secret(text, password);
  return text;
}

Address read_address(const tsn::Config& config) {
  Address out;
  out.url = config.str("url");
  out.password = config.str("password");
  out.ca_file = config.str("ca_file");
  out.sslmode = config.str("sslmode");
  if (out.sslmode.empty()) out.sslmode = out.ca_file.empty() ? "prefer" : "verify-full";
  const bool verifies = out.sslmode.starts_with("verify");
  if (!verifies && !out.ca_file.empty())
    throw tsn::Failure(tsn::invalid("ca_file: sslmode = \"" + out.sslmode +
                                    "\" looks at no certificate; write \"verify-full\" or leave sslmode out"));
  if (verifies && out.ca_file.empty()) out.ca_file = system_roots;
  const std::string_view url = out.url;
  if (url.find('\0') != url.npos) bad_url("it holds a NUL");
  if (url.starts_with("postgres://") || url.starts_with("postgresql://")) {
    check_postgres(out.url);
    return out;
  }
  out.postgres = false;
  for (const std::string_view scheme : {"mysql://", "mariadb://"}) {
    if (!url.starts_with(scheme)) continue;
    read_mysql(url.substr(scheme.size()), out);
    return out;
  }
  bad_url("expected postgres://user@host:port/database, mysql://… or mariadb://…");
}

}  // namespace tocsin_plugins::sql
