#include "asker.hpp"

#include <algorithm>
#include <cmath>

namespace tocsin_plugins::prometheus {
namespace {

constexpr std::pair<double, const char*> buckets[] = {
    {0.005, "0.005"}, {0.01, "0.01"}, {0.025, "0.025"}, {0.05, "0.05"}, {0.1, "0.1"}, {0.25, "0.25"},
    {0.5, "0.5"},     {1, "1.0"},     {2.5, "2.5"},     {5, "5.0"},     {10, "10.0"}, {30, "30.0"}};

constexpr tsn::Time millisecond = 1'000'000;

std::string raw_text(const AnswerSeries& series) {
  std::string out = series.name + "{";
  for (const auto& [name, value] : series.labels)
    out.append(out.back() == '{' ? "" : ",").append(name).append("=\"").append(value).append("\"");
  return (out + "}").substr(0, 1024);
}

}  // namespace

std::optional<Window> window_of(const QuerySettings& query, std::optional<tsn::Time> position, tsn::Time now) {
  const tsn::Time step = query.step.count(), steps = query.range / query.step;
  const tsn::Time newest = (now - query.delay.count()) / step * step;
  Window out;
  out.first = position ? *position / step * step + step : newest - (steps - 1) * step;
  if (out.first > newest || newest <= 0) return std::nullopt;
  out.first = std::max(out.first, tsn::Time{0});
  out.last = std::min(newest, out.first + (steps - 1) * step);
  out.more = out.last < newest;
  return out;
}

void Asker::run(Api& api, std::optional<tsn::Time> position, tsn::Deadline deadline) {
  const auto now = ctx_.now();
  asked_for_ = (now - settings_.delay.count()) / millisecond * millisecond;
  reply_ = {};
  window_.reset();
  try {
    if (is_range()) window_ = window_of(settings_, position, now);
    if (window_)
      reply_ = api.ask_range(settings_.expr, window_->first, window_->last, settings_.step, deadline);
    else if (!is_range())
      reply_ = api.ask(settings_.expr, asked_for_, deadline);
    judge();
  } catch (const std::exception& error) {
    reply_ = {};
    reply_.fault = Fault::server;
    reply_.status = tsn::fail(error.what());
  }
  if (reply_.status.is_ok()) {
    failures_ = 0;
  } else {
    ++failures_;
    reply_.status = tsn::Status(reply_.status.value(), "query \"" + settings_.name + "\": " + reply_.status.text(),
                                reply_.status.code(), reply_.status.retry_after_ms());
  }
  ran_ = true;
}

/// What an answer must be to become signals.
void Asker::judge() {
  if (!reply_.status.is_ok() || idle()) return;
  const auto& answer = reply_.answer;
  const auto refuse_it = [&](const char* why) {
    reply_.fault = Fault::question;
    reply_.status = tsn::invalid(why);
  };
  if (answer.type == Answer::Type::string) return refuse_it("its result is a text, which is no signal");
  if (answer.type == Answer::Type::matrix && !is_range())
    return refuse_it("its result is a range of values; put a function as rate() around it, or set range and step");
  const bool named = std::ranges::any_of(answer.series, [](const auto& series) { return !series.name.empty(); });
  if (settings_.signal.empty() && !named && !answer.series.empty())
    return refuse_it("its results have no name (__name__); write what they are called with signal");
}

std::uint32_t Asker::most_rows() const {
  return static_cast<std::uint32_t>(reply_.answer.samples.size() + alive_.size());
}

bool Asker::write(tsn::Batch& out, Positions& positions) {
  taken_ = false;
  if (!reply_.status.is_ok() || idle()) return true;
  const auto before = positions;
  out.reserve(most_rows());
  counts_.histograms += reply_.answer.histograms;
  for (const auto& series : reply_.answer.series) push_series(out, series);
  if (is_range()) {
    positions[settings_.name] = window_->last;
    out.cursor(written(positions));
  } else {
    end_missing(out);
  }
  alive_ = std::exchange(seen_, {});
  const auto done = out.submit();
  taken_ = done.status.is_ok();
  if (taken_) return true;
  if (!out.empty()) return false;  // kept, with its cursor
  positions = before;
  ctx_.error("query \"" + settings_.name + "\": its rows were not taken: " + done.status.text());
  return true;
}

void Asker::push_series(tsn::Batch& out, const AnswerSeries& series) {
  counts_.samples += series.count;
  tsn::Series made;
  if (!intern(series, made)) {
    counts_.refused += series.count;
    return;
  }
  if (!seen_.insert(made.handle).second) {
    counts_.duplicate += series.count;
    return refuse("duplicate", "two results are the same signal; sum them up, or tell them apart with labels", series);
  }
  for (std::size_t i = series.first; i < series.first + series.count; ++i) {
    const auto& sample = reply_.answer.samples[i];
    if (window_ && (sample.at < window_->first || sample.at > window_->last)) {
      ++counts_.refused;
      refuse("timestamp", "a sample is from before or after what was asked for", series);
    } else if (std::isfinite(sample.value)) {
      out.push(sample.at, made, sample.value);
    } else {
      ++counts_.not_finite;
    }
  }
}

bool Asker::intern(const AnswerSeries& series, tsn::Series& out) {
  const std::string_view name = settings_.signal.empty() ? series.name : settings_.signal;
  if (name.empty()) {
    refuse("name", "a result has no name (__name__); write what it is called with signal", series);
    return false;
  }
  std::vector<tsn::LabelView> labels;
  for (const auto& [key, value] : series.labels)
    if (std::ranges::find(settings_.labels, key, &Labels::value_type::first) == settings_.labels.end())
      labels.emplace_back(key, value);
  for (const auto& [key, value] : settings_.labels) labels.emplace_back(key, value);
  const auto status = ctx_.try_series(name, labels, out);
  if (!status) refuse(status.value() == TSN_CARDINALITY ? "cardinality" : "labels", status.text(), series);
  return status.is_ok();
}

void Asker::end_missing(tsn::Batch& out) {
  for (const auto handle : alive_) {
    if (seen_.contains(handle)) continue;
    out.push(asked_for_, tsn::Series{handle}, 0).flags(TSN_ROW_STALE);
    ++counts_.ended;
  }
}

void Asker::refuse(const char* type, const std::string& reason, const AnswerSeries& series) {
  auto& refusal = refusals_[{type, reason}];
  if (refusal.count++ == 0) refusal.raw = raw_text(series);
}

void Asker::write_own(tsn::Batch& out) {
  const tsn::LabelView labels[] = {{"query", settings_.name}};
  const auto now = ctx_.now();
  const std::pair<const char*, double> all[] = {
      {"prometheus.up", failing() ? 0 : 1},
      {"prometheus.duration", reply_.seconds},
      {"prometheus.samples", static_cast<double>(reply_.answer.samples.size())}};
  for (const auto& [name, value] : all)
    if (tsn::Series series; ctx_.try_series(name, labels, series)) out.push(now, series, value);
}

/// A query that fails is tried again at the next two polls, so that three in a row tell of a source that is down; from
/// then on at growing distances up to its own, or when the server says.
std::chrono::nanoseconds Asker::wait() const {
  if (failures_ == 0) return behind_ ? std::chrono::nanoseconds(0) : settings_.every - tick_ / 2;
  const std::chrono::nanoseconds told = std::chrono::milliseconds(reply_.status.retry_after_ms());
  const auto grown = std::min(settings_.every, tick_ * (1 << std::clamp(failures_ - 2, 0, 16))) - tick_ / 2;
  return std::max(grown, std::min<std::chrono::nanoseconds>(told, std::chrono::hours(1)));
}

void Asker::settle(bool put_off) {
  ran_ = false;
  behind_ = std::exchange(taken_, false) && window_ && window_->more;
  // Half a tick early counts: polls do not come to the nanosecond.
  next_ = ctx_.now() + (put_off ? 0 : wait().count());
  if (failures_ == 1) ctx_.warn(failure().text());
  tell();
  if (!idle()) report();
  counts_ = {};
}

void Asker::tell() {
  for (const auto& [what, refusal] : refusals_)
    ctx_.reject({.error_type = what.first,
                 .reason = what.second,
                 .name = settings_.signal,
                 .loader = settings_.name,
                 .raw = refusal.raw,
                 .count = refusal.count});
  refusals_.clear();
  const auto& warnings = reply_.answer.warnings;
  if (!warnings.empty() && warnings.front() != told_warning_)
    ctx_.warn("query \"" + settings_.name + "\": the server warns: " + warnings.front());
  if (reply_.status.is_ok() && !idle()) told_warning_ = warnings.empty() ? std::string() : warnings.front();
  if (counts_.histograms > 0 && !std::exchange(told_histograms_, true))
    ctx_.warn("query \"" + settings_.name +
              "\": native histograms are passed over; ask for histogram_quantile() or histogram_count() of them");
}

void Asker::report() const {
  const std::string_view name = settings_.name;
  ctx_.count("query_duration_seconds_sum", reply_.seconds, {{"query", name}});
  ctx_.count("query_duration_seconds_count", 1, {{"query", name}});
  for (const auto& [limit, text] : buckets)
    ctx_.count("query_duration_seconds_bucket", reply_.seconds <= limit, {{"query", name}, {"le", text}});
  ctx_.count("query_duration_seconds_bucket", 1, {{"query", name}, {"le", "+Inf"}});
  ctx_.count("queries", 1, {{"query", name}});
  if (reply_.fault != Fault::none) ctx_.count("query_failures", 1, {{"query", name}, {"kind", name_of(reply_.fault)}});
  const std::pair<const char*, std::uint64_t> all[] = {{"samples", counts_.samples},
                                                       {"samples_not_finite", counts_.not_finite},
                                                       {"samples_duplicate", counts_.duplicate},
                                                       {"samples_refused", counts_.refused},
                                                       {"histograms_skipped", counts_.histograms},
                                                       {"series_ended", counts_.ended},
                                                       {"answers_warned", !reply_.answer.warnings.empty()}};
  for (const auto& [metric, count] : all)
    if (count) ctx_.count(metric, static_cast<double>(count), {{"query", name}});
}

}  // namespace tocsin_plugins::prometheus
