// The model's values as JSON: the field names of the API, which are the store's column names.
#pragma once

#include "api/backend.hpp"
#include "api/json_writer.hpp"

namespace tocsin::api {

void write(JsonWriter& json, const model::Labels& labels);
void write(JsonWriter& json, const std::vector<model::Link>& links);
void write(JsonWriter& json, const std::vector<std::string>& texts);
void write(JsonWriter& json, const model::Alert& alert);
void write(JsonWriter& json, const model::TimelineEntry& entry);
void write(JsonWriter& json, const model::Incident& incident);
void write(JsonWriter& json, const model::IncidentEvent& event);
void write(JsonWriter& json, const model::Attachment& file);
void write(JsonWriter& json, const IncidentView& view);
void write(JsonWriter& json, const RuleInfo& rule);
void write(JsonWriter& json, const SeriesInfo& series);
void write(JsonWriter& json, const model::Attempt& attempt);
void write(JsonWriter& json, const model::PluginStatus& plugin);
void write(JsonWriter& json, const model::DeadLetter& letter);
void write(JsonWriter& json, const SilenceView& view);
void write(JsonWriter& json, const model::OncallOverride& one);
void write(JsonWriter& json, const OncallView& view);
void write(JsonWriter& json, const std::optional<model::Pause>& pause);
void write(JsonWriter& json, const DrillView& view);
void write(JsonWriter& json, const model::Exchange& exchange);

/// Empty text becomes null.
void optional_text(JsonWriter& json, std::string_view name, std::string_view text);
void write(JsonWriter& json, const model::HeartbeatView& view);

/// One incident as a line of CSV (RFC 4180), and the line of column names that goes before.
std::string incident_csv_header();
void append_incident_csv(std::string& out, const model::Incident& incident);

/// {"items": [...], "next": cursor or null}.
template <class T>
std::string list_json(const Listed<T>& listed) {
  std::string out;
  JsonWriter json(out);
  json.open_object().key("items").open_array();
  for (const T& item : listed.items) write(json, item);
  json.close_array().key("next");
  if (listed.next.empty())
    json.null();
  else
    json.text(listed.next);
  json.close_object();
  return out;
}

template <class T>
std::string object_json(const T& item) {
  std::string out;
  JsonWriter json(out);
  write(json, item);
  return out;
}

}  // namespace tocsin::api
