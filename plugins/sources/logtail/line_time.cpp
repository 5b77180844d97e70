#include "line_time.hpp"

#include "log_match/known_keys.hpp"

namespace tocsin_plugins::logtail {

LineTime::LineTime(const tsn::Config& timestamp) : format_(make_format(timestamp)) {
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
  log_match::refuse_unknown_keys(timestamp, "timestamp", {"format", "zone", "pattern"});
  const auto name = timestamp.str("format", "auto");
  if (name == "none") return std::nullopt;
  std::string error;
  const auto zone = Zone::find(timestamp.str("zone", "local"), error);
  if (!zone) throw tsn::Failure(tsn::invalid("timestamp.zone: " + error));
  auto format = TimeFormat::make(name, *zone, error);
  if (!format) throw tsn::Failure(tsn::invalid("timestamp.format: " + error));
  return format;
}

std::optional<tsn::Time> LineTime::find(std::string_view line, tsn::Time now) {
  if (!format_) return std::nullopt;
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
