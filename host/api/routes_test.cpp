// Each route of the table, asked over a real socket.
#include "api/routes.hpp"

#include <set>

#include "api/testing/fixture.hpp"
#include "api/testing/schema.hpp"

namespace tocsin::api {
namespace {

using testing::RawAnswer;

class Routes : public testing::ServerTest {
 protected:
  void SetUp() override { start(); }
  std::string get(std::string_view target, unsigned status = 200) {
    RawAnswer answer = ask("GET", target);
    EXPECT_EQ(answer.status, status) << target << "\n" << answer.body;
    return answer.body;
  }
};

/// A request for each route that succeeds: method, target, body.
struct Sample {
  const char *method, *pattern, *target, *body;
};
const std::vector<Sample> samples{
    {"GET", "/", "/", ""},
    {"GET", "/healthz", "/healthz?verbose", ""},
    {"GET", "/readyz", "/readyz", ""},
    {"GET", "/metrics", "/metrics", ""},
    {"GET", "/api/v1/version", "/api/v1/version", ""},
    {"GET", "/api/v1/openapi.json", "/api/v1/openapi.json", ""},
    {"POST", "/api/v1/reload", "/api/v1/reload", ""},
    {"GET", "/api/v1/plugins", "/api/v1/plugins", ""},
    {"GET", "/api/v1/signals/query", "/api/v1/signals/query?name=etl.run", ""},
    {"GET", "/api/v1/signals/tail", "/api/v1/signals/tail?selector=etl.*&last=2", ""},
    {"GET", "/api/v1/series", "/api/v1/series", ""},
    {"GET", "/api/v1/rules", "/api/v1/rules", ""},
    {"GET", "/api/v1/rules/{name}", "/api/v1/rules/disk_filling", ""},
    {"GET", "/api/v1/alerts", "/api/v1/alerts", ""},
    {"GET", "/api/v1/alerts/history", "/api/v1/alerts/history?from=-1h", ""},
    {"POST", "/api/v1/alerts/{id}/acknowledge", "/api/v1/alerts/a%2F1/acknowledge", R"({"by":"amal"})"},
    {"GET", "/api/v1/incidents", "/api/v1/incidents", ""},
    {"POST", "/api/v1/incidents", "/api/v1/incidents", R"({"title":"Disk","severity":"high","tags":["x"]})"},
    {"GET", "/api/v1/incidents/{id}", "/api/v1/incidents/1042", ""},
    {"PUT", "/api/v1/incidents/{id}/status", "/api/v1/incidents/1042/status", R"({"status":"ACKNOWLEDGED"})"},
    {"PUT", "/api/v1/incidents/{id}/assign", "/api/v1/incidents/1042/assign", R"({"owner":"amal"})"},
    {"POST", "/api/v1/incidents/{id}/notes", "/api/v1/incidents/0193-first/notes", R"({"text":"looking"})"},
    {"GET", "/api/v1/incidents/export", "/api/v1/incidents/export", ""},
    {"GET", "/api/v1/incidents/changes", "/api/v1/incidents/changes?after=0", ""},
    {"POST", "/api/v1/incidents/{id}/tags", "/api/v1/incidents/1042/tags", R"({"add":["etl"],"remove":["night"]})"},
    {"POST", "/api/v1/incidents/{id}/links", "/api/v1/incidents/1042/links", R"({"href":"https://w","text":"W"})"},
    {"POST", "/api/v1/incidents/{id}/merge", "/api/v1/incidents/1043/merge", R"({"into":"1042"})"},
    {"POST", "/api/v1/incidents/{id}/snooze", "/api/v1/incidents/1042/snooze", R"({"for":"30m"})"},
    {"POST", "/api/v1/incidents/{id}/unsnooze", "/api/v1/incidents/1042/unsnooze", ""},
    {"POST", "/api/v1/incidents/{id}/escalate", "/api/v1/incidents/1042/escalate", ""},
    {"POST", "/api/v1/incidents/{id}/page", "/api/v1/incidents/1042/page", R"({"to":["sms:contact.first"]})"},
    {"POST", "/api/v1/incidents/{id}/attachments", "/api/v1/incidents/1042/attachments?name=a.log&by=amal", "hello\n"},
    {"GET", "/api/v1/incidents/{id}/attachments", "/api/v1/incidents/1042/attachments", ""},
    {"GET", "/api/v1/incidents/{id}/attachments/{attachment}", "/api/v1/incidents/1042/attachments/1", ""},
    {"GET", "/api/v1/incidents/{id}/timeline", "/api/v1/incidents/1042/timeline", ""},
    {"GET", "/api/v1/silences", "/api/v1/silences?state=active", ""},
    {"POST", "/api/v1/silences", "/api/v1/silences",
     R"({"id":"0193-silence","duration":"2h","comment":"longer","created_by":"ben"})"},
    {"POST", "/api/v1/silences/preview", "/api/v1/silences/preview", R"({"matchers":["host=n1"]})"},
    {"GET", "/api/v1/silences/{id}", "/api/v1/silences/0193-silence", ""},
    {"DELETE", "/api/v1/silences/{id}", "/api/v1/silences/0193-silence", ""},
    {"GET", "/api/v1/oncall", "/api/v1/oncall?at=2026-11-20T10:00:00Z", ""},
    {"POST", "/api/v1/oncall/overrides", "/api/v1/oncall/overrides",
     R"({"rotation":"payments","to":"second","until":"2026-11-21T00:00:00Z","by":"amal"})"},
    {"DELETE", "/api/v1/oncall/overrides/{id}", "/api/v1/oncall/overrides/0193-override", ""},
    {"GET", "/api/v1/oncall/{calendar}", "/api/v1/oncall/payments.ics", ""},
    {"GET", "/api/v1/notifications/pause", "/api/v1/notifications/pause", ""},
    {"POST", "/api/v1/notifications/pause", "/api/v1/notifications/pause", R"({"for":"30m","reason":"core upgrade"})"},
    {"POST", "/api/v1/notifications/resume", "/api/v1/notifications/resume", R"({"by":"amal"})"},
    {"POST", "/api/v1/drills", "/api/v1/drills", R"({"route":"payments","severity":"critical","wait":"2m"})"},
    {"GET", "/api/v1/drills/{id}", "/api/v1/drills/1044", ""},
    {"GET", "/api/v1/notifications/log", "/api/v1/notifications/log?status=SENT", ""},
    {"POST", "/api/v1/notifications/send", "/api/v1/notifications/send", R"({"instance":"mail","to":"contact.first"})"},
    {"GET", "/api/v1/explain", "/api/v1/explain?from=-2h&match=host%3D%22n1%22&who=first", ""},
    {"GET", "/api/v1/dead-letters", "/api/v1/dead-letters", ""},
    {"POST", "/api/v1/dead-letters/{id}/replay", "/api/v1/dead-letters/7/replay", ""},
    {"GET", "/api/v1/integrations/jira/mappings", "/api/v1/integrations/jira/mappings", ""},
    {"GET", "/a/{token}", "/a/good", ""},
    {"POST", "/a/{token}", "/a/good", ""},
    {"POST", "/api/v1/integrations/jira/mappings", "/api/v1/integrations/jira/mappings",
     R"({"incident":1042,"jira_key":"OPS-7","jira_url":"https://jira.corp/browse/OPS-7","by":"ana"})"},
    {"DELETE", "/api/v1/integrations/jira/mappings/{incident}", "/api/v1/integrations/jira/mappings/1042?instance=jira",
     ""},
    {"POST", "/api/v1/integrations/jira/sync", "/api/v1/integrations/jira/sync", R"({"instance":"jira"})"},
    {"POST", "/api/v1/integrations/jira/test", "/api/v1/integrations/jira/test", R"({"incident":1042})"},
    {"GET", "/api/v1/integrations/jira/log", "/api/v1/integrations/jira/log?incident=1042", ""},
    {"GET", "/api/v2/status", "/api/v2/status", ""},
    {"GET", "/api/v2/receivers", "/api/v2/receivers", ""},
    {"GET", "/api/v2/alerts", "/api/v2/alerts?active=true&foo=bar", ""},
    {"POST", "/api/v2/alerts", "/api/v2/alerts", R"([{"labels":{"alertname":"A"}}])"},
    {"GET", "/api/v2/alerts/groups", "/api/v2/alerts/groups", ""},
    {"GET", "/api/v2/silences", "/api/v2/silences", ""},
    {"POST", "/api/v2/silences", "/api/v2/silences",
     R"({"matchers":[{"name":"a","value":"b","isRegex":false}],"startsAt":"2026-11-20T10:00:00Z",)"
     R"("endsAt":"2026-11-20T11:00:00Z","createdBy":"amal","comment":"work"})"},
    {"GET", "/api/v2/silence/{id}", "/api/v2/silence/4243d46b-de60-4fe1-b92c-9a68e1f8607c", ""},
    {"DELETE", "/api/v2/silence/{id}", "/api/v2/silence/4243d46b-de60-4fe1-b92c-9a68e1f8607c", ""},
    {"GET", "/-/healthy", "/-/healthy", ""},
    {"GET", "/-/ready", "/-/ready", ""},
    {"POST", "/-/reload", "/-/reload", ""},
    {"GET", "/api/v1/heartbeats", "/api/v1/heartbeats", ""},
    {"POST", "/api/v1/heartbeats/{name}", "/api/v1/heartbeats/nightly-close", "loaded 7 files"},
    {"GET", "/api/v1/heartbeats/{name}", "/api/v1/heartbeats/nightly-close?rid=1", ""},
    {"POST", "/api/v1/heartbeats/{name}/{what}", "/api/v1/heartbeats/nightly-close/start", ""},
    {"GET", "/api/v1/heartbeats/{name}/{what}", "/api/v1/heartbeats/nightly-close/3", ""},
};

TEST_F(Routes, EachAnswersAsTheOpenApiDocumentSays) {
  base::Value document = json(openapi());
  std::set<std::string> asked;
  for (const Sample& sample : samples) {
    RawAnswer answer = ask(sample.method, sample.target, sample.body);
    for (const Route& route : routes()) {
      if (route.method != sample.method || route.pattern != sample.pattern) continue;
      asked.insert(std::string(route.method) + " " + std::string(route.pattern));
      EXPECT_EQ(answer.status, route.status) << sample.target << "\n" << answer.body;
      EXPECT_TRUE(answer.headers["content-type"].starts_with(route.answer_type)) << sample.target;
      if (route.answer_schema.empty()) continue;
      std::string why = testing::violation(document, std::string(route.answer_schema), json(answer.body));
      EXPECT_EQ(why, "") << sample.target << "\n" << answer.body;
    }
  }
  EXPECT_EQ(asked.size(), routes().size()) << "a route has no sample here";
}

TEST_F(Routes, APauseIsWhatWasAskedFor) {
  EXPECT_EQ(get("/api/v1/notifications/pause"),
            R"({"paused":false,"from":null,"until":null,"by":null,"reason":null,"except_critical":false})");
  const RawAnswer paused = ask("POST", "/api/v1/notifications/pause",
                               R"({"for":"30m","reason":"core upgrade","except_critical":true,"by":"amal"})");
  EXPECT_EQ(paused.body, R"({"paused":true,"from":"2026-11-20T10:00:00Z","until":"2026-11-20T10:30:00Z","by":"amal",)"
                         R"("reason":"core upgrade","except_critical":true})");
  EXPECT_EQ(get("/api/v1/notifications/pause"), paused.body);
}

TEST_F(Routes, ADrillIsWhatWasAskedFor) {
  const RawAnswer answer =
      ask("POST", "/api/v1/drills",
          R"({"route":"payments","severity":"low","to":["sms:contact.first"],"wait":"90s","with_tracker":true})");
  EXPECT_EQ(answer.status, 201u) << answer.body;
  EXPECT_EQ(backend.last_drill.severity, model::Severity::low);
  EXPECT_EQ(backend.last_drill.to, std::vector<std::string>{"sms:contact.first"});
  EXPECT_EQ(backend.last_drill.wait, std::chrono::seconds(90));
  EXPECT_TRUE(backend.last_drill.tickets);
  EXPECT_EQ(ask("POST", "/api/v1/drills", R"({"route":"payments"})").status, 201u);
  EXPECT_EQ(backend.last_drill.wait, std::chrono::minutes(10));
  EXPECT_EQ(backend.last_drill.severity, model::Severity::high);
}

TEST_F(Routes, OneSeriesIsAnObject) {
  EXPECT_EQ(get("/api/v1/signals/query?name=etl.run&bucket=5m&aggregation=avg"),
            R"({"name":"etl.run","labels":{"loader":"A"},"aggregation":"avg","bucket":"5m","dataPoints":[)"
            R"({"timestamp":1795168740,"value":2},{"timestamp":1795168800,"value":3.5}]})");
}

TEST_F(Routes, SeveralSeriesAreAList) {
  backend.histories.push_back({"etl.run", {{"loader", "B"}}, {}});
  base::Value answer = json(get("/api/v1/signals/query?name=etl.run"));
  ASSERT_NE(answer.find("series"), nullptr);
  EXPECT_EQ(answer.find("series")->array()->size(), 2u);
}

TEST_F(Routes, NoSeriesIsAnObjectWithoutPoints) {
  backend.histories.clear();
  EXPECT_EQ(get("/api/v1/signals/query?name=gone"),
            R"({"name":"gone","labels":{},"aggregation":"raw","bucket":null,"dataPoints":[]})");
}

TEST_F(Routes, HistoryPassesEveryParameterOn) {
  get("/api/v1/signals/query?loaderCode=DAILY&segmentCode=S1&match=status%3D%22FAILED%22&match=dc%3D~%22r.*%22"
      "&fromEpoch=1795165200&toEpoch=1795168800000&aggregation=P95&bucket=1m&limit=5000");
  const HistoryQuery& query = backend.last_history;
  EXPECT_EQ(query.loader + query.segment + query.aggregation, "DAILYS1p95");
  ASSERT_EQ(query.matchers.size(), 2u);
  EXPECT_EQ(query.matchers[1].text(), "dc=~\"r.*\"");
  EXPECT_EQ(query.to - query.from, std::chrono::hours(1));
  EXPECT_EQ(query.to, testing::noon);
  EXPECT_EQ(query.bucket, std::chrono::minutes(1));
  EXPECT_EQ(query.limit, 5000u);
}

TEST_F(Routes, HistoryDefaultsToTheLastHour) {
  get("/api/v1/signals/query?name=x");
  EXPECT_EQ(backend.last_history.to, testing::noon);
  EXPECT_EQ(backend.last_history.from, testing::noon - std::chrono::hours(1));
  EXPECT_EQ(backend.last_history.limit, 10'000u);
}

TEST_F(Routes, PagesAWholeListByCursor) {
  base::Value first = json(get("/api/v1/series?limit=2&pattern=etl.*"));
  EXPECT_EQ(backend.last_pattern, "etl.*");
  EXPECT_EQ(text(first.find("items")->array()->front(), "name"), "cpu");
  base::Value second = json(get("/api/v1/series?limit=2&after=" + text(first, "next")));
  EXPECT_EQ(second.find("items")->array()->size(), 1u);
  EXPECT_TRUE(second.find("next")->is_null());
}

TEST_F(Routes, AlertsPassFilterAndPageOn) {
  base::Value answer = json(get("/api/v1/alerts/history?rule=r&from=2026-11-20T09:00:00Z&to=now&limit=7&after=c"));
  EXPECT_TRUE(backend.last_alerts.history);
  EXPECT_EQ(backend.last_alerts.rule + backend.last_alerts.after, "rc");
  EXPECT_EQ(backend.last_alerts.limit, 7u);
  EXPECT_EQ(backend.last_alerts.to - backend.last_alerts.from, std::chrono::hours(1));
  EXPECT_EQ(text(answer, "next"), "cursor-2");
  const base::Value& alert = answer.find("items")->array()->front();
  EXPECT_EQ(text(alert, "fingerprint"), "172e140873e2d000");
  EXPECT_EQ(text(alert, "active_at"), "2026-11-20T10:00:00Z");
  EXPECT_TRUE(alert.find("resolved_at")->is_null());
  EXPECT_TRUE(alert.find("threshold")->is_null());
}

TEST_F(Routes, IncidentsPassEveryFilterOn) {
  get("/api/v1/incidents?status=OPEN,acknowledged&status=CLOSED&severity=HIGH&q=disk+full&from=-2h&limit=1");
  EXPECT_EQ(backend.last_filter.status.size(), 3u);
  EXPECT_EQ(backend.last_filter.severity, std::vector{model::Severity::high});
  EXPECT_EQ(backend.last_filter.text, "disk full");
  EXPECT_EQ(backend.last_filter.from, testing::noon - std::chrono::hours(2));
  EXPECT_EQ(backend.last_filter.page.limit, 1u);
}

TEST_F(Routes, ExplainPassesEveryParameterOn) {
  base::Value answer =
      json(get("/api/v1/explain?from=2h+ago&to=now&match=host%3D%22n1%22&rule=r&incident=1042&who=ana"));
  const ExplainQuery& query = backend.last_explain;
  EXPECT_EQ(query.from, testing::noon - std::chrono::hours(2));
  EXPECT_EQ(query.to, testing::noon);
  ASSERT_EQ(query.matchers.size(), 1u);
  EXPECT_EQ(query.rule + query.incident + query.who, "r1042ana");
  const base::Value& entry = answer.find("entries")->array()->front();
  EXPECT_EQ(text(entry, "kind") + text(entry, "at"), "told2026-11-20T10:00:00Z");
  EXPECT_TRUE(entry.find("until")->is_null());
  EXPECT_TRUE(answer.find("next")->array()->front().find("at")->is_null());
}

TEST_F(Routes, ExplainRefusesASpanThatEndsBeforeItBegins) {
  get("/api/v1/explain?from=now&to=-1h", 400);
  get("/api/v1/explain?match=nonsense", 400);
}

TEST_F(Routes, IncidentsPassTheFurtherFiltersOn) {
  get("/api/v1/incidents?category=log&owner=amal&owner=omar&service=pay&tag=night,etl&rule=r1"
      "&match=team%3D%22payments%22&match=dc%3D~%22r.*%22");
  const IncidentFilter& filter = backend.last_filter;
  EXPECT_EQ(filter.category, std::vector{model::Category::log});
  EXPECT_EQ(filter.owner, (std::vector<std::string>{"amal", "omar"}));
  EXPECT_EQ(filter.service, std::vector<std::string>{"pay"});
  EXPECT_EQ(filter.tags, (std::vector<std::string>{"night", "etl"}));
  EXPECT_EQ(filter.rule, "r1");
  ASSERT_EQ(filter.matchers.size(), 2u);
  EXPECT_EQ(filter.matchers[1].text(), "dc=~\"r.*\"");
}

TEST_F(Routes, AMatcherThatIsNoneIsNamed) {
  const std::string body = get("/api/v1/incidents?match=team", 400);
  EXPECT_NE(body.find("\"parameter\":\"match\""), std::string::npos) << body;
}

TEST_F(Routes, ExportsTakeTheSameFilters) {
  get("/api/v1/incidents/export?status=CLOSED&tag=night&format=csv");
  EXPECT_EQ(backend.last_filter.status, std::vector{model::IncidentStatus::closed});
  EXPECT_EQ(backend.last_filter.tags, std::vector<std::string>{"night"});
  get("/api/v1/incidents/export?limit=5", 400);
}

TEST_F(Routes, AnExportAsJsonIsOneList) {
  RawAnswer answer = ask("GET", "/api/v1/incidents/export?format=json");
  EXPECT_EQ(answer.headers["content-disposition"], "attachment; filename=\"incidents.json\"");
  base::Value list = json(answer.body);
  EXPECT_EQ(list.find("items")->array()->size(), 2u);
  EXPECT_TRUE(list.find("next")->is_null());
}

TEST_F(Routes, AnAcknowledgementMayBeForATime) {
  ask("PUT", "/api/v1/incidents/1042/status", R"({"status":"ACKNOWLEDGED","for":"1h30m"})");
  EXPECT_EQ(backend.last_lasts, std::chrono::minutes(90));
  RawAnswer refused = ask("PUT", "/api/v1/incidents/1043/status", R"({"status":"ACKNOWLEDGED","for":"soon"})");
  EXPECT_EQ(refused.status, 400u);
}

TEST_F(Routes, ASnoozeIsForATimeOrUntilOne) {
  base::Value incident = json(ask("POST", "/api/v1/incidents/1042/snooze", R"({"for":"30m"})").body);
  EXPECT_EQ(text(incident, "snoozed_until"), "2026-11-20T10:30:00Z");
  incident = json(ask("POST", "/api/v1/incidents/1042/snooze", R"({"until":"2026-11-20T12:00:00Z"})").body);
  EXPECT_EQ(text(incident, "snoozed_until"), "2026-11-20T12:00:00Z");
  EXPECT_EQ(ask("POST", "/api/v1/incidents/1042/snooze", "{}").status, 400u);
  EXPECT_EQ(ask("POST", "/api/v1/incidents/1042/snooze", R"({"for":"1h","until":"now"})").status, 400u);
}

TEST_F(Routes, APageTakesOneTargetOrSeveral) {
  ask("POST", "/api/v1/incidents/1042/page", R"({"to":"hook","text":"look"})");
  EXPECT_EQ(backend.last_targets, std::vector<std::string>{"hook"});
  EXPECT_EQ(backend.last_note, "look");
  ask("POST", "/api/v1/incidents/1042/page", R"({"to":["a","b"]})");
  EXPECT_EQ(backend.last_targets.size(), 2u);
  EXPECT_EQ(ask("POST", "/api/v1/incidents/1042/page", "{}").status, 400u);
}

TEST_F(Routes, MergeTakesANumberAsTextOrAsNumber) {
  EXPECT_EQ(ask("POST", "/api/v1/incidents/1043/merge", R"({"into":1042})").status, 200u);
  EXPECT_EQ(ask("POST", "/api/v1/incidents/1042/merge", R"({"into":"1042"})").status, 400u);
  EXPECT_EQ(ask("POST", "/api/v1/incidents/1042/merge", "{}").status, 400u);
}

TEST_F(Routes, AFileComesBackAsItWasAndIsNeverShownInPlace) {
  const std::string png("\x89PNG\r\n\x1a\n\0\xff", 10);
  RawAnswer kept = ask("POST", "/api/v1/incidents/1042/attachments?name=%D9%82%20%22a%22.png&by=amal", png,
                       "Content-Type: image/png\r\n");
  ASSERT_EQ(kept.status, 201u) << kept.body;
  EXPECT_EQ(kept.headers["location"], "/api/v1/incidents/1042/attachments/1");
  EXPECT_EQ(backend.last_actor, "amal");
  EXPECT_EQ(text(json(kept.body), "content_type"), "image/png");
  RawAnswer answer = ask("GET", "/api/v1/incidents/1042/attachments/1");
  EXPECT_EQ(answer.body, png);
  EXPECT_EQ(answer.headers["content-type"], "application/octet-stream");
  EXPECT_EQ(answer.headers["content-disposition"],
            "attachment; filename=\"__ _a_.png\"; filename*=UTF-8''%D9%82%20%22a%22.png");
  EXPECT_EQ(answer.headers["x-content-type-options"], "nosniff");
}

TEST_F(Routes, RefusesFilesThatAreTooLargeOrNotWhatTheySay) {
  const auto status = [&](const char* query, std::string_view body, const char* headers = "") {
    return ask("POST", std::string("/api/v1/incidents/1042/attachments") + query, body, headers).status;
  };
  EXPECT_EQ(status("?name=a.log", std::string(10u << 20, 'a')), 201u);
  EXPECT_EQ(status("?name=a.log", std::string((10u << 20) + 1, 'a')), 413u);
  EXPECT_EQ(status("?name=a.exe", "MZ"), 415u);
  EXPECT_EQ(status("?name=a.pdf", "<html>"), 415u);
  EXPECT_EQ(status("?name=a.log", "--x\r\nContent-Disposition: form-data\0", "Content-Type: multipart/form-data\r\n"),
            201u)
      << "text is text";
  EXPECT_EQ(status("?name=a.pdf", "--x\r\n", "Content-Type: multipart/form-data\r\n"), 415u);
  EXPECT_EQ(status("", "hello"), 422u);
  for (const char* name : {"?name=..%2Fa.log", "?name=a%0Ab.log", "?name=.a.log", "?name=a%E2%80%AEgnp.log"}) {
    EXPECT_EQ(status(name, "hello"), 422u) << name;
  }
  EXPECT_EQ(ask("POST", "/api/v1/incidents/9/attachments?name=a.log", "hello").status, 404u);
}

TEST_F(Routes, AFileThatIsNotThereIsNotFound) {
  get("/api/v1/incidents/1042/attachments/5", 404);
  get("/api/v1/incidents/1042/attachments/x", 404);
}

TEST_F(Routes, AlertmanagersApiAsksForWhatItsSectionSays) {
  backend.guarded = true;
  for (const char* path : {"/api/v2/status", "/api/v2/alerts", "/api/v2/alerts/groups", "/api/v2/receivers",
                           "/api/v2/silences", "/api/v2/silence/0193-silence"}) {
    const RawAnswer answer = ask("GET", path);
    EXPECT_EQ(answer.status, 401u) << path;
    EXPECT_EQ(answer.body, "who are you?");
  }
  EXPECT_EQ(ask("POST", "/api/v2/alerts", "[]").status, 401u);
  EXPECT_EQ(ask("POST", "/api/v2/silences", "{}").status, 401u);
  EXPECT_EQ(ask("DELETE", "/api/v2/silence/0193-silence").status, 401u);
  EXPECT_EQ(ask("GET", "/-/healthy").status, 200u);
  EXPECT_EQ(ask("GET", "/api/v1/rules").status, 200u);
}

TEST_F(Routes, WatchedSignalsHaveTheirValueOrTheirSummary) {
  const std::string all = get("/api/v1/signals/tail?last=2");
  EXPECT_EQ(all,
            R"({"items":[{"at":"2026-11-20T10:00:00Z","name":"etl.run","labels":{},"source":"source.http","value":3,)"
            R"("text":"a \"line\""},{"at":"2026-11-20T10:00:00Z","name":"etl.duration","labels":{},)"
            R"("source":"source.http","count":2,"min":1,"max":3,"avg":2,"sum":4,"text":"a \"line\""}],)"
            R"("next":"7","lost":0})");
  EXPECT_EQ(json(get("/api/v1/signals/tail?selector=etl.duration")).find("items")->array()->size(), 1u);
  EXPECT_TRUE(json(get("/api/v1/signals/tail?after=6")).find("lost")->is_null()) << "nobody knows how many";
  for (const char* wrong : {"selector=a%7B", "after=x", "wait=2h", "last=1001", "last=-1", "limit=0", "since=then"})
    get(std::string("/api/v1/signals/tail?") + wrong, 400);
}

TEST_F(Routes, ChangesGoOnFromACursor) {
  base::Value first = json(get("/api/v1/incidents/changes"));
  EXPECT_TRUE(first.find("items")->array()->empty());
  EXPECT_EQ(text(first, "next"), "7");
  base::Value second = json(get("/api/v1/incidents/changes?after=7"));
  EXPECT_EQ(text(second.find("items")->array()->front(), "what"), "note");
  EXPECT_EQ(text(second, "next"), "8");
  get("/api/v1/incidents/changes?after=x", 400);
}

TEST_F(Routes, ExportsIncidentsAsCsvThatSpreadsheetsDoNotRun) {
  RawAnswer answer = ask("GET", "/api/v1/incidents?format=csv");
  EXPECT_TRUE(answer.headers["content-type"].starts_with("text/csv"));
  EXPECT_TRUE(answer.body.starts_with("id,title,description,severity,category,status,service_name,correlation_id,"));
  EXPECT_NE(answer.body.find("\r\n1042,\"disk_filling host=\"\"n1\"\", mount=/\",,HIGH,INFRASTRUCTURE,OPEN,"),
            std::string::npos)
      << answer.body;
  EXPECT_NE(answer.body.find("\r\n1043,\"'=cmd|' /C calc'!A0\","), std::string::npos) << answer.body;
  EXPECT_NE(answer.body.find("2026-11-20T10:00:00Z"), std::string::npos);
}

TEST_F(Routes, CreatesAnIncidentAndSaysWhereItIs) {
  RawAnswer answer = ask("POST", "/api/v1/incidents",
                         R"({"title":"Disk full","severity":"HIGH","category":"LOG","labels":{"host":"n1"},)"
                         R"("metric_value":5.5,"links":[{"text":"Wiki","href":"https://w"}],"by":"amal"})",
                         "Content-Type: application/json; charset=utf-8\r\n");
  EXPECT_EQ(answer.status, 201u);
  EXPECT_EQ(answer.headers["location"], "/api/v1/incidents/2000");
  EXPECT_EQ(backend.last_actor, "amal");
  base::Value incident = json(answer.body);
  EXPECT_EQ(text(incident, "title") + text(incident, "category") + text(*incident.find("labels"), "host"),
            "Disk fullLOGn1");
  EXPECT_EQ(incident.find("metric_value")->number(), 5.5);
}

TEST_F(Routes, AnIncidentCarriesAlertsTimelineAndTheStoresColumnNames) {
  base::Value incident = json(get("/api/v1/incidents/1042"));
  for (const char* column : {"id",
                             "title",
                             "description",
                             "severity",
                             "category",
                             "status",
                             "service_name",
                             "correlation_id",
                             "affected_component",
                             "metric_name",
                             "metric_value",
                             "threshold_value",
                             "impact",
                             "suggestion",
                             "resolution_notes",
                             "jira_ticket_key",
                             "jira_ticket_url",
                             "detected_at",
                             "acknowledged_at",
                             "resolved_at",
                             "closed_at",
                             "created_at",
                             "updated_at",
                             "number",
                             "owner",
                             "tags",
                             "labels",
                             "alerts",
                             "timeline"}) {
    EXPECT_NE(incident.find(column), nullptr) << column;
  }
  EXPECT_EQ(text(incident.find("timeline")->array()->front(), "what"), "opened");
}

TEST_F(Routes, NamesTheApiAsActorWhereTheBodyNamesNobody) {
  ask("POST", "/api/v1/incidents/1042/notes", R"({"text":"x"})");
  EXPECT_EQ(backend.last_actor + backend.last_note, "apix");
}

TEST_F(Routes, ASilenceIsSetWithAllItCanSay) {
  RawAnswer answer = ask("POST", "/api/v1/silences",
                         R"({"matchers":["service=~\"core-.*\"","dc=ruh"],"except":["severity=critical"],)"
                         R"("starts_at":"2026-11-20T12:00:00Z","duration":"2h","created_by":"amal","comment":"CHG7",)"
                         R"("annotations":{"a":"b"},"every":"fri 22:00","for":"4h","zone":"Asia/Riyadh"})");
  ASSERT_EQ(answer.status, 200u) << answer.body;
  const model::Silence& got = backend.last_silence;
  EXPECT_EQ(got.matchers.at(0).text() + got.matchers.at(1).text(), "service=~\"core-.*\"dc=\"ruh\"");
  EXPECT_EQ(got.except.at(0).text(), "severity=\"critical\"");
  EXPECT_EQ(got.starts_at, testing::noon + std::chrono::hours(2));
  EXPECT_EQ(got.ends_at, testing::noon + std::chrono::hours(4));
  EXPECT_EQ(got.created_by + got.comment + got.annotations.at("a"), "amalCHG7b");
  EXPECT_EQ(got.recurrence.every + got.recurrence.zone, "fri 22:00Asia/Riyadh");
  EXPECT_EQ(got.recurrence.length, std::chrono::hours(4));
  base::Value body = json(answer.body);
  EXPECT_EQ(text(body, "warning"), "it silences every firing alert (1 of 1)");
  EXPECT_EQ(text(*body.find("silence"), "state"), "pending");
}

