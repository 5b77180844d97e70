#include "settings.hpp"

#include <algorithm>
#include <charconv>
#include <set>

namespace tocsin_plugins::sql {
namespace {

constexpr std::string_view keys[] = {"name", "query", "every", "signal", "cursor", "cursor_start", "max_rows"};

[[noreturn]] void refuse(const std::string& where, const std::string& why) {
  throw tsn::Failure(tsn::invalid(where + ": " + why));
}

void check_keys(const tsn::Config& table, const std::string& where) {
  if (table.type() != TSN_TABLE) table.wrong("a table with query and signal");
  for (std::uint32_t i = 0; i < table.count(); ++i) {
    if (std::ranges::find(keys, table.key(i)) != std::end(keys)) continue;
    std::string text = "unknown key \"" + std::string(table.key(i)) + "\"; expected one of";
    for (const auto key : keys) text.append(key == keys[0] ? " " : ", ").append(key);
    refuse(where, text);
  }
}

/// What stands around {{cursor}} must leave it a value of its own: inside of quotes it would be the text "$1".
void check_places(const std::string& query, const std::string& where) {
  for (std::size_t at = 0; (at = query.find(cursor_place, at)) != query.npos; at += cursor_place.size()) {
    const auto after = at + cursor_place.size();
    const bool quoted = (at > 0 && std::string_view("'\"`").find(query[at - 1]) != std::string_view::npos) ||
                        (after < query.size() && std::string_view("'\"`").find(query[after]) != std::string_view::npos);
    if (quoted) refuse(where, "query: {{cursor}} is a value of its own; take the quotes around it away");
  }
}

std::string without_end(std::string_view query) {
  const auto last = query.find_last_not_of(" \t\r\n;");
  return std::string(last == query.npos ? std::string_view() : query.substr(0, last + 1));
}

void check(const LoaderSettings& loader, const std::string& where, std::chrono::nanoseconds tick) {
  if (loader.name.empty() || loader.name.size() > longest_name) refuse(where, "name: 1 to 128 bytes");
  if (loader.query.empty()) refuse(where, "query is missing");
  if (loader.query.find('\0') != std::string::npos) refuse(where, "query: it holds a NUL");
  if (loader.signal.empty()) refuse(where, "signal is missing: what its rows are called");
  if (loader.every < tick)
    refuse(where,
           "every: it is shorter than that of the source; set `every` of the source to that of its fastest loader");
  if (loader.max_rows < 1 || loader.max_rows > 500'000) refuse(where, "max_rows: 1 to 500000");
  const bool asks = loader.query.find(cursor_place) != std::string::npos;
  if (asks && loader.cursor.empty())
    refuse(where, "query: {{cursor}} needs cursor = \"COLUMN\", whose newest value it is");
  if (!loader.cursor.empty() && !asks)
    refuse(where, "cursor: the query has no {{cursor}}; add WHERE " + loader.cursor + " > {{cursor}}");
  if (loader.cursor_start.size() > longest_cursor) refuse(where, "cursor_start: at most 512 bytes");
  check_places(loader.query, where);
}

LoaderSettings read(const tsn::Config& table, const LoaderSettings& defaults, const std::string& where) {
  LoaderSettings out = defaults;
  out.name = table.str("name", defaults.name);
  out.query = without_end(table.str("query"));
  out.signal = table.str("signal", defaults.signal);
  out.cursor = table.str("cursor");
  out.cursor_start = table.str("cursor_start", defaults.cursor_start);
  if (const auto every = table["every"])
    out.every = every.type() == TSN_INT ? std::chrono::nanoseconds(every.as_integer())
                                        : read_duration(every.as_str(), where + ": every");
  const auto rows = table.integer("max_rows", static_cast<std::int64_t>(defaults.max_rows));
  out.max_rows = rows < 0 ? 0 : static_cast<std::size_t>(rows);
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
    if (error != std::errc() || number < 0) break;
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

std::vector<LoaderSettings> read_loaders(const tsn::Config& config, const std::string& instance) {
  const auto entries = config.array("loader");
  const auto tick = config.duration("every", std::chrono::seconds(60));
  LoaderSettings defaults = read(config, {.name = instance, .every = tick, .max_rows = 10'000}, "the source");
  std::vector<LoaderSettings> out;
  if (entries.count() == 0) {
    if (defaults.query.empty() && defaults.signal.empty()) return out;  // it answers rules only
    if (defaults.query.empty())
      refuse("query", "write query and signal, or [[source." + instance + ".loader]] entries");
    out.push_back(std::move(defaults));
    check(out.back(), "the source", tick);
    return out;
  }
  if (!defaults.query.empty()) refuse("query", "the source has loaders: make it one of them");
  if (entries.count() > most_loaders) refuse("loader", "at most 64; make a second source for the others");
  std::set<std::string> names;
  defaults.name.clear();
  for (std::uint32_t i = 0; i < entries.count(); ++i) {
    const auto entry = entries.at(i);
    const std::string place = "loader " + std::to_string(i + 1);
    check_keys(entry, place);
    out.push_back(read(entry, defaults, place));
    check(out.back(), out.back().name.empty() ? place : "loader \"" + out.back().name + "\"", tick);
    if (!names.insert(out.back().name).second) refuse(place, "the name \"" + out.back().name + "\" is there already");
  }
  return out;
}

}  // namespace tocsin_plugins::sql
