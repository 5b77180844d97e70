// links: tocsin_settings
// libFuzzer target for files of dates, plain and iCalendar, and for the ranges of a time interval. What is read is a
// date that exists; a range lies within its bounds.
#include <algorithm>

#include "base/text.hpp"
#include "model/time_interval.hpp"
#include "settings/dates.hpp"
#include "target.hpp"

using namespace tocsin;
using fuzz::require;

namespace {

void within(const base::Result<model::TimeSpan::Range>& range, int least, int most) {
  if (!range) return;
  const auto [begin, end] = *range;
  require(begin >= least && begin <= most && end >= least && end <= most, "a range lies within its bounds");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 16 * 1024) return 0;
  const fuzz::Exact text({reinterpret_cast<const char*>(data), size});
  const base::Time now = base::from_ns(1'767'225'600'000'000'000);
  if (const auto dates = settings::parse_dates(text.view(), now)) {
    require(std::ranges::is_sorted(*dates), "dates ascend");
    require(std::ranges::adjacent_find(*dates) == dates->end(), "each is there once");
    for (const std::string& date : *dates) require(settings::is_date(date), "what is read is a date that exists");
  }
  const std::string_view line = text.view().substr(0, text.view().find('\n'));
  within(model::parse_times(line), 0, 1440);
  within(model::parse_weekdays(line), 0, 6);
  within(model::parse_days_of_month(line), -31, 31);
  within(model::parse_months(line), 1, 12);
  within(model::parse_years(line), 1, 9999);
  return 0;
}
