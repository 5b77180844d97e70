#include "model/changes.hpp"

#include <algorithm>
#include <iterator>

namespace tocsin::model {
namespace {

template <class T>
void move_to_end(std::vector<T>& to, std::vector<T>&& from) {
  if (to.empty())
    to = std::move(from);
  else
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

/// Calls `each` with the same list of both; the one place that names every list.
template <class A, class B, class Each>
void for_each_list(A& a, B& b, Each each) {
  each(a.alerts, b.alerts);
  each(a.incidents, b.incidents);
  each(a.timeline, b.timeline);
  each(a.incident_alerts, b.incident_alerts);
  each(a.attachments, b.attachments);
  each(a.deliveries, b.deliveries);
  each(a.attempts, b.attempts);
  each(a.receipts, b.receipts);
  each(a.provider_refs, b.provider_refs);
  each(a.tickets, b.tickets);
  each(a.dead_letters, b.dead_letters);
  each(a.dead_letters_replayed, b.dead_letters_replayed);
  each(a.groups, b.groups);
  each(a.ladders, b.ladders);
  each(a.silences, b.silences);
  each(a.overrides, b.overrides);
  each(a.verdicts, b.verdicts);
  each(a.beats, b.beats);
  each(a.evaluations, b.evaluations);
  each(a.passed_on, b.passed_on);
  each(a.taken, b.taken);
  each(a.kv, b.kv);
}

}  // namespace

bool Changes::empty() const {
  bool none = journal_position == 0;
  for_each_list(*this, *this, [&none](const auto& list, const auto&) { none = none && list.empty(); });
  return none;
}

void Changes::append(Changes&& other) {
  decided = decided || other.decided;
  journal_position = std::max(journal_position, other.journal_position);
  for_each_list(*this, other, [](auto& mine, auto& theirs) { move_to_end(mine, std::move(theirs)); });
}

}  // namespace tocsin::model
