#include "target.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <charconv>
#include <set>

namespace tocsin_plugins::probing {
namespace {

using namespace std::chrono_literals;

constexpr unsigned every_kind = 63;
constexpr unsigned of(std::initializer_list<Kind> kinds) {
  unsigned mask = 0;
  for (const auto kind : kinds) mask |= static_cast<unsigned>(kind);
  return mask;
}
constexpr struct {
  const char* key;
  unsigned kinds;
} known_keys[] = {
    {"name", every_kind},
    {"url", every_kind},
    {"service", every_kind},
    {"dc", every_kind},
    {"every", every_kind},
    {"timeout", every_kind},
    {"password", of({Kind::http, Kind::postgres, Kind::redis})},
    {"bearer", of({Kind::http})},
    {"ca_file", of({Kind::http, Kind::tls, Kind::postgres, Kind::redis})},
    {"server_name", of({Kind::tls, Kind::redis})},
    {"username", of({Kind::http})},
    {"method", of({Kind::http})},
    {"headers", of({Kind::http})},
    {"body", of({Kind::http})},
    {"status", of({Kind::http})},
    {"body_pattern", of({Kind::http})},
    {"redirects", of({Kind::http})},
    {"send", of({Kind::tcp, Kind::tls})},
    {"expect", of({Kind::tcp, Kind::tls, Kind::dns})},
    {"role", of({Kind::postgres, Kind::redis})},
};

constexpr struct {
  const char* scheme;
  Kind kind;
  bool encrypted;
  int port;  ///< 0: one has to be written
} schemes[] = {
    {"http", Kind::http, false, 80},
    {"https", Kind::http, true, 443},
    {"tcp", Kind::tcp, false, 0},
    {"tls", Kind::tls, true, 443},
    {"dns", Kind::dns, false, 53},
    {"postgres", Kind::postgres, false, 5432},
    {"postgresql", Kind::postgres, false, 5432},
    {"redis", Kind::redis, false, 6379},
    {"rediss", Kind::redis, true, 6379},
};

[[noreturn]] void refuse(const tsn::Config& table, std::string_view key, const std::string& why) {
  std::string text = "option \"target\"";
  if (const auto name = table["name"]; name && name.type() == TSN_STRING)
    text += " \"" + std::string(name.as_str().substr(0, 64)) + "\"";
  const auto at = table[key];
  if (const auto line = at.line() ? at.line() : table.line()) text += " at line " + std::to_string(line);
  throw tsn::Failure(tsn::invalid(text + ": " + std::string(key) + ": " + why));
}

/// "1h30m", "500ms". Nested tables come to a plugin as they stand, durations as text.
std::chrono::nanoseconds duration_of(const tsn::Config& table, std::string_view key,
                                     std::chrono::nanoseconds otherwise) {
  if (!table.has(key)) return otherwise;
  constexpr std::pair<std::string_view, std::int64_t> units[] = {{"ms", 1'000'000},
                                                                 {"s", 1'000'000'000},
                                                                 {"m", 60'000'000'000},
                                                                 {"h", 3'600'000'000'000},
                                                                 {"d", 86'400'000'000'000}};
  auto rest = table.str(key);
  std::int64_t sum = 0;
  bool good = !rest.empty();
  while (good && !rest.empty()) {
    std::int64_t count = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), count);
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    const auto letters = rest.substr(0, rest.find_first_of("0123456789"));
    const auto unit =
        std::find_if(std::begin(units), std::end(units), [&](const auto& u) { return u.first == letters; });
    good = error == std::errc() && unit != std::end(units) && count >= 0 && count <= 3'600'000 &&
           sum <= 366 * units[4].second;
    if (!good) break;
    sum += std::min(count, 400 * units[4].second / unit->second) * unit->second;
    rest.remove_prefix(letters.size());
  }
  if (!good || sum == 0) refuse(table, key, "expected a duration as \"30s\" or \"1h30m\"");
  return std::chrono::nanoseconds(sum);
}

void check_keys(const tsn::Config& table, Kind kind) {
  for (std::uint32_t i = 0; i < table.count(); ++i) {
    const auto key = table.key(i);
    const auto known =
        std::find_if(std::begin(known_keys), std::end(known_keys), [&](const auto& k) { return k.key == key; });
    if (known == std::end(known_keys)) refuse(table, key, "no target has this key; see the plugin's README");
    if (!(known->kinds & static_cast<unsigned>(kind)))
      refuse(table, key, std::string("a target of the kind ") + name_of(kind) + " has no such key");
  }
}

/// What libpq would take from the query: a password is none of a URL's, and one target is one server.
void check_postgres_query(const tsn::Config& table, std::string_view query) {
  while (!query.empty()) {
    const auto part = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(part.size() + 1, query.size()));
    std::string key(part.substr(0, part.find('=')));
    if (!percent_decode(key)) refuse(table, "url", "a key of its query is not percent-encoded");
    if (key == "password" || key == "sslpassword")
      refuse(table, "url", "leave the password out of it, where it would end up in logs; set `password`");
    if (key == "host" || key == "hostaddr" || key == "port")
      refuse(table, "url", "host and port stand before the path");
  }
}

void read_place(const tsn::Config& table, Target& out) {
  out.whole_url = table.str("url");
  if (out.whole_url.empty()) refuse(table, "url", "expected one, as \"https://shop.example/health\"");
  if (const auto why = read_url(out.whole_url, out.url); !why.empty()) refuse(table, "url", why);
  const auto scheme =
      std::find_if(std::begin(schemes), std::end(schemes), [&](const auto& s) { return s.scheme == out.url.scheme; });
  if (scheme == std::end(schemes))
    refuse(table, "url", "expected http, https, tcp, tls, dns, postgres, redis or rediss before ://");
  out.kind = scheme->kind;
  out.encrypted = scheme->encrypted;
  if (out.url.host.empty() && out.kind != Kind::dns && out.kind != Kind::postgres)
    refuse(table, "url", "it names no host");
  if (!out.url.port && !scheme->port) refuse(table, "url", "it names no port");
  if (!out.url.port) out.url.port = scheme->port;
  if (!out.url.user.empty() && out.kind != Kind::postgres && out.kind != Kind::redis)
    refuse(table, "url", "it has no user; for http there is `username`");
  const bool bare = out.kind == Kind::tcp || out.kind == Kind::tls || out.kind == Kind::redis;
  if (out.kind == Kind::postgres) check_postgres_query(table, out.url.query);
  if (bare && (out.url.path.size() > 1 || !out.url.query.empty()))
    refuse(table, "url", "expected nothing behind the port");
}

void read_login(const tsn::Config& table, Target& out) {
  out.username = out.kind == Kind::http ? std::string(table.str("username")) : out.url.user;
  out.password = table.str("password");
  out.bearer = table.str("bearer");
  if (out.kind == Kind::http && out.username.empty() != out.password.empty())
    refuse(table, "username", "username and password go together");
  if (out.bearer.find_first_of("\r\n") != std::string::npos) refuse(table, "bearer", "it has several lines");
  if (!out.bearer.empty() && !out.username.empty()) refuse(table, "bearer", "either a bearer or a username");
}

std::pair<int, int> status_range(const tsn::Config& table, const tsn::Config& entry) {
  if (entry.type() == TSN_INT && entry.as_integer() >= 100 && entry.as_integer() <= 599)
    return {static_cast<int>(entry.as_integer()), static_cast<int>(entry.as_integer())};
  const auto text = entry.type() == TSN_STRING ? entry.as_str() : std::string_view();
  if (text.size() == 3 && text[0] >= '1' && text[0] <= '5' && text.substr(1) == "xx")
    return {(text[0] - '0') * 100, (text[0] - '0') * 100 + 99};
  refuse(table, "status", "expected numbers from 100 to 599 and classes as \"2xx\"");
}

void read_http(const tsn::Config& table, Target& out) {
  const auto token = [](std::string_view text) {
    return !text.empty() && text.size() <= 256 &&
           text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") == text.npos;
  };
  out.method = table.str("method", "GET");
  if (!token(out.method)) refuse(table, "method", "expected a word as \"GET\"");
  const auto headers = table.table("headers");
  for (std::uint32_t i = 0; i < headers.count(); ++i) {
    const auto value = headers.at(i).as_str();
    if (!token(headers.key(i)) || value.find_first_of(std::string_view("\r\n\0", 3)) != value.npos)
      refuse(table, "headers", "a name has letters, digits and \"-\", a value is one line");
    out.headers.push_back(std::string(headers.key(i)) + (value.empty() ? ";" : ": " + std::string(value)));
  }
  out.body = table.str("body");
  for (const auto& entry : table.array("status")) out.statuses.push_back(status_range(table, entry));
  if (out.statuses.empty()) out.statuses = {{200, 299}};
  out.redirects = static_cast<int>(std::clamp<std::int64_t>(table.integer("redirects"), -1, 11));
  if (out.redirects < 0 || out.redirects > 10) refuse(table, "redirects", "expected 0 to 10");
  if (!table.has("body_pattern")) return;
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(4 << 20);
  auto pattern = std::make_shared<RE2>(std::string(table.str("body_pattern")), options);
  if (!pattern->ok()) refuse(table, "body_pattern", "no regular expression (RE2): " + pattern->error());
  out.pattern = std::move(pattern);
}

void read_dns(const tsn::Config& table, Target& out) {
  out.dns_name = out.url.path.substr(std::min<std::size_t>(1, out.url.path.size()));
  if (out.dns_name.empty() || out.dns_name.find('/') != out.dns_name.npos)
    refuse(table, "url", "expected dns://SERVER/NAME?type=A, or dns:///NAME for the system's server");
  out.dns_type = out.url.query.empty() ? "A" : out.url.query;
  if (out.dns_type.starts_with("type=")) out.dns_type.erase(0, 5);
  constexpr std::string_view types[] = {"A", "AAAA", "CNAME", "MX", "NS", "PTR", "TXT"};
  if (std::find(std::begin(types), std::end(types), out.dns_type) == std::end(types))
    refuse(table, "url", "expected type=A, AAAA, CNAME, MX, NS, PTR or TXT");
  out.expected = table.strings("expect");
}

void read_role(const tsn::Config& table, Target& out) {
  const auto role = table.str("role", "any");
  if (role != "any" && role != "primary" && role != "replica")
    refuse(table, "role", "expected \"any\", \"primary\" or \"replica\"");
  out.role = role == "any" ? Role::any : role == "primary" ? Role::primary : Role::replica;
}

Target read_target(const tsn::Config& table, const TargetDefaults& defaults) {
  if (table.type() != TSN_TABLE) table.wrong("a table with name and url");
  Target out;
  read_place(table, out);
  check_keys(table, out.kind);
  out.name = table.str("name");
  if (out.name.empty() || out.name.size() > 128) refuse(table, "name", "expected a name of 1 to 128 bytes");
  out.service = table.str("service");
  out.dc = table.str("dc");
  out.every = duration_of(table, "every", defaults.every);
  if (out.every < 100ms) refuse(table, "every", "expected at least 100ms");
  out.timeout = duration_of(table, "timeout", std::min(defaults.timeout, out.every));
  if (out.timeout > out.every) refuse(table, "timeout", "expected at most `every`");
  out.ca_file =
      table.str("ca_file", of({Kind::http, Kind::tls, Kind::postgres, Kind::redis}) & static_cast<unsigned>(out.kind)
                               ? std::string_view(defaults.ca_file)
                               : "");
  out.server_name = table.str("server_name", out.url.host);
  read_login(table, out);
  if (out.kind == Kind::http) read_http(table, out);
  if (out.kind == Kind::dns) read_dns(table, out);
  if (out.kind == Kind::tcp || out.kind == Kind::tls) out.send = table.str("send"), out.expect = table.str("expect");
  read_role(table, out);
  return out;
}

}  // namespace

const char* name_of(Kind kind) {
  switch (kind) {
    case Kind::http:
      return "http";
    case Kind::tcp:
      return "tcp";
    case Kind::tls:
      return "tls";
    case Kind::dns:
      return "dns";
    case Kind::postgres:
      return "postgres";
    case Kind::redis:
      return "redis";
  }
  return "";
}

std::vector<Target> read_targets(const tsn::Config& list, const TargetDefaults& defaults) {
  std::vector<Target> all;
  std::set<std::pair<std::string, std::string>> names;
  if (list.type() != TSN_ARRAY || list.count() == 0) list.wrong("at least one [[…target]] with name and url");
  for (const auto& table : list) {
    all.push_back(read_target(table, defaults));
    if (!names.emplace(all.back().name, all.back().dc).second)
      refuse(table, "name", "another target has this name and `dc`");
  }
  return all;
}

}  // namespace tocsin_plugins::probing
