#include "row_writer.hpp"

#include <charconv>
#include <cmath>

#include "known_keys.hpp"
#include "text.hpp"

namespace tocsin_plugins::logtail {
namespace {

constexpr std::size_t most_matches = 256;

bool label_name(std::string_view name) {
  return !name.empty() &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == name.npos &&
         (name.front() < '0' || name.front() > '9');
}

}  // namespace

Match::Match(const tsn::Config& table, const std::string& where)
    : signal_(table.str("signal")), value_(table.str("value")) {
  refuse_unknown_keys(table, where, {"signal", "pattern", "value", "labels"});
  if (signal_.empty())
    throw tsn::Failure(tsn::invalid(where + ": expected signal = \"…\", the name of what its lines become"));
  if (table.str("pattern").empty())
    throw tsn::Failure(tsn::invalid(where + ": expected pattern = '…', a regular expression"));
  pattern_.emplace(table.str("pattern"), where + ".pattern");
  for (const auto& group : pattern_->named_groups()) {
    if (group.name == value_)
      value_index_ = group.index;
    else
      groups_.push_back(group);
  }
  if (!value_.empty() && !value_index_)
    throw tsn::Failure(tsn::invalid(where + ".value: the pattern has no group (?<" + value_ + ">…)"));
  add_static_labels(table.table("labels"), where + ".labels");
}

Match::Match(std::string_view signal) : signal_(signal) {}

void Match::add_static_labels(const tsn::Config& table, const std::string& where) {
  for (std::uint32_t i = 0; i < table.count(); ++i) {
    const std::string key(table.key(i));
    if (!label_name(key))
      throw tsn::Failure(
          tsn::invalid(where + ": \"" + key + "\" is no name of a label; expected letters, digits and _"));
    for (const auto& group : groups_)
      if (group.name == key)
        throw tsn::Failure(tsn::invalid(where + ": \"" + key + "\" is also a group of the pattern"));
    labels_.emplace_back(key, table.at(i).as_str());
  }
}

bool Match::value(double& out) const {
  out = 1;
  if (!value_index_) return true;
  const auto text = pattern_->group(value_index_);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size() && std::isfinite(out);
}

tsn::Status Match::series(const tsn::Context& ctx, const std::string& file, tsn::Series& out) {
  key_.clear();
  if (pattern_) {
    for (const auto& group : groups_)
      key_.append(cut(pattern_->group(group.index), most_label)).push_back('\0');  // no line has a NUL
  } else {
    key_ = file;
  }
  if (const auto at = known_.find(std::string_view(key_)); at != known_.end()) return out = at->second, tsn::ok;
  views_.assign(labels_.begin(), labels_.end());
  for (const auto& group : groups_) views_.emplace_back(group.name, cut(pattern_->group(group.index), most_label));
  if (!pattern_) views_.emplace_back("file", cut(file, most_label));
  auto status = ctx.try_series(signal_, views_, out);
  if (status) {
    if (known_.size() >= most_series) known_.clear();
    known_.emplace(key_, out);
  }
  return status;
}

std::vector<Match> RowWriter::read_matches(const tsn::Config& config) {
  std::vector<Match> made;
  const auto entries = config.array("match");
  if (entries.count() > most_matches) entries.wrong("at most 256 [[match]] entries");
  for (std::uint32_t i = 0; i < entries.count(); ++i)
    made.emplace_back(entries.at(i), "match[" + std::to_string(i) + "]");
  if (made.empty()) made.emplace_back(config.str("signal", "log.line"));
  return made;
}

RowWriter::RowWriter(const tsn::Context& ctx, const tsn::Config& config, std::function<bool()> submit)
    : ctx_(ctx),
      matches_(read_matches(config)),
      time_(config.table("timestamp")),
      max_age_(config.duration("max_age").count()),
      submit_(std::move(submit)),
      batch_(ctx, batch_rows) {}

bool RowWriter::take(const Line& line) {
  // All rows of a line and the cursor behind it go together: the batch must not submit itself in between.
  if ((batch_.rows() + matches_.size() > batch_rows || text_bytes_ > batch_text) && !submit_()) return false;
  const auto text = clean(line.text, scratch_);
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

void RowWriter::write(Match& match, const Line& line, std::string_view text, tsn::Time at) {
  double value = 1;
  tsn::Series series;
  if (!match.value(value)) {
    ++counts_.refused;
    return ctx_.reject(
        {"value", "the group \"" + match.value_group() + "\" holds no finite number", match.signal(), {}, text, 1});
  }
  if (const auto status = match.series(ctx_, line.file, series); !status) {
    ++counts_.refused;
    return ctx_.reject(
        {status.value() == TSN_CARDINALITY ? "cardinality" : "labels", status.text(), match.signal(), {}, text, 1});
  }
  const auto carried = cut(text, most_text);
  auto row = batch_.push(at, series, value).text(carried).origin(line.file, line.offset, line.number);
  if (at < oldest_) row.flags(TSN_ROW_OLD);
  text_bytes_ += carried.size() + line.file.size();
}

}  // namespace tocsin_plugins::logtail
