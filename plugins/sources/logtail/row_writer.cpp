#include "row_writer.hpp"

#include <algorithm>

#include "severity.hpp"
#include "utf8/utf8.hpp"

namespace tocsin_plugins::logtail {

using log_match::FieldSyntax;

RowWriter::RowWriter(const tsn::Context& ctx, const tsn::Config& config, std::function<bool()> submit)
    : ctx_(ctx),
      syntax_(log_match::syntax_of(config.str("parser", "none")).value_or(FieldSyntax::none)),
      matches_(log_match::Match::read(config, config.str("signal", "log.line"), syntax_)),
      time_(config.table("timestamp")),
      severity_{std::string(config.str("severity", "level"))},
      message_{std::string(config.str("message"))},
      max_age_(config.duration("max_age").count()),
      submit_(std::move(submit)),
      batch_(ctx, batch_rows) {
  constexpr std::pair<std::string_view, Label> known[] = {{"stream", Label::stream},
                                                          {"namespace", Label::space},
                                                          {"pod", Label::pod},
                                                          {"container", Label::container},
                                                          {"pod_uid", Label::uid}};
  const auto names =
      config["fields"] ? config.strings("fields") : std::vector<std::string>{"stream", "namespace", "pod", "container"};
  for (const auto& name : names) {
    const auto at = std::ranges::find(known, std::string_view(name), &std::pair<std::string_view, Label>::first);
    if (at == std::end(known))
      throw tsn::Failure(
          tsn::invalid("fields: \"" + name + "\" is none; expected stream, namespace, pod, container or pod_uid"));
    label_names_.emplace_back(at->second, name);
  }
}

log_match::Fields* RowWriter::fields(Record& record, FieldSyntax syntax) {
  if (syntax == FieldSyntax::json) {
    if (!std::exchange(record.tried_json, true)) record.json = json_.parse(record.line) ? &json_ : nullptr;
    return record.json;
  }
  if (syntax == FieldSyntax::logfmt) {
    if (!std::exchange(record.tried_logfmt, true)) record.logfmt = logfmt_.parse(record.line) ? &logfmt_ : nullptr;
    return record.logfmt;
  }
  return nullptr;
}

bool RowWriter::take(const Line& line) {
  // All rows of a line and the cursor behind it go together: the batch must not submit itself in between.
  const auto entries = matches_.size() + (line.origin ? line.origin->matches.size() : 0);
  if ((batch_.rows() + entries > batch_rows || text_bytes_ > batch_text) && !submit_()) return false;
  Record record;
  record.text = record.line = utf8::clean(line.text, scratch_);
  record.syntax = line.origin && line.origin->parser ? *line.origin->parser : syntax_;
  if (record.syntax != FieldSyntax::none && !fields(record, record.syntax)) ++counts_.unparsed;
  record.at = time_of(line, record);
  read_message(record);
  bool any = false;
  for (auto& match : matches_) any |= try_match(match, line, record);
  if (line.origin)
    for (auto& match : line.origin->matches) any |= try_match(match, line, record);
  ++(any ? counts_.matched : counts_.unmatched);
  return true;
}

tsn::Time RowWriter::time_of(const Line& line, Record& record) {
  if (line.written && !time_.configured()) return *line.written;
  auto at = time_.find(record.line, now_, fields(record, record.syntax));
  if (at == 0) at.reset();  // to the host no time: it would refuse the row
  if (!at && line.written && !time_.none()) return *line.written;
  if (at) line.last_time = at;
  return at ? *at : line.last_time.value_or(ctx_.replay() ? ctx_.now() : now_);
}

/// Which part of the record is the text.
void RowWriter::read_message(Record& record) {
  if (message_.text.empty()) return;
  auto* found = fields(record, record.syntax);
  log_match::FieldValue value;
  if (!found || !found->find(message_, value)) return;
  message_text_ = value.text;
  record.text = utf8::clean(message_text_, message_scratch_);
}

/// What all its rows have; only records that become rows are asked.
void RowWriter::describe(const Line& line, Record& record) {
  if (std::exchange(record.described, true)) return;
  make_labels(line);
  auto* found = severity_.text.empty() ? nullptr : fields(record, record.syntax);
  log_match::FieldValue value;
  if (found && found->find(severity_, value)) record.severity = severity_of(value);
}

void RowWriter::make_labels(const Line& line) {
  labels_.clear();
  const auto* pod = line.origin && line.origin->pod ? &*line.origin->pod : nullptr;
  if (line.stream.empty() && !pod) return;
  for (const auto& [label, name] : label_names_) {
    std::string_view text;
    if (label == Label::stream) text = line.stream;
    if (pod && label == Label::space) text = pod->space;
    if (pod && label == Label::pod) text = pod->name;
    if (pod && label == Label::container) text = pod->container;
    if (pod && label == Label::uid) text = pod->uid;
    if (!text.empty()) labels_.emplace_back(name, text);
  }
}

bool RowWriter::try_match(log_match::Match& match, const Line& line, Record& record) {
  if (!match.find(record.text, fields(record, match.syntax().value_or(record.syntax)))) return false;
  describe(line, record);
  write(match, line, record);
  return true;
}

void RowWriter::write(log_match::Match& match, const Line& line, const Record& record) {
  double value = 1;
  tsn::Series series;
  if (!match.value(value)) return refuse(match, "value", match.value_place() + " holds no finite number", record.text);
  // A pattern's groups say what matters; every line as a signal at least says whose it is.
  const bool nameless = match.takes_all() && !(line.origin && line.origin->pod);
  if (nameless) labels_.emplace_back("file", line.file);
  const auto status = match.series(ctx_, labels_, series);
  if (nameless) labels_.pop_back();
  if (!status)
    return refuse(match, status.value() == TSN_CARDINALITY ? "cardinality" : "labels", status.text(), record.text);
  const auto carried = utf8::cut(record.text, most_text);
  auto row = batch_.push(record.at, series, value).text(carried).origin(line.file, line.offset, line.number);
  if (record.severity) row.severity(record.severity);
  if (record.at < oldest_) row.flags(TSN_ROW_OLD);
  text_bytes_ += carried.size() + line.file.size();
}

void RowWriter::refuse(const log_match::Match& match, std::string_view type, std::string_view reason,
                       std::string_view text) {
  ++counts_.refused;
  ctx_.reject({type, reason, match.signal(), {}, text, 1});
}

}  // namespace tocsin_plugins::logtail
