#include "model/heartbeat.hpp"

#include <algorithm>
#include <array>

namespace tocsin::model {
namespace {

constexpr std::array<std::string_view, 4> kind_words{"watched", "start", "success", "fail"};
constexpr std::array<std::string_view, 5> status_words{"new", "up", "grace", "missed", "failed"};

}  // namespace

std::string_view to_string(BeatKind kind) {
  return kind_words[static_cast<std::size_t>(kind)];
}

BeatKind beat_kind(std::string_view word) {
  const auto at = std::ranges::find(kind_words, word);
  return at == kind_words.end() ? BeatKind::watched : static_cast<BeatKind>(at - kind_words.begin());
}

std::string_view to_string(HeartbeatStatus status) {
  return status_words[static_cast<std::size_t>(status)];
}

void apply(const Beat& beat, HeartbeatRecord& record) {
  record.name = beat.name;
  if (record.since == base::no_time || beat.at < record.since) record.since = beat.at;
  if (beat.kind == BeatKind::watched) return;
  ++record.pings;
  auto& instant = beat.kind == BeatKind::start     ? record.last_start
                  : beat.kind == BeatKind::success ? record.last_success
                                                   : record.last_failure;
  instant = std::max(instant, beat.at);
  if (beat.duration > base::Duration::zero()) record.last_duration = beat.duration;
  if (beat.at < record.last_ping) return;
  record.last_ping = beat.at;
  record.last_kind = beat.kind;
  // A start says nothing of how the run before it ended.
  if (beat.kind != BeatKind::start) record.exit_status = beat.exit_status;
  if (beat.kind != BeatKind::start || !beat.note.empty()) record.note = beat.note;
}

void merge(const HeartbeatRecord& other, HeartbeatRecord& record) {
  record.name = other.name;
  if (record.since == base::no_time || (other.since != base::no_time && other.since < record.since))
    record.since = other.since;
  record.last_start = std::max(record.last_start, other.last_start);
  record.last_success = std::max(record.last_success, other.last_success);
  record.last_failure = std::max(record.last_failure, other.last_failure);
  record.pings = std::max(record.pings, other.pings);
  if (other.last_ping <= record.last_ping) return;
  record.last_ping = other.last_ping;
  record.last_kind = other.last_kind;
  record.exit_status = other.exit_status;
  record.last_duration = other.last_duration;
  record.note = other.note;
}

}  // namespace tocsin::model
