#include "settings.hpp"

#include <algorithm>
#include <charconv>
#include <set>

namespace tocsin_plugins::prometheus {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view keys[] = {"name", "expr", "signal", "labels", "every", "range", "step", "delay"};

[[noreturn]] void refuse(const std::string& where, const std::string& why) {
  throw tsn::Failure(tsn::invalid(where + ": " + why));
}

/// What may be written behind "https://" of a server's address.
std::string read_url(std::string_view text) {
  if (!text.starts_with("http://") && !text.starts_with("https://")) refuse("url", "expected http:// or https://");
  auto rest = text.substr(text.find("://") + 3);
  if (rest.empty() || rest.starts_with('/')) refuse("url", "it names no host");
  if (rest.find_first_of(" \t\r\n") != rest.npos) refuse("url", "it has white space");
  if (rest.find_first_of("?#") != rest.npos) refuse("url", "expected the server's address only, without ? and #");
  if (rest.substr(0, rest.find('/')).find('@') != rest.npos)
    refuse("url", "user and password stand in the options username and password, not in a URL, which ends up in logs");
  constexpr std::string_view api = "/api/v1";
  while (text.ends_with('/')) text.remove_suffix(1);
  if (text.ends_with(api)) text.remove_suffix(api.size());
  while (text.ends_with('/')) text.remove_suffix(1);
  return std::string(text);
}

void read_headers(const tsn::Config& table, ApiSettings& out) {
  constexpr auto letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
  for (std::uint32_t i = 0; i < table.count(); ++i) {
    const std::string name(table.key(i)), value(table.at(i).as_str());
    if (name.empty() || name.find_first_not_of(letters) != name.npos ||
        value.find_first_of(std::string_view("\r\n\0", 3)) != value.npos)
      refuse("headers", "a name has letters, digits and \"-\", a value is one line");
    out.headers.push_back(name + (value.empty() ? ";" : ": " + value));
    out.secrets.push_back(value);
  }
}

void check_keys(const tsn::Config& table, const std::string& where) {
  if (table.type() != TSN_TABLE) table.wrong("a table with expr");
  for (std::uint32_t i = 0; i < table.count(); ++i) {
    if (std::ranges::find(keys, table.key(i)) != std::end(keys)) continue;
    std::string text = "unknown key \"" + std::string(table.key(i)) + "\"; expected one of";
    for (const auto key : keys) text.append(key == keys[0] ? " " : ", ").append(key);
    refuse(where, text);
  }
}

std::chrono::nanoseconds duration(const tsn::Config& table, std::string_view key, std::chrono::nanoseconds fallback,
                                  const std::string& where) {
  const auto value = table[key];
  if (!value) return fallback;
  if (value.type() == TSN_INT) return std::chrono::nanoseconds(value.as_integer());
  return read_duration(value.as_str(), where + ": " + std::string(key));
}

void check_times(const QuerySettings& query, const std::string& where, std::chrono::nanoseconds tick) {
  if (query.every < tick)
    refuse(where,
           "every: it is shorter than that of the source; set `every` of the source to that of its fastest query");
  if ((query.range == 0ns) != (query.step == 0ns)) refuse(where, "range and step belong together; write both or none");
  if (query.range == 0ns) return;
  if (query.step < 1ms || query.step % 1ms != 0ns) refuse(where, "step: whole milliseconds, as \"15s\"");
  if (query.range < query.step) refuse(where, "range: it is shorter than step");
  if (query.range / query.step > most_steps) refuse(where, "range: more than 11000 steps; make step longer");
  if (query.range < query.every)
    refuse(where, "range: it is shorter than every, so that one question could not reach back to the last one");
}

QuerySettings read(const tsn::Config& table, std::chrono::nanoseconds tick, std::string where) {
  QuerySettings out;
  out.expr = table.str("expr");
  if (out.expr.find_first_not_of(" \t\r\n") == std::string::npos) refuse(where, "expr is missing");
  if (out.expr.size() > longest_expr || out.expr.find('\0') != std::string::npos)
    refuse(where, "expr: it is longer than 64 KiB, or holds a NUL");
  out.signal = table.str("signal");
  out.name = table.str("name", out.signal.empty() ? out.expr : out.signal);
  if (out.name.empty() || out.name.size() > longest_name || out.name.find_first_of("\r\n") != std::string::npos)
    refuse(where, "name: 1 to 128 bytes on one line" +
                      std::string(table.has("name") ? "" : "; expr is too long for one, so write a name"));
  where = "query \"" + out.name + "\"";
  const auto labels = table.table("labels");
  for (std::uint32_t i = 0; i < labels.count(); ++i) {
    if (labels.key(i) == "__name__") refuse(where, "labels: the name is given with signal, not as __name__");
    out.labels.emplace_back(labels.key(i), labels.at(i).as_str());
  }
  out.every = duration(table, "every", tick, where);
  out.delay = duration(table, "delay", 0ns, where);
  out.range = duration(table, "range", 0ns, where);
  out.step = duration(table, "step", 0ns, where);
  check_times(out, where, tick);
  return out;
}

}  // namespace