TEST_F(Routes, AnEditKeepsWhatItDoesNotGive) {
  get("/api/v1/silences");
  ask("POST", "/api/v1/silences", R"({"id":"0193-silence","duration":"3h"})");
  EXPECT_EQ(backend.last_silence.ends_at, testing::noon + std::chrono::hours(3));
  EXPECT_EQ(backend.last_silence.comment + backend.last_silence.created_by, "CHG1amal");
  EXPECT_EQ(backend.last_silence.matchers.size(), 1u);
  EXPECT_EQ(ask("POST", "/api/v1/silences", R"({"id":"0193-none","duration":"3h"})").status, 404u);
}

TEST_F(Routes, ASilenceSaysWhoSetItAndWhy) {
  RawAnswer nobody = ask("POST", "/api/v1/silences", R"({"matchers":["a=b"],"duration":"1h","comment":"x"})");
  EXPECT_EQ(nobody.status, 400u);
  EXPECT_NE(nobody.body.find("member \\\"created_by\\\": is missing or empty"), std::string::npos) << nobody.body;
  RawAnswer why = ask("POST", "/api/v1/silences", R"({"matchers":["a=b"],"duration":"1h","created_by":"x"})");
  EXPECT_EQ(text(json(why.body), "parameter"), "comment");
}

