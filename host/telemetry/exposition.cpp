#include "telemetry/exposition.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace tocsin::telemetry {
namespace {

constexpr std::string_view total = "_total";

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  char buffer[32];
  return std::string(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
}

std::string clean(std::string_view name, bool colons) {
  std::string out(name);
  for (char& c : out) {
    bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (colons && c == ':');
    if (!fine) c = '_';
  }
  if (out.empty() || (out.front() >= '0' && out.front() <= '9')) out.insert(out.begin(), '_');
  return out;
}

void append_escaped(std::string& out, std::string_view text, bool quotes) {
  for (char c : text) {
    if (c == '\\' || (quotes && c == '"')) out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
}

}  // namespace

std::string_view to_string(MetricType type) {
  switch (type) {
    case MetricType::counter:
      return "counter";
    case MetricType::gauge:
      return "gauge";
    case MetricType::histogram:
      return "histogram";
  }
  return "gauge";
}

std::string metric_name(std::string_view name, MetricType type) {
  std::string out = clean(name, true);
  if (type == MetricType::counter && !out.ends_with(total)) out += total;
  return out;
}

std::string label_text(const MetricLabels& labels) {
  MetricLabels sorted = labels;
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string out;
  for (const auto& [name, value] : sorted) {
    if (!out.empty()) out += ',';
    out += clean(name, false) + "=\"";
    append_escaped(out, value, true);
    out += '"';
  }
  return out;
}

void Exposition::family(std::string_view name, MetricType type, std::string_view help) {
  name_ = name;
  // OpenMetrics names a counter's family without the suffix that its sample has.
  if (openmetrics_ && type == MetricType::counter) name.remove_suffix(total.size());
  out_ += "# HELP " + std::string(name) + ' ';
  append_escaped(out_, help, openmetrics_);
  out_ += "\n# TYPE " + std::string(name) + ' ' + std::string(to_string(type)) + '\n';
}

void Exposition::line(std::string_view suffix, std::string_view labels, std::string_view more_labels,
                      std::string_view value) {
  out_ += name_;
  out_ += suffix;
  if (!labels.empty() || !more_labels.empty()) {
    out_ += '{';
    out_ += labels;
    if (!labels.empty() && !more_labels.empty()) out_ += ',';
    out_ += more_labels;
    out_ += '}';
  }
  out_ += ' ';
  out_ += value;
  out_ += '\n';
}

void Exposition::sample(std::string_view labels, double value) {
  line("", labels, "", number(value));
}

std::string Exposition::bound(double value) const {
  std::string text = number(value);
  // OpenMetrics wants floats here in their canonical form: "1.0", not "1".
  if (openmetrics_ && std::isfinite(value) && text.find_first_of(".e") == text.npos) text += ".0";
  return "le=\"" + text + '"';
}

void Exposition::histogram(std::string_view labels, const Histogram::Snapshot& snapshot) {
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < snapshot.counts.size(); ++i) {
    below += snapshot.counts[i];
    double limit = i < snapshot.bounds.size() ? snapshot.bounds[i] : HUGE_VAL;
    line("_bucket", labels, bound(limit), std::to_string(below));
  }
  line("_sum", labels, "", number(snapshot.sum));
  line("_count", labels, "", std::to_string(snapshot.count));
}

std::string Exposition::text() && {
  if (openmetrics_) out_ += "# EOF\n";
  return std::move(out_);
}

}  // namespace tocsin::telemetry
