#include "loader.hpp"

#include <algorithm>

namespace tocsin_plugins::sql {
namespace {

constexpr std::pair<double, const char*> buckets[] = {
    {0.005, "0.005"}, {0.01, "0.01"}, {0.025, "0.025"}, {0.05, "0.05"}, {0.1, "0.1"}, {0.25, "0.25"},
    {0.5, "0.5"},     {1, "1.0"},     {2.5, "2.5"},     {5, "5.0"},     {10, "10.0"}, {30, "30.0"}};

}  // namespace

Statement statement_for(const Connection& connection, const LoaderSettings& loader, const std::string& cursor) {
  Statement out;
  std::string text = loader.query;
  const auto place = connection.place();
  for (std::size_t at = 0; (at = text.find(cursor_place, at)) != text.npos; at += place.size(), ++out.places)
    text.replace(at, cursor_place.size(), place);
  out.has_cursor = out.places > 0;
  out.cursor = cursor;
  // The line break ends a comment at the end of the query.
  out.text = out.has_cursor ? "SELECT * FROM (" + text + "\n) AS loaded ORDER BY " + connection.quoted(loader.cursor) +
                                  " LIMIT " + std::to_string(loader.max_rows + 1)
                            : text;
  return out;
}

void Loader::ask(Pool& pool, const std::string& cursor, const Until& until) {
  auto connection = pool.take(until);
  RowTaker taker(ctx_, settings_);
  connection->select(statement_for(*connection, settings_, cursor), until, taker);
  taken_ = taker.finish();
  if (connection->usable()) pool.give_back(std::move(connection));
}

void Loader::run(Pool& pool, const std::string& cursor, const Until& until) {
  const auto begin = std::chrono::steady_clock::now();
  taken_ = {};
  try {
    ask(pool, cursor, until);
    failures_ = 0;
    failure_ = tsn::ok;
  } catch (const tsn::Failure& failure) {
    const auto& status = failure.status();
    auto text = pool.address().without_password("loader \"" + settings_.name + "\": " + status.text());
    failure_ = tsn::Status(status.value(), std::move(text));
  } catch (const std::exception& error) {
    failure_ = tsn::fail("loader \"" + settings_.name + "\": " + error.what());
  }
  if (!failure_.is_ok()) ++failures_, taken_ = {};
  seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  ran_ = true;
}

/// A loader that fails is tried again at the next two polls, so that three in a row tell of a source that is down; from
/// then on at growing distances up to its own.
std::chrono::nanoseconds Loader::wait() const {
  if (failures_ == 0) return behind() ? tick_ : settings_.every;
  return std::min(settings_.every, tick_ * (1 << std::clamp(failures_ - 2, 0, 16)));
}

void Loader::settle(tsn::Time now, bool put_off) {
  ran_ = false;
  // Half a tick early counts: polls do not come to the nanosecond.
  next_ = put_off ? now : now + (wait() - tick_ / 2).count();
  if (failures_ == 1) ctx_.warn(failure_.text());
  if (!put_off) report();
  was_cut_ = taken_.cut;
  taken_ = {};
}

void Loader::report() const {
  const std::string_view code = settings_.name;
  ctx_.count("loader_execution_duration_seconds_sum", seconds_, {{"loader_code", code}});
  ctx_.count("loader_execution_duration_seconds_count", 1, {{"loader_code", code}});
  for (const auto& [limit, text] : buckets)
    ctx_.count("loader_execution_duration_seconds_bucket", seconds_ <= limit, {{"loader_code", code}, {"le", text}});
  ctx_.count("loader_execution_duration_seconds_bucket", 1, {{"loader_code", code}, {"le", "+Inf"}});
  ctx_.count("loader_rows", static_cast<double>(taken_.rows.size()), {{"loader_code", code}});
  ctx_.count("loader_rows_refused", taken_.refused_count(), {{"loader_code", code}});
  ctx_.count("loader_failures", failures_ > 0, {{"loader_code", code}});
  if (taken_.cut) ctx_.count("loader_runs_cut", 1, {{"loader_code", code}});
  if (taken_.cut && !was_cut_ && settings_.cursor.empty())
    ctx_.warn("loader \"" + settings_.name + "\": more than max_rows = " + std::to_string(settings_.max_rows) +
              " rows; the others were not taken");
}

}  // namespace tocsin_plugins::sql
