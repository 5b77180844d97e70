// Alertmanager's API: what its clients send and get, byte by byte where they depend on it.
#include "api/alertmanager_json.hpp"
#include "api/testing/fixture.hpp"

namespace tocsin::api {
namespace {

using testing::noon;
using testing::RawAnswer;

class Alertmanager : public testing::ServerTest {
 protected:
  void SetUp() override { start(); }
  RawAnswer post(std::string_view target, std::string_view body,
                 std::string_view headers = "Content-Type: application/json\r\n") {
    return ask("POST", target, body, headers);
  }
  RawAnswer post_alerts(std::string_view body) { return post("/api/v2/alerts", body); }
  std::string get(std::string_view target, unsigned status = 200) {
    RawAnswer answer = ask("GET", target);
    EXPECT_EQ(answer.status, status) << target << "\n" << answer.body;
    return answer.body;
  }
  const model::ReceivedAlert& newest() { return backend.received.back(); }
};

TEST_F(Alertmanager, AlertsAreAsItsClientsReadThem) {
  EXPECT_EQ(get("/api/v2/alerts"),
            R"([{"annotations":{"summary":"by hand"},"endsAt":"2026-11-20T10:05:00.000Z",)"
            R"("fingerprint":"172e140873e2d000","receivers":[{"name":"root"}],"startsAt":"2026-11-20T10:00:00.000Z",)"
            R"("status":{"inhibitedBy":[],"mutedBy":[],"silencedBy":[],"state":"active"},)"
            R"("updatedAt":"2026-11-20T10:00:00.000Z","generatorURL":"http://prom/graph",)"
            R"("labels":{"alertname":"Manual","node":"n1","severity":"warning"}}])");
}

TEST_F(Alertmanager, AnAlertThatIsHeldBackIsSuppressed) {
  backend.views[0].silenced_by = {"s1"};
  backend.views[0].inhibited_by = {"ff"};
  const std::string body = get("/api/v2/alerts");
  EXPECT_NE(body.find(R"("status":{"inhibitedBy":["ff"],"mutedBy":[],"silencedBy":["s1"],"state":"suppressed"})"),
            std::string::npos)
      << body;
}

TEST_F(Alertmanager, NoAlertsAreAnEmptyList) {
  backend.views.clear();
  EXPECT_EQ(get("/api/v2/alerts"), "[]");
}

TEST_F(Alertmanager, FiltersArePassedOn) {
  get("/api/v2/alerts?filter=a%3D%22b%22&filter=c%3D~d&receiver=team-.*&silenced=false&inhibited=0&active=TRUE");
  const model::AlertFilter& filter = backend.last_alert_filter;
  ASSERT_EQ(filter.labels.size(), 2u);
  EXPECT_EQ(filter.labels[1].text(), "c=~\"d\"");
  ASSERT_TRUE(filter.receiver);
  EXPECT_TRUE(filter.receiver->matches(std::string_view("team-x")));
  EXPECT_FALSE(filter.receiver->matches(std::string_view("my-team-x")));
  EXPECT_FALSE(filter.silenced);
  EXPECT_FALSE(filter.inhibited);
  EXPECT_TRUE(filter.active);
  EXPECT_TRUE(filter.muted);
}

TEST_F(Alertmanager, FlagsAreReadAsAlertmanagerReadsThem) {
  get("/api/v2/alerts?active=&silenced=maybe&inhibited=yes");
  EXPECT_TRUE(backend.last_alert_filter.active);
  EXPECT_FALSE(backend.last_alert_filter.silenced);
  EXPECT_TRUE(backend.last_alert_filter.inhibited);
}

TEST_F(Alertmanager, WrongFiltersAreRefusedWithAString) {
  for (const char* query : {"filter=%7Bx", "filter=a%3D~%22(%22", "filter=1a%3D%22x%22", "receiver=("}) {
    for (const char* path : {"/api/v2/alerts?", "/api/v2/alerts/groups?"}) {
      const std::string body = get(path + std::string(query), 400);
      EXPECT_TRUE(body.starts_with('"') && body.ends_with('"')) << body;
    }
  }
}

TEST_F(Alertmanager, GroupsCarryReceiverLabelsAndAlerts) {
  const std::string body = get("/api/v2/alerts/groups?muted=false");
  EXPECT_TRUE(body.starts_with(R"([{"alerts":[{"annotations":)")) << body;
  EXPECT_TRUE(body.ends_with(R"(],"labels":{"alertname":"Manual"},"receiver":{"name":"root"},"routeLabels":{}}])"))
      << body;
  EXPECT_FALSE(backend.last_alert_filter.muted);
}

TEST_F(Alertmanager, TakesWhatPrometheusSends) {
  const RawAnswer answer = post_alerts(
      R"([{"annotations":{"summary":"s"},"endsAt":"2026-11-20T10:04:00.123Z","startsAt":"2026-11-20T10:00:00.5Z",)"
      R"("generatorURL":"http://prom:9090/graph?g0.expr=up","labels":{"alertname":"Down","empty":"","job":"node"}}])");
  EXPECT_EQ(answer.status, 200u) << answer.body;
  EXPECT_EQ(answer.body, "");
  ASSERT_EQ(backend.received.size(), 1u);
  EXPECT_EQ(newest().labels, (model::Labels{{"alertname", "Down"}, {"job", "node"}}));
  EXPECT_EQ(newest().starts_at, noon + std::chrono::milliseconds(500));
  EXPECT_EQ(newest().ends_at, noon + std::chrono::milliseconds(240'123));
  EXPECT_EQ(newest().generator_url, "http://prom:9090/graph?g0.expr=up");
}

TEST_F(Alertmanager, TheYearOneAndNothingAreMissingTimes) {
  post_alerts(R"([{"labels":{"a":"b"},"startsAt":"0001-01-01T00:00:00.000Z","endsAt":"0001-01-01T00:00:00Z"}])");
  EXPECT_EQ(newest().starts_at, base::no_time);
  EXPECT_EQ(newest().ends_at, base::no_time);
  post_alerts(R"([{"labels":{"a":"b"},"startsAt":null,"endsAt":""}])");
  EXPECT_EQ(newest().ends_at, base::no_time);
}

TEST_F(Alertmanager, AnEndBeyondAllTimesIsFarAway) {
  EXPECT_EQ(post_alerts(R"([{"labels":{"a":"b"},"endsAt":"9999-12-31T23:59:59Z"}])").status, 200u);
  EXPECT_EQ(alertmanager::time_text(newest().ends_at), "2261-01-01T00:00:00.000Z");
}

TEST_F(Alertmanager, TheValidOnesOfABatchAreKept) {
  const RawAnswer answer = post_alerts(
      R"([{"labels":{"alertname":"G"}},{"labels":{"1a":"x"}},{"labels":{}},{"labels":{"alertname":"H"},)"
      R"("startsAt":"2026-01-02T00:00:00Z","endsAt":"2026-01-01T00:00:00Z"},{"labels":{"alertname":"I"},)"
      R"("annotations":{"1a":"x"}},{"labels":{"alertname":"J","nul":"\u0000"}},{"labels":{"alertname":"K"}}])");
  EXPECT_EQ(answer.status, 400u);
  ASSERT_EQ(backend.received.size(), 2u);
  EXPECT_EQ(newest().labels.get("alertname"), "K");
  EXPECT_EQ(answer.headers.at("content-type"), "application/json");
  for (const char* index : {"alert 1:", "alert 2:", "alert 3:", "alert 4:", "alert 5:"})
    EXPECT_NE(answer.body.find(index), std::string::npos) << answer.body;
}

struct Refused {
  const char* body;
  unsigned status;
};

TEST_F(Alertmanager, BodiesThatAreNoAlertsAreRefusedAsAlertmanagerDoes) {
  for (const auto& [body, status] : {Refused{R"([{"annotations":{}}])", 422},
                                     {R"([{"labels":null}])", 422},
                                     {R"([{"labels":{"a":1}}])", 400},
                                     {R"([{"labels":["a"]}])", 400},
                                     {R"([{"labels":{"a":"b"},"startsAt":"yesterday"}])", 400},
                                     {R"([{"labels":{"a":"b"},"startsAt":17}])", 400},
                                     {R"([{"labels":{"a":"b"},"generatorURL":"no"}])", 422},
                                     {R"([{"labels":{"a":"b"},"generatorURL":"::no"}])", 422},
                                     {R"({"labels":{"a":"b"}})", 400},
                                     {"[{", 400},
                                     {"[null]", 400},
                                     {"\"x\"", 400}}) {
    const RawAnswer answer = post_alerts(body);
    EXPECT_EQ(answer.status, status) << body << "\n" << answer.body;
    const base::Value told = json(answer.body);
    EXPECT_NE(told.find("code"), nullptr) << body;
    EXPECT_NE(told.find("message"), nullptr) << body;
  }
  EXPECT_TRUE(backend.received.empty());
}

TEST_F(Alertmanager, AnEmptyBodyIsNoListAndAnEmptyListIsFine) {
  EXPECT_EQ(post_alerts("").status, 422u);
  EXPECT_EQ(post_alerts("[]").status, 200u);
  EXPECT_EQ(post_alerts("null").status, 200u);
  EXPECT_EQ(post_alerts(R"([{"labels":{"a":"b"},"foo":"no"}])").status, 200u);
}

TEST_F(Alertmanager, OnlyJsonIsTaken) {
  EXPECT_EQ(post("/api/v2/alerts", R"([])", "Content-Type: text/plain\r\n").status, 415u);
  EXPECT_EQ(post("/api/v2/alerts", R"([])", "Content-Type: application/json; charset=utf-8\r\n").status, 200u);
  EXPECT_EQ(post("/api/v2/silences", R"({})", "Content-Type: text/yaml\r\n").status, 415u);
}

TEST_F(Alertmanager, AStoreThatRefusesIsNoSuccess) {
  backend.fault = base::Fault::unavailable;
  EXPECT_EQ(post_alerts(R"([{"labels":{"a":"b"}}])").status, 503u);
}

TEST_F(Alertmanager, ABodyOfManyKeysIsReadInTime) {
  std::string body = "[{\"labels\":{";
  for (int i = 0; i < 200'000; ++i) body += (i > 0 ? "," : "") + ("\"l" + std::to_string(i)) + "\":\"v\"";
  body += "}}]";
  EXPECT_EQ(post_alerts(body).status, 200u);
  EXPECT_EQ(newest().labels.size(), 200'000u);
}

TEST_F(Alertmanager, ReceiversAreNames) {
  EXPECT_EQ(get("/api/v2/receivers"), R"([{"name":"root"},{"name":"team-x"}])");
}

TEST_F(Alertmanager, StatusNamesTheClusterAndShowsYaml) {
  EXPECT_EQ(get("/api/v2/status"),
            R"({"cluster":{"name":"n1","peers":[{"address":"127.0.0.1:7676","name":"n1"}],"status":"ready"},)"
            R"("config":{"original":"route:\n  receiver: \"root\"\n"},"uptime":"2026-11-20T10:00:00.000Z",)"
            R"("versionInfo":{"branch":"tocsin","buildDate":"","buildUser":"","goVersion":"","revision":"0.1.0",)"
            R"("version":"0.25.0+tocsin-0.1.0"}})");
}

TEST_F(Alertmanager, SilencesAreAsItsClientsReadThem) {
  EXPECT_EQ(get("/api/v2/silences"),
            R"([{"annotations":{},"id":"4243d46b-de60-4fe1-b92c-9a68e1f8607c","status":{"state":"active"},)"
            R"("updatedAt":"2026-11-20T10:00:00.000Z","comment":"work","createdBy":"amal",)"
            R"("endsAt":"2026-11-20T11:00:00.000Z","matchers":[{"isEqual":false,"isRegex":true,"name":"node",)"
            R"("value":"n1|n2"}],"startsAt":"2026-11-20T09:00:00.000Z"}])");
}

TEST_F(Alertmanager, SilencesStandActiveByEndPendingByStartExpiredNewestFirst) {
  using std::chrono::hours;
  const auto silence = testing::FakeBackend::silence_of;
  backend.silences_ = {silence("expired-old", -hours(9), -hours(8)), silence("pending-late", hours(5), hours(6)),
                       silence("active-late", -hours(1), hours(3)),  silence("expired-new", -hours(9), -hours(2)),
                       silence("pending-soon", hours(1), hours(9)),  silence("active-soon", -hours(1), hours(2))};
  const auto ids = [&](const std::string& query) {
    std::string out;
    const base::Value list = json(get("/api/v2/silences" + query));
    for (const base::Value& one : *list.array()) out += text(one, "id") + " ";
    return out;
  };
  EXPECT_EQ(ids(""), "active-soon active-late pending-soon pending-late expired-new expired-old ");
  EXPECT_EQ(ids("?expired=false&active=false"), "pending-soon pending-late ");
  EXPECT_EQ(ids("?filter=node%3D%22n1%7Cn2%22").size(), ids("").size());
  EXPECT_EQ(ids("?filter=node%3Dn1"), "");
}

TEST_F(Alertmanager, ASilenceIsSet) {
  const RawAnswer answer = post(
      "/api/v2/silences",
      R"({"matchers":[{"name":"a","value":"b","isRegex":false},{"name":"c","value":"d.*","isRegex":true,"isEqual":false}],)"
      R"("startsAt":"2026-11-20T10:00:00Z","endsAt":"2026-11-20T11:00:00Z","createdBy":"","comment":"",)"
      R"("annotations":{"ticket":"1"}})");
  EXPECT_EQ(answer.status, 200u) << answer.body;
  EXPECT_EQ(answer.body, R"({"silenceID":"4243d46b-de60-4fe1-b92c-9a68e1f8607c"})");
  EXPECT_EQ(backend.last_silence.matchers[0].text() + backend.last_silence.matchers[1].text(), "a=\"b\"c!~\"d.*\"");
  EXPECT_EQ(backend.last_silence.ends_at - backend.last_silence.starts_at, std::chrono::hours(1));
  EXPECT_EQ(backend.last_silence.annotations.at("ticket"), "1");
}

TEST_F(Alertmanager, SilencesThatLackSomethingAreRefusedAsAlertmanagerDoes) {
  const std::string rest =
      R"("startsAt":"2026-11-20T10:00:00Z","endsAt":"2026-11-20T11:00:00Z","createdBy":"x","comment":"c"})";
  for (const auto& [body, status] :
       {std::pair{std::string(), 422u},
        {"null", 422u},
        {"[]", 400u},
        {"{" + rest, 422u},
        {"{\"matchers\":[]," + rest, 422u},
        {"{\"matchers\":{}," + rest, 400u},
        {"{\"matchers\":[3]," + rest, 400u},
        {R"({"matchers":[{"name":"a"}],)" + rest, 422u},
        {R"({"matchers":[{"name":"a","value":"(","isRegex":true}],)" + rest, 400u},
        {R"({"matchers":[{"name":"","value":"x","isRegex":false}],)" + rest, 400u},
        {R"({"matchers":[{"name":"a","value":"x","isRegex":"no"}],)" + rest, 400u},
        {R"({"matchers":[{"name":"a","value":"x","isRegex":false}],"startsAt":"2026-11-20T10:00:00Z"})", 422u},
        {R"({"id":"other","matchers":[{"name":"a","value":"x","isRegex":false}],)" + rest, 404u}}) {
    const RawAnswer answer = post("/api/v2/silences", body);
    EXPECT_EQ(answer.status, status) << body << "\n" << answer.body;
  }
}

TEST_F(Alertmanager, ASilenceIsFoundAndEndedByItsId) {
  const std::string own = testing::FakeBackend::silence_id, other = "11111111-1111-4111-8111-111111111111";
  EXPECT_NE(get("/api/v2/silence/" + own).find(own), std::string::npos);
  get("/api/v2/silence/" + other, 404);
  get("/api/v2/silence/nope", 422);
  EXPECT_EQ(ask("DELETE", "/api/v2/silence/" + own).status, 200u);
  EXPECT_EQ(ask("DELETE", "/api/v2/silence/" + other).status, 404u);
  backend.silences_.front().ends_at = noon;
  EXPECT_EQ(ask("DELETE", "/api/v2/silence/" + own).status, 200u) << "what is over may be ended again";
}

TEST_F(Alertmanager, AnEditKeepsWhatItsSenderDoesNotKnowOf) {
  backend.silences_.front().until_resolved = true;
  backend.silences_.front().annotations = {{"ticket", "1"}};
  const RawAnswer answer =
      post("/api/v2/silences",
           R"({"id":"4243d46b-de60-4fe1-b92c-9a68e1f8607c","matchers":[{"name":"a","value":"b","isRegex":false}],)"
           R"("startsAt":"2026-11-20T10:00:00Z","endsAt":"2026-11-20T12:00:00Z","createdBy":"x","comment":"new"})");
  EXPECT_EQ(answer.status, 200u) << answer.body;
  EXPECT_TRUE(backend.last_silence.until_resolved);
  EXPECT_EQ(backend.last_silence.annotations.at("ticket"), "1");
  EXPECT_EQ(backend.last_silence.comment + backend.last_silence.matchers[0].text(), "newa=\"b\"");
}

TEST_F(Alertmanager, ASlashAtTheEndIsTaken) {
  get("/api/v2/alerts/");
}

TEST_F(Alertmanager, ItsPagesAnswerAsAlertmanagers) {
  EXPECT_EQ(get("/-/healthy"), "OK");
  EXPECT_EQ(get("/-/ready"), "OK");
  backend.reason = "the journal is being read";
  EXPECT_EQ(get("/-/ready", 503), "the journal is being read");
  EXPECT_EQ(ask("POST", "/-/reload").body, "");
  backend.fault = base::Fault::invalid;
  const RawAnswer refused = ask("POST", "/-/reload");
  EXPECT_EQ(refused.status, 500u);
  EXPECT_NE(refused.body.find("unknown key"), std::string::npos);
  EXPECT_EQ(ask("GET", "/-/reload").status, 405u);
}

TEST_F(Alertmanager, WhereItIsOffTheAnswerSaysHowToEnableIt) {
  backend.serves_alertmanager = false;
  for (const char* path : {"/api/v2/status", "/api/v2/alerts", "/api/v2/alerts/groups", "/api/v2/receivers",
                           "/api/v2/silences", "/-/ready", "/-/healthy"}) {
    EXPECT_NE(text(json(get(path, 404)), "detail").find("[source.alertmanager]"), std::string::npos) << path;
  }
  EXPECT_EQ(post_alerts("[]").status, 404u);
}

class PrefixedAlertmanager : public testing::ServerTest {};

TEST_F(PrefixedAlertmanager, IsServedUnderItsPrefix) {
  ServerSettings settings;
  settings.route_prefix = "/am";
  start(settings);
  EXPECT_EQ(ask("GET", "/am/api/v2/receivers").status, 200u);
  EXPECT_EQ(ask("GET", "/am/-/ready").status, 200u);
  EXPECT_EQ(ask("GET", "/am").status, 200u);
  EXPECT_EQ(ask("GET", "/api/v2/receivers").status, 200u);
  EXPECT_EQ(ask("GET", "/amx/api/v2/receivers").status, 404u);
  EXPECT_EQ(ask("POST", "/am/api/v2/alerts", "[]", "Content-Type: application/json\r\n").status, 200u);
}

}  // namespace
}  // namespace tocsin::api
