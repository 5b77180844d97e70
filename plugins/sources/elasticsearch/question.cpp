#include "question.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include "json_text.hpp"

namespace tocsin_plugins::elasticsearch {
namespace {

constexpr std::size_t most_group_fields = 8, longest_text = 64 * 1024;

constexpr std::pair<std::string_view, Metric::Kind> kinds[] = {
    {"count", Metric::Kind::count}, {"avg", Metric::Kind::avg},
    {"min", Metric::Kind::min},     {"max", Metric::Kind::max},
    {"sum", Metric::Kind::sum},     {"cardinality", Metric::Kind::cardinality},
    {"stats", Metric::Kind::stats}, {"percentiles", Metric::Kind::percentiles},
};

double percent_of(double percent, const std::string& where) {
  if (!(percent > 0 && percent <= 100)) refuse(where, "a percentile is above 0 and at most 100");
  return percent;
}

/// "p99" and "p99.9"; false: not of this form.
bool read_percentile(std::string_view text, Metric& out, const std::string& where) {
  if (text.size() < 2 || text[0] != 'p') return false;
  double percent = 0;
  const auto [end, error] = std::from_chars(text.data() + 1, text.data() + text.size(), percent);
  if (error != std::errc() || end != text.data() + text.size()) return false;
  out.kind = Metric::Kind::percentiles;
  out.percents = {percent_of(percent, where + ": metric")};
  return true;
}

Metric read_metric(const tsn::Config& table, const std::string& where) {
  Metric out;
  const auto text = table.str("metric", "count");
  const auto known = std::ranges::find(kinds, text, &std::pair<std::string_view, Metric::Kind>::first);
  if (known != std::end(kinds))
    out.kind = known->second;
  else if (!read_percentile(text, out, where))
    refuse(where, "metric: expected count, avg, min, max, sum, cardinality, stats, percentiles or a percentile as p99");
  out.field = table.str("field");
  if (out.kind == Metric::Kind::count && !out.field.empty())
    refuse(where, "field: a count has none; set metric to what of the field is wanted, as avg or p99");
  if (out.kind != Metric::Kind::count && out.field.empty())
    refuse(where, "field is missing: what metric = \"" + std::string(text) + "\" is of");
  if (out.kind == Metric::Kind::percentiles && out.percents.empty()) {
    out.labelled = true;
    for (const auto& percent : table.array("percents"))
      out.percents.push_back(percent_of(percent.as_number(), where + ": percents"));
    if (out.percents.empty()) out.percents = {50, 95, 99};
  } else if (table.has("percents")) {
    refuse(where, "percents: only with metric = \"percentiles\"");
  }
  return out;
}

std::vector<GroupField> read_groups(const tsn::Config& value, const std::string& where) {
  std::vector<GroupField> out;
  if (value.type() == TSN_TABLE) {
    for (std::uint32_t i = 0; i < value.count(); ++i)
      out.push_back({std::string(value.at(i).as_str()), std::string(value.key(i))});
  } else {
    for (const auto& entry : value) out.push_back({std::string(entry.as_str()), label_of(entry.as_str())});
  }
  if (out.size() > most_group_fields) refuse(where, "group_by: at most 8 fields");
  std::set<std::string> labels;
  for (const auto& group : out) {
    if (group.field.empty() || group.label.empty()) refuse(where, "group_by: a field's name is empty");
    if (group.label == "percentile" || !labels.insert(group.label).second)
      refuse(where,
             "group_by: two labels would be \"" + group.label + "\"; name them with group_by = { label = \"field\" }");
  }
  return out;
}

/// `index` stands in a path: a name, a pattern, or several with commas. Which are all of them is refused, and what a
/// path or the server would take for something else.
void check_index(const std::string& index, const Limits& limits, const std::string& where) {
  if (index.empty()) refuse(where, "index is missing: here, or once for the source");
  if (index.size() > 4096) refuse(where, "index: at most 4096 bytes");
  for (std::size_t begin = 0; begin <= index.size();) {
    const auto end = std::min(index.find(',', begin), index.size());
    const auto part = std::string_view(index).substr(begin, end - begin);
    const auto colon = part.starts_with('<') ? part.npos : part.rfind(':');
    const auto name = colon == part.npos ? part : part.substr(colon + 1);
    const bool first = begin == 0;
    begin = end + 1;
    const bool all = name.find_first_not_of('*') == name.npos || name == "_all";
    if (all && !name.empty() && limits.all_indices) continue;
    if (all && !name.empty())
      refuse(where,
             "index: \"" + std::string(part) + "\" is every index; name a pattern, or set allow_all_indices = true");
    if (name.empty() || name.front() == '_' || name.front() == '+' || name == "." || name == ".." ||
        (first && name.front() == '-') || part.find_first_of(" \"\\|?#\t\r\n") != part.npos)
      refuse(where, "index: \"" + std::string(part) + "\" is no name or pattern of an index");
  }
}

/// `query`: a table, JSON text, or, where it does not begin with a brace, the text of a query_string.
void read_query(const tsn::Config& table, Question& out, const Limits& limits, const std::string& where) {
  out.lucene = table.str("lucene", out.lucene);
  const auto query = table["query"];
  if (!query) return;
  const auto text = query.type() == TSN_STRING ? query.as_str() : std::string_view("{");
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == text.npos) return;
  if (text[begin] == '{') {
    out.query = json_of(query, where + ": query", limits.scripts);
  } else {
    if (!out.lucene.empty()) refuse(where, "query: it is no JSON, and `lucene` is there too; write one of them");
    out.lucene = text;
  }
}

void check(const Question& out, const std::string& where) {
  if (out.query.size() + out.lucene.size() + out.aggs.size() > longest_text)
    refuse(where, "query, lucene and aggs have more than 64 KiB");
  if (out.time_field.empty()) refuse(where, "time_field is empty");
  if (!out.aggs.empty() && (!out.group_by.empty() || out.metric.kind != Metric::Kind::count || out.has_buckets()))
    refuse(where, "aggs stands for itself: leave group_by, metric and bucket away");
  if (out.max_groups < 1 || out.max_groups > 10'000) refuse(where, "max_groups: 1 to 10000");
}

}  // namespace

std::vector<std::string> Question::fields() const {
  std::vector<std::string> out;
  for (const auto& group : group_by) out.push_back(group.field);
  if (!metric.field.empty()) out.push_back(metric.field);
  return out;
}

std::chrono::nanoseconds read_duration(const tsn::Config& value, const std::string& where) {
  constexpr std::pair<std::string_view, double> units[] = {{"ms", 1e6},   {"s", 1e9},      {"m", 60e9},
                                                           {"h", 3600e9}, {"d", 86'400e9}, {"w", 604'800e9}};
  constexpr double longest = 366 * 86'400e9;
  double sum = 0;
  if (value.type() == TSN_INT) {
    sum = value.as_number();
    if (sum == 0 || (sum >= 1e6 && sum <= longest)) return std::chrono::nanoseconds(value.as_integer());
    refuse(where, "expected a duration with its unit, as \"30s\"");
  }
  const auto text = value.as_str();
  auto rest = text;
  bool good = !text.empty();
  while (good && !rest.empty()) {
    double number = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    const auto letters = std::min(rest.find_first_not_of("mshdw"), rest.size());
    const auto unit = std::ranges::find(units, rest.substr(0, letters), &std::pair<std::string_view, double>::first);
    good = error == std::errc() && number >= 0 && unit != std::end(units);
    if (good) sum += number * unit->second;
    rest.remove_prefix(letters);
  }
  if (!good || !(sum <= longest)) refuse(where, "expected a duration as \"30s\", \"5m\" or \"1h30m\"");
  return std::chrono::nanoseconds(static_cast<std::int64_t>(sum));
}

std::string label_of(std::string_view field) {
  constexpr std::string_view twin = ".keyword";
  if (field.ends_with(twin) && field.size() > twin.size()) field.remove_suffix(twin.size());
  if (field.starts_with('@')) field.remove_prefix(1);
  std::string out;
  for (const char c : field) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    const bool digit = c >= '0' && c <= '9';
    if (digit && out.empty()) out += '_';
    out += letter || digit ? c : '_';
  }
  return out;
}

