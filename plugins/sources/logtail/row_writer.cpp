#include "row_writer.hpp"

#include "utf8/utf8.hpp"

namespace tocsin_plugins::logtail {

RowWriter::RowWriter(const tsn::Context& ctx, const tsn::Config& config, std::function<bool()> submit)
    : ctx_(ctx),
      matches_(log_match::Match::read(config, config.str("signal", "log.line"))),
      time_(config.table("timestamp")),
      max_age_(config.duration("max_age").count()),
      submit_(std::move(submit)),
      batch_(ctx, batch_rows) {}

bool RowWriter::take(const Line& line) {
  // All rows of a line and the cursor behind it go together: the batch must not submit itself in between.
  if ((batch_.rows() + matches_.size() > batch_rows || text_bytes_ > batch_text) && !submit_()) return false;
  const auto text = utf8::clean(line.text, scratch_);
  auto at = time_.find(text, now_);
  if (at == 0) at.reset();  // to the host no time: it would refuse the row
  if (at) line.last_time = at;
  if (!at) at = line.last_time.value_or(ctx_.replay() ? ctx_.now() : now_);
  bool any = false;
  for (auto& match : matches_) {
    if (!match.find(text)) continue;
    any = true;
    write(match, line, text, *at);
  }
  ++(any ? counts_.matched : counts_.unmatched);
  return true;
}

void RowWriter::write(log_match::Match& match, const Line& line, std::string_view text, tsn::Time at) {
  double value = 1;
  tsn::Series series;
  if (!match.value(value)) {
    ++counts_.refused;
    return ctx_.reject(
        {"value", "the group \"" + match.value_group() + "\" holds no finite number", match.signal(), {}, text, 1});
  }
  // A pattern's groups say what matters; every line as a signal at least says whose it is.
  const tsn::LabelView file[] = {{"file", line.file}};
  const auto more = match.has_pattern() ? std::span<const tsn::LabelView>() : std::span<const tsn::LabelView>(file);
  if (const auto status = match.series(ctx_, more, series); !status) {
    ++counts_.refused;
    return ctx_.reject(
        {status.value() == TSN_CARDINALITY ? "cardinality" : "labels", status.text(), match.signal(), {}, text, 1});
  }
  const auto carried = utf8::cut(text, most_text);
  auto row = batch_.push(at, series, value).text(carried).origin(line.file, line.offset, line.number);
  if (at < oldest_) row.flags(TSN_ROW_OLD);
  text_bytes_ += carried.size() + line.file.size();
}

}  // namespace tocsin_plugins::logtail