TEST_F(Routes, ABrokenMatcherOfASilenceIsNamed) {
  RawAnswer answer = ask("POST", "/api/v1/silences/preview", R"({"matchers":["a=~\"(\""]})");
  EXPECT_EQ(answer.status, 400u);
  EXPECT_EQ(text(json(answer.body), "parameter"), "matchers");
  EXPECT_EQ(ask("GET", "/api/v1/silences?match=%3D").status, 400u);
  EXPECT_EQ(ask("GET", "/api/v1/silences?state=over").status, 400u);
}

TEST_F(Routes, SilencesAreFilteredByStateAndByTheirMatchers) {
  base::Value none = json(get("/api/v1/silences?state=expired,pending&match=host%3Dn1"));
  EXPECT_TRUE(none.find("items")->array()->empty());
  EXPECT_EQ(backend.last_matchers.at(0).text(), "host=\"n1\"");
}

TEST_F(Routes, ExpiringNamesItsActorAndRefusesTheExpired) {
  EXPECT_EQ(ask("DELETE", "/api/v1/silences/0193-expired").status, 409u);
  EXPECT_EQ(ask("DELETE", "/api/v1/silences/0193-none").status, 404u);
  RawAnswer answer = ask("DELETE", "/api/v1/silences/0193-silence", R"({"by":"ben"})");
  EXPECT_EQ(backend.last_actor, "ben");
  EXPECT_EQ(text(json(answer.body), "state"), "expired");
}

