// A heartbeat: a job that says, from outside, that it ran. What is configured, what it said, what is known of it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "model/labels.hpp"
#include "model/rule.hpp"

namespace tocsin::model {

/// [heartbeat.NAME]
struct Heartbeat {
  std::string name;
  base::Duration every{}, grace{};
  Severity severity = Severity::high;
  Labels labels;
  bool operator==(const Heartbeat&) const = default;
};

/// `watched` is the agent's own: it has begun to expect this heartbeat.
enum class BeatKind : std::uint8_t { watched, start, success, fail };
std::string_view to_string(BeatKind kind);  ///< "watched", "start", "success", "fail"
BeatKind beat_kind(std::string_view word);  ///< of to_string(); anything else is `watched`

constexpr std::size_t most_note_bytes = 10'000;

/// One ping.
struct Beat {
  std::string name;
  BeatKind kind = BeatKind::success;
  base::Time at{};
  int exit_status = -1;       ///< −1: none was given
  base::Duration duration{};  ///< of the run that it ends; 0: it had no start
  std::string note;           ///< the request's body, at most most_note_bytes of UTF-8
};

/// What is known of a heartbeat: a row of the store. Each instant moves one way only, so that agents which share a
/// store may write it in any order.
struct HeartbeatRecord {
  std::string name;
  base::Time since{};      ///< expected since then
  base::Time last_ping{};  ///< of any kind
  base::Time last_start{}, last_success{}, last_failure{};
  BeatKind last_kind = BeatKind::watched;  ///< of last_ping
  int exit_status = -1;                    ///< of the run that ended last
  base::Duration last_duration{};          ///< of the last run that said when it began; 0: none did
  std::string note;
  std::uint64_t pings = 0;
};

/// Takes a ping into the record.
void apply(const Beat& beat, HeartbeatRecord& record);
/// Takes over what another record of the same heartbeat knows better.
void merge(const HeartbeatRecord& other, HeartbeatRecord& record);

/// `fresh` has not pinged yet; `grace`: it was expected, or its run goes on, and its grace runs.
enum class HeartbeatStatus : std::uint8_t { fresh, up, grace, missed, failed };
std::string_view to_string(HeartbeatStatus status);  ///< "new", "up", "grace", "missed", "failed"

/// A heartbeat as people see it.
struct HeartbeatView {
  Heartbeat heartbeat;
  HeartbeatRecord record;
  HeartbeatStatus status = HeartbeatStatus::fresh;
  bool running = false;      ///< it said that it began and has not ended
  base::Time expected_at{};  ///< when the next success, or the end of its run's grace, is counted from
  base::Time late_at{};      ///< when it counts as missed
};

}  // namespace tocsin::model