std::chrono::nanoseconds read_duration(std::string_view text, const std::string& where) {
  constexpr std::pair<std::string_view, double> units[] = {{"ms", 1e6},   {"s", 1e9},      {"m", 60e9},
                                                           {"h", 3600e9}, {"d", 86'400e9}, {"w", 604'800e9}};
  double sum = 0;
  auto rest = text;
  while (!rest.empty()) {
    double number = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (error != std::errc() || !(number >= 0)) break;
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    const auto letters = std::min(rest.find_first_not_of("mshdw"), rest.size());
    const auto unit = std::ranges::find(units, rest.substr(0, letters), &std::pair<std::string_view, double>::first);
    if (unit == std::end(units)) break;
    sum += number * unit->second;
    rest.remove_prefix(letters);
  }
  if (text.empty() || !rest.empty() || sum <= 0 || sum > 366 * 86'400e9)
    refuse(where, "expected a duration as \"30s\", \"5m\" or \"1h30m\"");
  return std::chrono::nanoseconds(static_cast<std::int64_t>(sum));
}

ApiSettings read_api(const tsn::Config& config) {
  ApiSettings out;
  out.url = read_url(config.str("url"));
  out.username = config.str("username");
  out.password = config.str("password");
  out.bearer = config.str("bearer");
  if (!out.bearer.empty() && !out.username.empty()) refuse("bearer", "give either bearer or username, not both");
  if (out.bearer.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos)
    refuse("bearer", "it is not one line");
  out.most_bytes = static_cast<std::size_t>(config.size("max_size", 64 << 20));
  out.most_samples = static_cast<std::size_t>(config.integer("max_samples", 100'000));
  out.allow_partial = config.boolean("allow_partial");
  out.secrets = {out.password, out.bearer};
  read_headers(config.table("headers"), out);
  out.http.ca_file = config.str("ca_file");
  out.http.cert_file = config.str("cert_file");
  out.http.key_file = config.str("key_file");
  if (out.http.cert_file.empty() && !out.http.key_file.empty()) refuse("key_file", "it needs cert_file beside it");
  out.http.proxy_url = config.str("proxy_url");
  for (const auto& host : config.strings("no_proxy"))
    out.http.no_proxy += (out.http.no_proxy.empty() ? "" : ",") + host;
  return out;
}

std::vector<QuerySettings> read_queries(const tsn::Config& config) {
  const auto entries = config.array("query");
  const auto tick = config.duration("every", 60s);
  if (entries.count() > most_queries) refuse("query", "at most 256; make a second source for the others");
  std::vector<QuerySettings> out;
  std::set<std::string> names;
  for (std::uint32_t i = 0; i < entries.count(); ++i) {
    const std::string place = "query " + std::to_string(i + 1);
    check_keys(entries.at(i), place);
    out.push_back(read(entries.at(i), tick, place));
    if (!names.insert(out.back().name).second)
      refuse(place, "the name \"" + out.back().name + "\" is there already; give one of them another `name`");
  }
  return out;
}

}  // namespace tocsin_plugins::prometheus
