#include "line_time.hpp"

#include "log_match/known_keys.hpp"
#include "timestamp/timestamp.hpp"

namespace tocsin_plugins::logtail {

LineTime::LineTime(const tsn::Config& timestamp)
    : configured_(timestamp.count() > 0),
      by_magnitude_(timestamp.str("format", "auto") == "auto"),
      format_(make_format(timestamp)) {
  if (const auto field = timestamp.str("field"); !field.empty())
    fields_.push_back({std::string(field)});
  else
    fields_ = {{"timestamp"}, {"time"}, {"ts"}, {"@timestamp"}};
  const auto pattern = timestamp.str("pattern");
  if (pattern.empty()) return;
  where_.emplace(pattern, "timestamp.pattern");
  for (const auto& group : where_->named_groups())
    if (group.name == "ts") group_ = group.index;
  if (!group_)
    throw tsn::Failure(
        tsn::invalid("timestamp.pattern: it has no group (?<ts>…) that says where the timestamp stands"));
}

std::optional<TimeFormat> LineTime::make_format(const tsn::Config& timestamp) {
  log_match::refuse_unknown_keys(timestamp, "timestamp", {"format", "zone", "pattern", "field"});
  const auto name = timestamp.str("format", "auto");
  if (name == "none") return std::nullopt;
  std::string error;
  const auto zone = Zone::find(timestamp.str("zone", "local"), error);
  if (!zone) throw tsn::Failure(tsn::invalid("timestamp.zone: " + error));
  auto format = TimeFormat::make(name, *zone, error);
  if (!format) throw tsn::Failure(tsn::invalid("timestamp.format: " + error));
  return format;
}

/// Numbers of seconds, milliseconds, … are told apart by their size where no format is given.
std::optional<tsn::Time> LineTime::read_field(const log_match::FieldValue& value, tsn::Time now) const {
  if (value.number && by_magnitude_) return time_from_number(*value.number);
  return format_->read(value.text, now);
}

std::optional<tsn::Time> LineTime::find(std::string_view line, tsn::Time now, log_match::Fields* fields) {
  if (!format_) return std::nullopt;
  if (fields && !where_) {
    log_match::FieldValue found;
    for (const auto& name : fields_)
      if (by_magnitude_ ? fields->find_unprinted(name, found) : fields->find(name, found))
        return read_field(found, now);
    return std::nullopt;
  }
  if (where_) return where_->find(line) ? format_->read(where_->group(group_), now) : std::nullopt;
  if (format_->is_clf()) {  // the address and names come before it
    const auto bracket = line.find('[');
    return bracket == line.npos ? std::nullopt : format_->read(line.substr(bracket + 1), now);
  }
  const auto begin = line.find_first_not_of(" \t");
  if (begin == line.npos) return std::nullopt;
  line.remove_prefix(begin);
  if (!format_->is_pattern() && line.front() == '[') line.remove_prefix(1);
  return format_->read(line, now);
}

}  // namespace tocsin_plugins::logtail
