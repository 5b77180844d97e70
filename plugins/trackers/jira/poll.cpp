#include "poll.hpp"

#include <algorithm>
#include <charconv>

namespace tocsin_plugins::jira {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::nanoseconds overlap = 5min, longest_window = 720h;
constexpr std::size_t most_remembered = 5000;
constexpr int most_search_pages = 100, most_failures = 5, most_failures_in_a_row = 3;

/// A failure of Jira as a whole; any other is of the one issue.
bool of_all(const tsn::Status& status) {
  return status.value() == TSN_RETRY || status.code() == 401;
}

}  // namespace

tsn::Time Poll::cursor(tsn::Time now) {
  const auto kept = state_.get("poll").value_or("");
  tsn::Time at = 0;
  std::from_chars(kept.data(), kept.data() + kept.size(), at);
  if (at > 0 && at <= now) return at;
  state_.put("poll", std::to_string(now));  // what was before is not brought over
  return now;
}

bool Poll::run(tsn::Deadline deadline) {
  api_.rest().about("", "");
  const auto began = ctx_.now();
  const auto window = std::min(longest_window, std::chrono::nanoseconds(began - cursor(began)) + overlap);
  const auto minutes = std::chrono::ceil<std::chrono::minutes>(window).count() + 1;
  if (read_.size() > most_remembered) read_.clear();
  bool whole = true;
  int in_a_row = 0;
  std::string from;
  for (int page = 0; page < most_search_pages; ++page) {
    const auto found = api_.changed(project_keys(settings_), minutes, from, deadline);
    for (const auto& changed : found.issues) {
      if (const auto known = read_.find(changed.key);
          known != read_.end() && !changed.updated.empty() && known->second == changed.updated)
        continue;
      if (deadline.expired()) return false;
      const bool done = read(changed, window, deadline);
      whole = whole && done;
      in_a_row = done ? 0 : in_a_row + 1;
      if (in_a_row >= most_failures_in_a_row) throw tsn::Failure("jira: several issues in a row cannot be read");
    }
    from = found.next;
    if (from.empty()) break;
  }
  if (!whole || !from.empty()) return true;  // the cursor stays, so that the next pass asks for the same and more
  state_.put("poll", std::to_string(began));
  return true;
}

/// False: it is to be read again on the next pass.
bool Poll::read(const Changed& changed, std::chrono::nanoseconds window, tsn::Deadline deadline) {
  try {
    api_.rest().about("", changed.key);
    const auto since = ctx_.now() + api_.rest().ahead().count() - window.count();
    const auto issue = api_.whole_issue(changed.key, since, deadline);
    if (!incoming_.take(events_of_issue(issue, since), deadline))
      throw tsn::Failure(tsn::retry_later("jira: the host takes no answers now, and no more may wait"));
  } catch (const tsn::Failure& why) {
    if (of_all(why.status())) throw;
    if (++failures_[changed.key] < most_failures && why.status().value() != TSN_INVALID) return false;
    could_not(changed, why);
  }
  failures_.erase(changed.key);
  read_[changed.key] = changed.updated;
  return true;
}

/// One bad issue costs only itself.
void Poll::could_not(const Changed& changed, const tsn::Failure& why) {
  ctx_.count("jira_issues_unread");
  ctx_.warn(changed.key + ": what changed there up to " + changed.updated + " is passed over: " + why.what());
}

}  // namespace tocsin_plugins::jira
