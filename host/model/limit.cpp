#include "model/limit.hpp"

#include <charconv>
#include <string>

#include "base/text.hpp"

namespace tocsin::model {

base::Result<Limit> parse_limit(std::string_view text) {
  Limit limit;
  const auto slash = text.find('/');
  const char* end = text.data() + (slash == text.npos ? 0 : slash);
  const auto [stop, error] = std::from_chars(text.data(), end, limit.count);
  const auto within =
      slash == text.npos ? base::fail(base::Fault::invalid, "") : base::parse_duration(text.substr(slash + 1));
  if (slash == text.npos || error != std::errc() || stop != end || limit.count == 0 || !within ||
      *within <= base::Duration::zero()) {
    return base::fail(base::Fault::invalid,
                      "\"" + std::string(text) + "\" is no limit; expected COUNT/DURATION such as \"5/15m\"");
  }
  limit.within = *within;
  return limit;
}

std::string text_of(const std::vector<Limit>& limits) {
  std::string text;
  for (const auto& limit : limits) {
    text += (text.empty() ? "" : " ") + std::to_string(limit.count) + "/" + base::format_duration(limit.within);
  }
  return text;
}

std::vector<Limit> usual_limits(std::string_view plugin) {
  using std::chrono::hours;
  using std::chrono::minutes;
  if (plugin == "ivr") return {{3, minutes(15)}, {7, hours(1)}, {15, hours(3)}};
  if (plugin == "sms") return {{5, minutes(15)}, {11, hours(1)}, {21, hours(3)}};
  return {};
}

}  // namespace tocsin::model