TEST_F(Routes, JiraMappingsCarryTheIncidentsNumber) {
  EXPECT_EQ(
      get("/api/v1/integrations/jira/mappings"),
      R"({"items":[{"incident_id":1042,"correlation_id":"0193-first","instance":"","jira_key":"OPS-1",)"
      R"("jira_url":"https://jira.corp/browse/OPS-1","status":"","intent":"","synced_at":"2026-11-20T10:00:00Z"}],)"
      R"("next":null})");
}

TEST_F(Routes, AnIssueIsLinkedByItsKeyOrAskedForAnew) {
  const std::string path = "/api/v1/integrations/jira/mappings";
  const base::Value linked = json(ask("POST", path, R"({"incident":"1042","jira_key":"OPS-7","by":"ana"})").body);
  EXPECT_EQ(text(linked, "jira_key") + text(linked, "intent") + backend.last_actor, "OPS-7linkedana");
  EXPECT_EQ(text(json(ask("POST", path, R"({"incident":1042,"new":true})").body), "intent"), "create");
  EXPECT_EQ(ask("POST", path, R"({"incident":1042})").status, 400u);
  EXPECT_EQ(ask("POST", path, R"({"incident":1042,"jira_key":"OPS-7","new":true})").status, 400u);
  EXPECT_EQ(ask("POST", path, R"({"incident":1042,"new":"yes"})").status, 400u);
  EXPECT_EQ(ask("POST", path, R"({"jira_key":"OPS-7"})").status, 400u);
  backend.fault = base::Fault::conflict;
  EXPECT_EQ(ask("POST", path, R"({"incident":1042,"jira_key":"OPS-7"})").status, 409u);
}

