#include "scheduled.hpp"

#include <algorithm>

#include "asking.hpp"

namespace tocsin_plugins::elasticsearch {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t ns_of_ms = 1'000'000;

std::int64_t ms_of(std::chrono::nanoseconds duration) {
  return duration.count() / ns_of_ms;
}

}  // namespace

std::optional<Span> Scheduled::span_at(std::optional<std::int64_t> position, tsn::Time now) {
  const auto& question = settings_.question;
  Span out = span_before(question, now);
  if (!question.has_buckets()) return out;
  const auto step = ms_of(question.bucket);
  // Without a position: the newest bucket that is over, or those of `since`. A position of other buckets is in one of
  // ours, which would count twice what was told: the next one is the first.
  out.from =
      position ? floor_to(*position + step - 1, step) : floor_to(out.to - std::max(step, ms_of(settings_.since)), step);
  if (out.from >= out.to) return std::nullopt;
  std::int64_t groups = 1;
  for (std::size_t i = 0; i < question.group_by.size(); ++i)
    groups = std::min<std::int64_t>(groups * question.max_groups, 1'000'000);
  const auto most = std::max<std::int64_t>(1, limits_.max_buckets / (question.group_by.empty() ? 1 : groups + 1));
  behind_ = (out.to - out.from) / step > most;
  if (behind_) out.to = out.from + most * step;
  return out;
}

/// What the server does not count as a mistake: a misspelt field. Asked once.
void Scheduled::look_at_fields(Servers& servers, tsn::Deadline deadline) {
  if (fields_known_) return;
  const auto& question = settings_.question;
  for (const auto& finding : fields_of(servers, question, fields_request(question, limits_), deadline)) {
    if (finding.fatal) throw tsn::Failure(tsn::invalid(finding.text));
    ctx_.warn("query \"" + settings_.name + "\": " + finding.text);
  }
  fields_known_ = true;
}

/// Without groups a bucket in which nothing was is one of 0.
void Scheduled::fill_empty_buckets(const Span& span) {
  const auto& question = settings_.question;
  const auto kind = question.metric.kind;
  if (!question.has_buckets() || !question.group_by.empty()) return;
  if (kind != Metric::Kind::count && kind != Metric::Kind::sum && kind != Metric::Kind::cardinality) return;
  std::map<std::int64_t, Row> by_bucket;
  for (auto& row : answer_.rows) by_bucket.emplace(row.bucket, std::move(row));
  answer_.rows.clear();
  for (auto at = span.from; at < span.to; at += ms_of(question.bucket)) {
    const auto found = by_bucket.find(at);
    answer_.rows.push_back(found == by_bucket.end() ? Row{{}, 0, {}, at} : std::move(found->second));
  }
}

void Scheduled::ask(Servers& servers, std::optional<std::int64_t> position, tsn::Time now, tsn::Deadline deadline) {
  const auto& question = settings_.question;
  look_at_fields(servers, deadline);
  const auto span = span_at(position, now);
  if (!span) return;
  const bool whole_time = !question.has_buckets() && question.over.count() == 0;
  const auto request = request_for(question, limits_, whole_time ? std::nullopt : span, server_time(deadline));
  answer_ = read_answer(servers.ask(request, question.index, deadline), question, limits_);
  at_ = span->to * ns_of_ms;
  if (!question.has_buckets()) return;
  for (const auto& row : answer_.rows)
    if (row.bucket < span->from || row.bucket >= span->to)
      throw tsn::Failure("the answer has a bucket outside of the time that was asked for");
  fill_empty_buckets(*span);
  position_ = span->to;
}

void Scheduled::run(Servers& servers, std::optional<std::int64_t> position, tsn::Time now, tsn::Deadline deadline) {
  const auto begin = std::chrono::steady_clock::now();
  answer_ = {};
  position_ = std::nullopt;
  behind_ = false;
  at_ = 0;
  failure_ = tsn::ok;
  const std::string who = "query \"" + settings_.name + "\": ";
  try {
    ask(servers, position, now, deadline);
    failures_ = 0;
  } catch (const tsn::Failure& failure) {
    const auto& status = failure.status();
    failure_ = tsn::Status(status.value(), who + status.text(), status.code(), status.retry_after_ms());
  } catch (const std::exception& error) {
    failure_ = tsn::fail(who + error.what());
  }
  if (!failure_.is_ok()) ++failures_, answer_ = {}, position_ = std::nullopt, at_ = 0;
  overloads_ = failure_.value() == TSN_RETRY ? overloads_ + 1 : 0;
  seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  ran_ = true;
}

