// The bodies of Alertmanager's API v2 (its OpenAPI document, and what Alertmanager 0.25 answers where that is silent):
// alerts and silences in, the same and groups out, and its two forms of an error.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "api/json_writer.hpp"
#include "api/message.hpp"
#include "base/clock.hpp"
#include "model/alert_view.hpp"
#include "model/received_alert.hpp"
#include "model/silence.hpp"

namespace tocsin::api::alertmanager {

/// An error that its clients print: a JSON string, as their handlers answer.
Reply refusal(unsigned status, std::string_view text);
/// {"code", "message"}, as what stands before their handlers answers: bodies that cannot be read (400), values of the
/// wrong kind (422).
Reply shape_refusal(unsigned status, unsigned code, std::string_view message);

struct PostedAlerts {
  std::vector<model::ReceivedAlert> alerts;
  std::string refused;  ///< why some are not among them, one reason each; empty: all are
};
/// A body that is no list of alerts is refused as a whole; of a list the valid ones are taken.
std::expected<PostedAlerts, Reply> read_alerts(std::string_view body);
std::expected<model::Silence, Reply> read_silence(std::string_view body);

/// 2026-11-20T10:00:00.000Z; no_time is the year 1.
std::string time_text(base::Time time);
void write(JsonWriter& json, const model::AlertView& view);
void write(JsonWriter& json, const model::AlertGroupView& group);
void write(JsonWriter& json, const model::Silence& silence, base::Time now);

}  // namespace tocsin::api::alertmanager