TEST_F(Routes, SyncSaysWhichTrackerFailedAndATrialWhetherItIsGood) {
  EXPECT_EQ(ask("POST", "/api/v1/integrations/jira/sync", "").body,
            R"({"trackers":[{"instance":"jira","synced":true,"error":null},)"
            R"({"instance":"other","synced":false,"error":"401"}],"queued":2})");
  EXPECT_EQ(ask("POST", "/api/v1/integrations/jira/sync", R"({"instance":"none"})").status, 404u);
  EXPECT_EQ(ask("POST", "/api/v1/integrations/jira/test", R"({"incident":1042})").body,
            R"({"trackers":[{"instance":"jira","lines":["ok: POST /rest/api/3/issue",)"
            R"("error: no priority \"Top\""]}],"ok":false})");
}

TEST_F(Routes, MetricsSpeakOpenMetricsWhereAskedFor) {
  RawAnswer plain = ask("GET", "/metrics");
  EXPECT_EQ(plain.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
  RawAnswer open =
      ask("GET", "/metrics", "", "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n");
  EXPECT_EQ(open.headers["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8");
  EXPECT_TRUE(open.body.ends_with("# EOF\n"));
}

TEST_F(Routes, ReadyzSaysWhyNot) {
  EXPECT_EQ(get("/readyz"), "ready\n");
  {
    std::lock_guard lock(backend.mutex);
    backend.reason = "the journal is being read";
  }
  EXPECT_EQ(get("/readyz", 503), "the journal is being read\n");
}

TEST_F(Routes, ThePageEscapesWhatItShows) {
  std::string page = get("/");
  EXPECT_NE(page.find("&lt;b&gt;none&lt;/b&gt;"), std::string::npos);
  EXPECT_EQ(page.find("<b>none"), std::string::npos);
}

TEST(OpenApi, ListsExactlyTheDispatchedRoutes) {
  auto document = read_json(openapi());
  ASSERT_TRUE(document) << document.error().message();
  std::set<std::string> documented, dispatched;
  for (const auto& path : *document->find("paths")->table()) {
    for (const auto& operation : *path.value.table()) documented.insert(operation.key + " " + path.key);
  }
  for (const Route& route : routes()) {
    std::string method(route.method);
    for (char& c : method) c = static_cast<char>(c - 'A' + 'a');
    dispatched.insert(method + " " + std::string(route.pattern));
    EXPECT_EQ(find_route(route.method, route.pattern, false).route, &route) << route.pattern;
  }
  EXPECT_EQ(documented, dispatched);
}

TEST(OpenApi, RefersOnlyToSchemasItHas) {
  std::string text = openapi();
  auto document = read_json(text);
  ASSERT_TRUE(document);
  const base::Value* schemas = document->find("components")->find("schemas");
  const std::string mark = "\"#/components/schemas/";
  std::size_t found = 0;
  for (std::size_t at = text.find(mark); at != text.npos; at = text.find(mark, at + 1), ++found) {
    std::size_t start = at + mark.size();
    std::string name = text.substr(start, text.find('"', start) - start);
    EXPECT_NE(schemas->find(name), nullptr) << name;
  }
  EXPECT_GT(found, routes().size());
}

TEST_F(Routes, TheServedDocumentListsThePluginsRoutesToo) {
  base::Value document = json(get("/api/v1/openapi.json"));
  const base::Value* paths = document.find("paths");
  ASSERT_NE(paths->find("/api/v1/signals/bulk"), nullptr);
  EXPECT_NE(paths->find("/callbacks/{rest}"), nullptr);
}

}  // namespace
}  // namespace tocsin::api