Scheduled::Entry* Scheduled::entry_of(const Labels& labels) {
  const auto found = known_.find(labels);
  if (found != known_.end()) return &found->second;
  std::vector<tsn::LabelView> views(settings_.labels.begin(), settings_.labels.end());
  views.insert(views.end(), labels.begin(), labels.end());
  std::erase_if(views, [](const tsn::LabelView& label) { return label.second.empty(); });
  tsn::Series series;
  if (const auto status = ctx_.try_series(settings_.signal, views, series); !status) {
    if (refusal_.count++ == 0) {
      refusal_.type = status.value() == TSN_CARDINALITY ? "cardinality" : "labels";
      refusal_.reason = status.text();
      for (const auto& [name, value] : views) refusal_.raw.append(name).append("=").append(value).append(" ");
    }
    return nullptr;
  }
  return &known_.emplace(labels, Entry{series, 0}).first->second;
}

/// A group that the last window had and this one has not is no group of its last value for ever.
void Scheduled::end_missing(tsn::Batch& out) {
  std::erase_if(known_, [&](const auto& known) {
    if (known.second.seen == run_) return false;
    if (settings_.question.has_buckets()) return run_ - known.second.seen > 100;  // its rows stand for themselves
    out.push(at_, known.second.series, 0).flags(TSN_ROW_STALE);
    ++ended_;
    return true;
  });
}

void Scheduled::write(tsn::Batch& out) {
  if (at_ == 0) return;  // failed, or no bucket was over
  ++run_;
  out.reserve(static_cast<std::uint32_t>(answer_.rows.size() + known_.size()));
  for (const auto& row : answer_.rows) {
    auto* entry = entry_of(row.labels);
    if (!entry) continue;
    entry->seen = run_;
    const auto at = settings_.question.has_buckets() ? row.bucket * ns_of_ms + settings_.question.bucket.count() : at_;
    if (row.summary)
      out.push(at, entry->series, *row.summary);
    else
      out.push(at, entry->series, row.value);
  }
  end_missing(out);
}

/// A query that fails is tried again at the next two polls, so that three in a row tell of a source that is down; from
/// then on at growing distances up to its own. A server that has too much to do is left alone at once, and longer.
std::chrono::nanoseconds Scheduled::wait() const {
  if (failures_ == 0) return behind_ ? tick_ : settings_.every;
  if (failure_.value() == TSN_RETRY) {
    const auto most = std::max<std::chrono::nanoseconds>(settings_.every, 1min);
    return std::max<std::chrono::nanoseconds>(std::chrono::milliseconds(failure_.retry_after_ms()),
                                              std::min(most, tick_ * (1 << std::clamp(overloads_, 0, 10))));
  }
  return std::min(settings_.every, tick_ * (1 << std::clamp(failures_ - 2, 0, 10)));
}

void Scheduled::settle(tsn::Time now, bool put_off) {
  ran_ = false;
  // Half a tick early counts: polls do not come to the nanosecond.
  next_ = put_off ? now : now + (wait() - tick_ / 2).count();
  if (failures_ == 1) ctx_.warn(failure_.text());
  if (!put_off) report();
  answer_ = {};
}

/// One word for all of a run's, with the first as the example.
void Scheduled::tell_of_refusals() {
  if (refusal_.count == 0) return;
  ctx_.reject({.error_type = refusal_.type,
               .reason = refusal_.reason,
               .name = settings_.signal,
               .raw = refusal_.raw,
               .count = refusal_.count});
  ctx_.count("rows_refused", refusal_.count, {{"query", settings_.name}});
  refusal_ = {};
}

void Scheduled::report() {
  tell_of_refusals();
  const std::string_view name = settings_.name;
  ctx_.count("queries", 1, {{"query", name}});
  if (failures_ > 0) ctx_.count("query_failures", 1, {{"query", name}});
  if (failure_.value() == TSN_RETRY) ctx_.count("overloaded", 1, {{"query", name}});
  if (!answer_.rows.empty()) ctx_.count("rows", static_cast<double>(answer_.rows.size()), {{"query", name}});
  if (ended_) ctx_.count("series_ended", static_cast<double>(std::exchange(ended_, 0)), {{"query", name}});
  if (answer_.others > 0) ctx_.count("other_documents", static_cast<double>(answer_.others), {{"query", name}});
  if (answer_.others > 0 && !std::exchange(told_others_, true))
    ctx_.warn("query \"" + settings_.name + "\": " + std::to_string(answer_.others) +
              " documents are in groups beyond max_groups = " + std::to_string(settings_.question.max_groups) +
              (answer_.approximate ? ", and the counts of the groups may be too low" : ""));
  if (failures_ == 0 && answer_.others == 0) told_others_ = false;
}

}  // namespace tocsin_plugins::elasticsearch
