// Deliveries through the real plugin wire.so: what it is shown, and completion exactly once whatever it does.
#include <gtest/gtest.h>

#include <cmath>
#include <future>
#include <thread>

#include "plugin_host/testdata/fake_port.hpp"

namespace tocsin::plugin_host {
namespace {

using testing::test_of;
using testing::text;
using testing::WireTest;

class Delivering : public WireTest {
 public:
  Delivering() {
    delivery.key = "k1";
    delivery.kind = model::MessageKind::firing;
    delivery.attempts = 2;
    delivery.outcome_unknown = true;
    delivery.target = "mail:contact.first", delivery.recipient = "first", delivery.address = "first@corp";
    delivery.title = "disk_filling host=n1", delivery.text = "disk is full";
    delivery.incident.number = 1042;
    delivery.incident.correlation_id = "0190-x";
    delivery.incident.severity = model::Severity::high;
    delivery.incident.labels = model::Labels{{"host", "n1"}};
    delivery.incident.links = {{"Grafana", "https://g"}};
    model::Alert alert;
    alert.rule = "disk_filling";
    alert.fingerprint = 0xabc;
    alert.state = model::AlertState::firing;
    alert.labels = model::Labels{{"alertname", "disk_filling"}, {"host", "n1"}};
    alert.annotations = model::Labels{{"message", "95 %"}};
    alert.fired_at = base::from_ns(5);
    delivery.alerts = {alert, alert};
  }
  /// Delivers; the answer, waited for.
  Instance::Sent deliver(base::Duration limit = std::chrono::seconds(30)) {
    auto answer = std::make_shared<std::promise<Instance::Sent>>();
    instance_->deliver(delivery, "earlier", "https://tocsin.corp/", in(limit), [this, answer](Instance::Sent sent) {
      if (++answers == 1) answer->set_value(std::move(sent));
    });
    return answer->get_future().get();
  }
  model::Delivery delivery;
  std::atomic<int> answers{0};
  std::atomic<int> cancels{0};
  std::string seen;
  tsn_token token = 0;
};

TEST_F(Delivering, ShowsThePluginWhatTheRecipientMayDo) {
  make_started();
  wire_.deliver = [](wire* w, tsn_token, const tsn_message* m, tsn_delivered*, tsn_err*) -> tsn_status {
    std::string& seen = test_of<Delivering>(w).seen;
    for (std::uint32_t i = 0; i < m->action_count; ++i) {
      const tsn_action& action = m->actions[i];
      seen += std::to_string(action.kind) + " " + text(action.text) + " " + text(action.href) + ";";
    }
    return TSN_OK;
  };
  auto answer = std::make_shared<std::promise<Instance::Sent>>();
  const Links links("https://t", {{model::AnswerKind::acknowledge, "Acknowledge", "https://t/a/1"},
                                  {model::AnswerKind::escalate, "Escalate", "https://t/a/2"}});
  instance_->deliver(delivery, "", links, in(std::chrono::seconds(30)),
                     [answer](Instance::Sent sent) { answer->set_value(std::move(sent)); });
  EXPECT_EQ(answer->get_future().get().status, TSN_OK);
  EXPECT_EQ(seen, "1 Acknowledge https://t/a/1;2 Escalate https://t/a/2;");
}

TEST_F(Delivering, ShowsThePluginTheWholeMessage) {
  make_started();
  delivery.receiver = "hook", delivery.group_key = "{}:{}", delivery.group_labels = model::Labels{{"team", "data"}};
  wire_.deliver = [](wire* w, tsn_token, const tsn_message* m, tsn_delivered* out, tsn_err*) -> tsn_status {
    const tsn_incident& i = *m->incident;
    const tsn_alert& a = i.alerts[1];
    test_of<Delivering>(w).seen =
        text(m->key) + "|" + std::to_string(m->attempt) + std::to_string(m->outcome_unknown) + "|" +
        text(m->recipient.address) + "|" + text(m->title) + "|" + text(m->text) + "|" +
        std::string(static_cast<const char*>(m->provider_id.p), m->provider_id.n) + "|" + text(i.url) + "|" +
        std::to_string(i.severity) + "|" + text(i.labels[0].value) + "|" + text(i.links[0].href) + "|" +
        std::to_string(i.alert_count) + text(a.name) + text(a.fingerprint) + text(a.message) + text(a.labels[1].value) +
        std::to_string(a.firing) + std::to_string(a.starts_at) + (std::isnan(a.value) ? "nan" : "") + "|" +
        text(m->group->receiver) + text(m->group->labels[0].value);
    out->id_n = 3;
    __builtin_memcpy(out->id, "id7", 3);
    return TSN_OK;
  };
  Instance::Sent sent = deliver();
  EXPECT_EQ(
      seen,
      "k1|21|first@corp|disk_filling host=n1|disk is full|earlier|https://tocsin.corp/incidents/1042|3|n1|https://g|"
      "2disk_filling0000000000000abc95 %n115nan|hookdata");
  EXPECT_EQ(sent.status, TSN_OK);
  EXPECT_EQ(sent.provider_id, "id7");
}
TEST_F(Delivering, ShowsAGroupOfSizeZeroForALadderStep) {
  make_started();
  wire_.deliver = [](wire* w, tsn_token, const tsn_message* m, tsn_delivered*, tsn_err*) -> tsn_status {
    return test_of<Delivering>(w).seen = std::to_string(m->group->size), TSN_OK;
  };
  deliver();
  EXPECT_EQ(seen, "0");
}
TEST_F(Delivering, PassesOnWhenToComeAgain) {
  make_started();
  wire_.deliver = [](wire*, tsn_token, const tsn_message*, tsn_delivered*, tsn_err* err) -> tsn_status {
    err->code = 429, err->retry_after_ms = 1500, err->n = 4;
    __builtin_memcpy(err->msg, "slow", 4);
    return TSN_RETRY;
  };
  Instance::Sent sent = deliver();
  EXPECT_EQ(sent.status, TSN_RETRY);
  EXPECT_EQ(sent.code, 429);
  EXPECT_EQ(sent.retry_after_ms, 1500u);
  EXPECT_EQ(sent.error, "slow");
}
TEST_F(Delivering, SurvivesSizesAndStatusesThatCannotBe) {
  make_started();
  wire_.deliver = [](wire*, tsn_token, const tsn_message*, tsn_delivered* out, tsn_err*) -> tsn_status {
    out->size = 0xFFFFFFFF, out->id_n = 0xFFFFFFFF;
    return TSN_OK;
  };
  EXPECT_EQ(deliver().provider_id.size(), 256u);
  for (tsn_status wrong : std::initializer_list<tsn_status>{77, -99, TSN_END, TSN_NEEDS_RESTART}) {
    static tsn_status answer;
    answer = wrong, answers = 0;
    wire_.deliver = [](wire*, tsn_token, const tsn_message*, tsn_delivered*, tsn_err*) -> tsn_status { return answer; };
    Instance::Sent sent = deliver();
    EXPECT_EQ(sent.status, TSN_FAILED);
    EXPECT_NE(sent.error.find("which this call does not have"), std::string::npos) << sent.error;
  }
}
TEST_F(Delivering, CompletesLaterFromAnotherThread) {
  make_started();
  wire_.deliver = [](wire* w, tsn_token t, const tsn_message*, tsn_delivered*, tsn_err* err) -> tsn_status {
    test_of<Delivering>(w).token = t;
    auto fn = [](void* arg) {
      auto* wired = static_cast<wire*>(arg);
      tsn_delivered done{};
      done.size = sizeof done, done.id_n = 2;
      __builtin_memcpy(done.id, "ok", 2);
      wired->host->complete(wired->host, wired->instance, test_of<Delivering>(wired).token, TSN_OK, &done, nullptr);
    };
    return w->host->spawn(w->host, w->instance, text("sender"), fn, w, nullptr, err) == TSN_OK ? TSN_PENDING
                                                                                               : TSN_FAILED;
  };
  EXPECT_EQ(deliver().provider_id, "ok");
}
TEST_F(Delivering, MayBeCompletedBeforePendingIsReturned) {
  make_started();
  wire_.deliver = [](wire* w, tsn_token t, const tsn_message*, tsn_delivered*, tsn_err*) -> tsn_status {
    w->host->complete(w->host, w->instance, t, TSN_OK, nullptr, nullptr);
    return TSN_PENDING;
  };
  EXPECT_EQ(deliver().status, TSN_OK);
  EXPECT_EQ(instance_->usage().errors, 0u);
}
TEST_F(Delivering, RefusesASecondCompletionAndCountsIt) {
  make_started();
  wire_.deliver = [](wire* w, tsn_token t, const tsn_message*, tsn_delivered*, tsn_err*) -> tsn_status {
    w->host->complete(w->host, w->instance, t, TSN_OK, nullptr, nullptr);
    test_of<Delivering>(w).seen =
        std::to_string(w->host->complete(w->host, w->instance, t, TSN_FAILED, nullptr, nullptr));
    return TSN_OK;  // a third answer
  };
  EXPECT_EQ(deliver().status, TSN_OK);
  instance_->stop();
  EXPECT_EQ(seen, "-2");
  EXPECT_EQ(answers, 1);
  EXPECT_EQ(instance_->usage().errors, 2u);
  EXPECT_TRUE(port_.logged("completed a call and answered the same call"));
}
TEST_F(Delivering, EndsWhatThePluginNeverCompletes) {
  make_started();
  wire_.deliver = [](wire* w, tsn_token t, const tsn_message*, tsn_delivered*, tsn_err*) -> tsn_status {
    return test_of<Delivering>(w).token = t, TSN_PENDING;
  };
  wire_.cancel = [](wire* w, tsn_token) { ++test_of<Delivering>(w).cancels; };
  auto begun = std::chrono::steady_clock::now();
  Instance::Sent sent = deliver(std::chrono::milliseconds(20));
  auto took = std::chrono::steady_clock::now() - begun;
  EXPECT_EQ(sent.status, TSN_DEADLINE);
  EXPECT_EQ(cancels, 1);
  EXPECT_GE(took, std::chrono::milliseconds(1000));
  EXPECT_LT(took, std::chrono::seconds(5));
  EXPECT_EQ(host()->complete(host(), id(), token, TSN_OK, nullptr, nullptr), TSN_INVALID);
}
TEST_F(Delivering, IsCancelledByStoppingAndRefusedAfter) {
  make_started();
  wire_.deliver = [](wire* w, tsn_token t, const tsn_message*, tsn_delivered*, tsn_err*) -> tsn_status {
    return test_of<Delivering>(w).token = t, TSN_PENDING;
  };
  std::promise<Instance::Sent> answer;
  instance_->deliver(delivery, "", "", in(std::chrono::hours(1)),
                     [&](Instance::Sent sent) { answer.set_value(std::move(sent)); });
  instance_->stop();
  EXPECT_EQ(answer.get_future().get().status, TSN_CANCELLED);
  EXPECT_TRUE(port_.logged("deliver was not completed"));
  EXPECT_EQ(deliver().status, TSN_CANCELLED);
}
TEST_F(Delivering, MayDeliverAgainFromItsAnswer) {
  make_started();
  wire_.deliver = [](wire* w, tsn_token t, const tsn_message*, tsn_delivered*, tsn_err*) -> tsn_status {
    w->host->complete(w->host, w->instance, t, TSN_OK, nullptr, nullptr);
    return TSN_PENDING;
  };
  std::promise<tsn_status> second;
  instance_->deliver(delivery, "", "", in(std::chrono::seconds(9)), [&](Instance::Sent) {
    instance_->deliver(delivery, "", "", in(std::chrono::seconds(9)),
                       [&](Instance::Sent sent) { second.set_value(sent.status); });
  });
  EXPECT_EQ(second.get_future().get(), TSN_OK);
}

class Tracking : public Delivering {};

TEST_F(Tracking, ShowsTheChangeAndTakesTheTicket) {
  make_started();
  delivery.tracker = true, delivery.change = TSN_CHANGE_NOTE, delivery.note = "looked at", delivery.note_author = "ann";
  wire_.upsert = [](wire* w, tsn_token, const tsn_upsert* u, tsn_ticket* out, tsn_err*) -> tsn_status {
    test_of<Tracking>(w).seen =
        std::to_string(u->change) + text(u->note) + text(u->note_author) + text(u->incident->correlation_id);
    out->created = 1, out->key_n = 5, out->url_n = 0xFFFFFFFF, out->status_n = 4;
    __builtin_memcpy(out->key, "OPS-1", 5);
    __builtin_memcpy(out->status, "Open", 4);
    return TSN_OK;
  };
  std::promise<Instance::Sent> answer;
  instance_->upsert(delivery, "", in(std::chrono::seconds(9)),
                    [&](Instance::Sent sent) { answer.set_value(std::move(sent)); });
  Instance::Sent sent = answer.get_future().get();
  EXPECT_EQ(seen, "3looked atann0190-x");
  EXPECT_TRUE(sent.created);
  EXPECT_EQ(sent.ticket_key + " " + sent.ticket_status, "OPS-1 Open");
  EXPECT_EQ(sent.ticket_url.size(), 512u);
}

class Requests : public WireTest {
 public:
  Instance::Response ask(base::Duration limit = std::chrono::seconds(30)) {
    Instance::Request request;
    request.method = "POST", request.path = "/wire/x", request.body = "hello", request.user = "ann";
    request.headers = {{"content-type", "text/plain"}};
    std::promise<Instance::Response> answer;
    instance_->handle(request, in(limit), [&](Instance::Response got) { answer.set_value(std::move(got)); });
    return answer.get_future().get();
  }
  static tsn_bytes bytes(std::string_view s) { return {s.data(), s.size()}; }
  tsn_token token = 0;
  tsn_response* response = nullptr;
};

TEST_F(Requests, ReachThePluginAndComeBackFilled) {
  make_started();
  wire_.handle = [](wire*, tsn_token, const tsn_request* in, tsn_response* out, tsn_err*) -> tsn_status {
    out->status = 202;
    out->header(out, text("x-type"), in->headers[0].value);
    out->body(out, in->body);
    out->body(out, bytes(text(in->user) + text(in->path)));
    return TSN_OK;
  };
  Instance::Response got = ask();
  EXPECT_EQ(got.status, 202u);
  EXPECT_EQ(got.headers, (std::vector<std::pair<std::string, std::string>>{{"x-type", "text/plain"}}));
  EXPECT_EQ(got.body, "helloann/wire/x");
}
TEST_F(Requests, BecomeAProblemWhereThePluginFails) {
  make_started();
  wire_.handle = [](wire*, tsn_token, const tsn_request*, tsn_response*, tsn_err* err) -> tsn_status {
    err->n = 3, err->retry_after_ms = 2100;
    __builtin_memcpy(err->msg, "b\"s", 3);
    return TSN_RETRY;
  };
  Instance::Response got = ask();
  EXPECT_EQ(got.status, 503u);
  EXPECT_EQ(got.body, R"({"type":"about:blank","title":"Service Unavailable","status":503,"detail":"b\"s"})");
  EXPECT_EQ(got.headers[1].second, "3");
}
TEST_F(Requests, NeverCarryAHeaderThatEndsItsLine) {
  make_started();
  wire_.handle = [](wire*, tsn_token, const tsn_request*, tsn_response* out, tsn_err*) -> tsn_status {
    out->header(out, text("x"), text("a\r\nset-cookie: b"));
    return TSN_OK;
  };
  EXPECT_EQ(ask().status, 500u);
}
TEST_F(Requests, RefuseAStatusThatHttpDoesNotHave) {
  make_started();
  wire_.handle = [](wire*, tsn_token, const tsn_request*, tsn_response* out, tsn_err*) -> tsn_status {
    return out->status = 99999, TSN_OK;
  };
  EXPECT_EQ(ask().status, 500u);
}
TEST_F(Requests, LetALatePluginWriteWhereNobodyReads) {
  make_started();
  wire_.handle = [](wire* w, tsn_token t, const tsn_request*, tsn_response* out, tsn_err*) -> tsn_status {
    test_of<Requests>(w).token = t, test_of<Requests>(w).response = out;
    return TSN_PENDING;
  };
  EXPECT_EQ(ask(base::Duration(0)).status, 504u);
  response->status = 200;
  response->body(response, bytes("late"));
  EXPECT_EQ(host()->complete(host(), id(), token, TSN_OK, nullptr, nullptr), TSN_INVALID);
}
TEST_F(Requests, AreAnswered503AfterStop) {
  make_started();
  instance_->stop();
  EXPECT_EQ(ask().status, 503u);
}

}  // namespace
}  // namespace tocsin::plugin_host
