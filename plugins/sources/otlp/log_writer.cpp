#include "log_writer.hpp"

#include <algorithm>

#include "utf8/utf8.hpp"

namespace tocsin_plugins::otlp {
namespace {

constexpr std::size_t most_text = 16 * 1024;       ///< bytes of a body that a signal carries
constexpr tsn::Time clock_slack = 30'000'000'000;  ///< a sender's clock may be this far ahead
constexpr std::size_t most_labels = 64;
constexpr std::size_t most_carried = 64 << 20;  ///< bytes of text of one body: each pattern that fits carries it
constexpr std::string_view words[] = {"trace", "debug", "info", "warn", "error", "fatal"};

std::uint32_t number_of(std::string_view word) {
  for (std::uint32_t i = 0; i < std::size(words); ++i)
    if (words[i] == word) return i * 4 + 1;
  return 0;
}

}  // namespace

std::string_view severity_word(std::uint32_t number, std::string_view text) {
  if (number >= 1 && number <= 24) return words[(number - 1) / 4];
  for (const auto word : words)
    if (std::ranges::equal(word, text, {}, {}, [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; }))
      return word;
  return text;
}

void LogWriter::resource(const Attributes& attributes) {
  found_.clear();
  rules_.add(attributes, found_);
  resource_.assign(found_.begin(), found_.end());
}

/// A record's own come first; of two with one name the first one counts.
void LogWriter::make_labels(const LogRecord& record) {
  labels_.clear();
  found_.clear();
  texts_.clear();
  add_label("severity", severity_word(record.severity, record.severity_text));
  rules_.add(record.attributes, found_);
  for (const auto& [name, value] : found_) add_label(name, value);
  for (const auto& [name, value] : resource_) add_label(name, value);
}

void LogWriter::add_label(std::string_view name, std::string_view value) {
  if (labels_.size() >= most_labels) return;
  const auto made = texts_.keep(label_name(name));
  if (made.empty() || std::ranges::any_of(labels_, [&](const auto& label) { return label.first == made; })) return;
  std::string scratch;
  const auto text = utf8::clean(value.substr(0, 4096), scratch);
  labels_.emplace_back(made, scratch.empty() ? text : texts_.keep(std::move(scratch)));
}

void LogWriter::record(const LogRecord& record, Rows& rows, Tally& tally) {
  tally.next_item();
  const auto now = ctx_.now();
  tsn::Time at = 0;
  if (!time_of(record.at ? record.at : record.observed, now, at)) return tally.refuse("timestamp", bad_time, {});
  if (at > now + clock_slack) at = now;
  const auto text = utf8::clean(record.body, scratch_);
  make_labels(record);
  bool any = false;
  for (auto& match : matches_) {
    if (!match.find(text)) continue;
    any = true;
    write(match, record, text, at, rows, tally);
  }
  if (!any) ++unmatched_;
}

void LogWriter::write(log_match::Match& match, const LogRecord& record, std::string_view text, tsn::Time at, Rows& rows,
                      Tally& tally) {
  double value = 1;
  tsn::Series series;
  if (!match.value(value))
    return tally.refuse("value", "the group \"" + match.value_group() + "\" holds no finite number", match.signal());
  if (const auto status = match.series(ctx_, labels_, series); !status)
    return tally.refuse(status.value() == TSN_CARDINALITY ? "cardinality" : "labels", status.text(), match.signal());
  const auto number = record.severity >= 1 && record.severity <= 24
                          ? record.severity
                          : number_of(severity_word(record.severity, record.severity_text));
  const auto carried = carried_ < most_carried ? utf8::cut(text, most_text) : std::string_view();
  carried_ += carried.size();
  rows.push(at, series, value, tally.item()).text(carried).severity(number);
}

}  // namespace tocsin_plugins::otlp
