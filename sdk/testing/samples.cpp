#include "tocsin/testing/samples.hpp"

#include <limits>

namespace tsn::testing {
namespace {

constexpr Time start = 1'795'168'800'000'000'000;  // 2026-11-20T10:00:00Z
constexpr Time second = 1'000'000'000;

Labels labels(std::initializer_list<Label> list) {
  Labels made;
  made.assign(list);
  return made;
}

Alert alert(std::string_view loader, std::string_view fingerprint, double value) {
  Alert made;
  made.name = "loader_failing";
  made.fingerprint = fingerprint;
  made.severity = TSN_SEV_HIGH;
  made.firing = true;
  made.value = value;
  made.threshold = 5;
  made.starts_at = start;
  made.message = "Loader failed \"twice\" <b>& more</b>\nفشل التحميل";
  made.suggestion = "Look at the loader's log";
  made.generator_url = "https://tocsin.example.com/rules/loader_failing";
  made.labels = labels({{"alertname", "loader_failing"}, {"loader", loader}, {"service", "etl"}, {"severity", "HIGH"}});
  made.annotations = labels({{"summary", "Loader failing"}});
  return made;
}

}  // namespace

Incident sample_incident() {
  Incident made;
  made.severity = TSN_SEV_HIGH;
  made.status = TSN_INC_OPEN;
  made.number = 1042;
  made.correlation_id = "0193489c-8a40-7c3e-9d5f-1f0a2b3c4d5e";
  made.title = "loader_failing DAILY_SALES \"<test>\"";
  made.description = "Two loaders fail.\nالتحميل اليومي";
  made.category = "ETL";
  made.service = "etl";
  made.impact = "Reports are late";
  made.suggestion = "Look at the loader's log";
  made.url = "https://tocsin.example.com/incidents/1042";
  made.runbook_url = "https://wiki.example.com/rb/etl";
  made.detected_at = start;
  made.alerts = {alert("DAILY_SALES", "172e140873e2d000", 7), alert("HOURLY_STOCK", "a3f1b2c4d5e6f708", 9)};
  made.labels = labels({{"alertname", "loader_failing"}, {"service", "etl"}});
  made.links = {{"Grafana", "https://grafana.example.com/d/etl"}};
  made.timeline = {{start, "tocsin", "status", "", "OPEN", "opened"},
                   {start + 5 * second, "first", "note", "", "", "looking at it"}};
  return made;
}

Message sample_message() {
  Message made;
  made.kind = TSN_MSG_FIRING;
  made.key = "n-1042-1";
  made.recipient = {"mail:group.platform", "first", "first@example.com"};
  made.title = "loader_failing DAILY_SALES \"<test>\"";
  made.text = "Loader failed \"twice\" (7)";
  made.incident = sample_incident();
  Group group;
  group.receiver = "mail";
  group.group_key = "{}:{alertname=\"loader_failing\"}";
  group.external_url = "https://tocsin.example.com";
  group.labels = labels({{"alertname", "loader_failing"}});
  made.group = group;
  made.actions = {{TSN_ANSWER_ACKNOWLEDGE, "Acknowledge", "https://tocsin.example.com/a/AbC.dEf_1-2"},
                  {TSN_ANSWER_ESCALATE, "Escalate", "https://tocsin.example.com/a/AbC.dEf_1-3"}};
  return made;
}

Upsert sample_upsert() {
  Upsert made;
  made.change = TSN_CHANGE_OPENED;
  made.key = "t-1042-1";
  made.incident = sample_incident();
  return made;
}

}  // namespace tsn::testing