Question read_question(const tsn::Config& table, const Question& defaults, const Limits& limits,
                       const std::string& where) {
  Question out = defaults;
  out.index = table.str("index", defaults.index);
  out.time_field = table.str("time_field", defaults.time_field);
  check_index(out.index, limits, where);
  read_query(table, out, limits, where);
  if (const auto aggs = table["aggs"]) out.aggs = json_of(aggs, where + ": aggs", limits.scripts);
  if (const auto over = table["over"]) out.over = read_duration(over, where + ": over");
  if (const auto delay = table["delay"]) out.delay = read_duration(delay, where + ": delay");
  if (const auto bucket = table["bucket"]) {
    out.bucket = read_duration(bucket, where + ": bucket");
    if (out.bucket < std::chrono::seconds(1) || out.bucket.count() % 1'000'000 != 0)
      refuse(where, "bucket: at least 1s, and whole milliseconds");
  }
  out.group_by = read_groups(table["group_by"], where);
  out.metric = read_metric(table, where);
  const auto groups = table.integer("max_groups", defaults.max_groups);
  out.max_groups = groups < 0 || groups > 10'000 ? 0 : static_cast<std::uint32_t>(groups);
  const auto others = table.str("others", defaults.refuse_others ? "refuse" : "tell");
  if (others != "refuse" && others != "tell") refuse(where, "others: expected \"refuse\" or \"tell\"");
  out.refuse_others = others == "refuse";
  check(out, where);
  return out;
}

}  // namespace tocsin_plugins::elasticsearch
