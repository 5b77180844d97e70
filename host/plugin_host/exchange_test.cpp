// Promises about "tsn.exchanges/1", sync() and probe(), through the real plugin wire.so: what is handed over arrives
// whole, without secrets and of bounded length.
#include <gtest/gtest.h>

#include "plugin_host/exchange.hpp"
#include "plugin_host/testdata/fake_port.hpp"

namespace tocsin::plugin_host {
namespace {

using testing::test_of;
using testing::text;

class Exchanges : public testing::WireTest {
 public:
  void SetUp() override {
    auto with = settings();
    with.name = "tracker.jira";
    make(std::move(with));
    service = static_cast<const tsn_exchanges_v1*>(host()->service(host(), id(), text("tsn.exchanges/1")));
    ASSERT_NE(service, nullptr);
  }
  static tsn_exchange call() {
    tsn_exchange out{};
    out.size = sizeof out;
    out.method = text("POST"), out.target = text("/rest/api/3/issue");
    return out;
  }
  std::string log(const tsn_exchange& in) {
    tsn_err err{};
    err.size = sizeof err;
    const tsn_status status = service->log(host(), id(), &in, &err);
    return std::to_string(status) + (err.n > 0 ? " " + std::string(err.msg, err.n) : "");
  }
  const tsn_exchanges_v1* service = nullptr;
};

TEST_F(Exchanges, CarryACallWhole) {
  tsn_exchange in = call();
  in.incoming = 1, in.correlation_id = text("0190-x"), in.ticket = text("OPS-1");
  in.request = text("{\"a\":1}"), in.response = text("{}"), in.error = text("429"), in.status = 429;
  in.at = 5, in.took = 7;
  ASSERT_EQ(log(in), "0");
  ASSERT_EQ(port_.exchanges.size(), 1u);
  const model::Exchange& got = port_.exchanges[0];
  EXPECT_EQ(got.direction, model::ExchangeDirection::in);
  EXPECT_EQ(got.instance + got.correlation_id + got.ticket, "tracker.jira0190-xOPS-1");
  EXPECT_EQ(got.method + got.target + got.request + got.response + got.error, "POST/rest/api/3/issue{\"a\":1}{}429");
  EXPECT_EQ(got.http_status, 429u);
  EXPECT_EQ(base::to_ns(got.at), 5);
  EXPECT_EQ(got.took.count(), 7);
}

TEST_F(Exchanges, AreOfNowWhereTheySayNoTime) {
  ASSERT_EQ(log(call()), "0");
  EXPECT_EQ(port_.exchanges.at(0).at, port_.clock_.now());
  EXPECT_EQ(port_.exchanges.at(0).direction, model::ExchangeDirection::out);
}

TEST_F(Exchanges, AreCutToWholeCharactersOfBoundedLength) {
  std::string long_text(16 * 1024 - 1, 'a');
  long_text += "é and more";
  tsn_exchange in = call();
  in.request = text(long_text);
  const std::string broken("x\xff\0y", 4);
  in.response = text(broken);
  ASSERT_EQ(log(in), "0");
  EXPECT_EQ(port_.exchanges.at(0).request, std::string(16 * 1024 - 1, 'a'));
  EXPECT_EQ(port_.exchanges.at(0).response, "x\xEF\xBF\xBD\xEF\xBF\xBDy");
}

TEST_F(Exchanges, AreRefusedWhereTheyAreNoText) {
  tsn_exchange in = call();
  in.request = {nullptr, 5};
  EXPECT_TRUE(log(in).starts_with(std::to_string(TSN_INVALID)));
  in = call();
  in.size = 16;
  EXPECT_TRUE(log(in).starts_with(std::to_string(TSN_INVALID)));
  in = call();
  in.took = -1;
  EXPECT_TRUE(log(in).starts_with(std::to_string(TSN_INVALID)));
  EXPECT_TRUE(port_.exchanges.empty());
}

TEST_F(Exchanges, AskThePluginToGoOnWhereTooManyWait) {
  port_.refusal = base::Error(base::Fault::exhausted, "too many wait");
  EXPECT_TRUE(log(call()).starts_with(std::to_string(TSN_RETRY)));
}

TEST(KeptSecrets, AreMaskedWhereverTheyStandAsTheyAreAndAsJsonHasThem) {
  base::Option token, webhook;
  token.key = "token", token.secret = true;
  webhook.key = "webhook", webhook.type = base::OptionType::table;
  base::Value config, inner;
  config.set("token", base::Value("p\"w-1"));
  config.set("project", base::Value("OPS-PROJECT"));
  inner.set("secret", base::Value("hook-secret"));
  inner.set("path", base::Value("/public/path"));
  config.set("webhook", inner);
  Secrets secrets;
  secrets.learn(config, {token, webhook});
  EXPECT_EQ(secrets.masked("a p\"w-1 b {\"t\":\"p\\\"w-1\"} hook-secret OPS-PROJECT /public/path"),
            "a *** b {\"t\":\"***\"} *** OPS-PROJECT /public/path");
}

TEST(KeptSecrets, OfAnEarlierConfigurationStaySecret) {
  base::Option token;
  token.key = "token", token.secret = true;
  Secrets secrets;
  for (const char* value : {"first-token", "second-token"}) {
    base::Value config;
    config.set("token", base::Value(value));
    secrets.learn(config, {token});
  }
  EXPECT_EQ(secrets.masked("first-token second-token"), "*** ***");
}

TEST(KeptSecrets, AreMaskedInBasicAuthenticationToo) {
  base::Option token;
  token.key = "token", token.secret = true;
  base::Value config;
  config.set("username", base::Value("bot@corp"));
  config.set("token", base::Value("s3cret"));
  Secrets secrets;
  secrets.learn(config, {token});
  EXPECT_EQ(secrets.masked("Authorization: Basic Ym90QGNvcnA6czNjcmV0"), "Authorization: Basic ***");
}

TEST(KeptSecrets, TooShortToBeOneMaskNothing) {
  base::Option token;
  token.key = "token", token.secret = true;
  base::Value config;
  config.set("token", base::Value("ab"));
  Secrets secrets;
  secrets.learn(config, {token});
  EXPECT_EQ(secrets.masked("abab"), "abab");
}

class Asking : public testing::WireTest {
 public:
  static tsn_status say(tsn_out* report, std::string_view text, tsn_status status = TSN_OK) {
    report->n = static_cast<std::uint32_t>(text.size());
    __builtin_memcpy(report->p, text.data(), std::min(report->n, report->cap));
    return status;
  }
  std::string seen;
};

TEST_F(Asking, ATrackerIsAskedForWhatChanged) {
  make_started();
  ASSERT_TRUE(instance_->syncs());
  wire_.sync = [](wire* w, std::int64_t deadline, tsn_err*) -> tsn_status {
    test_of<Asking>(w).seen = std::to_string(deadline);
    return TSN_OK;
  };
  ASSERT_TRUE(instance_->sync(in(std::chrono::seconds(3))));
  EXPECT_EQ(seen, std::to_string(now() + 3'000'000'000));
  EXPECT_EQ(instance_->usage().of(Function::sync).calls, 1u);
}

TEST_F(Asking, ASyncThatFailsSaysWhy) {
  make_started();
  wire_.sync = [](wire*, std::int64_t, tsn_err* err) -> tsn_status {
    err->n = 3;
    __builtin_memcpy(err->msg, "401", 3);
    return TSN_DENIED;
  };
  const auto done = instance_->sync(in(std::chrono::seconds(3)));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message(), "source.wired: sync: 401");
}

TEST_F(Asking, AnInstanceLooksBeforeItIsStarted) {
  make();
  ASSERT_TRUE(instance_->probes());
  wire_.probe = [](wire*, const tsn_upsert* dry_run, std::int64_t, tsn_out* report, tsn_err*) -> tsn_status {
    return say(report, dry_run == nullptr ? "ok: signed in\nwarning: \x1b[31mred" : "wrong");
  };
  EXPECT_EQ(instance_->probe(nullptr, "", in(std::chrono::seconds(3))).value_or(""),
            "ok: signed in\nwarning:  [31mred");
}

TEST_F(Asking, ADryRunIsShownTheWholeChange) {
  make();
  wire_.probe = [](wire*, const tsn_upsert* u, std::int64_t, tsn_out* report, tsn_err*) -> tsn_status {
    return say(report, "ok: " + std::to_string(u->change) + text(u->incident->title) + text(u->incident->ticket_key) +
                           text(u->owner_email) + text(u->incident->url));
  };
  model::Delivery change;
  change.tracker = true;
  change.change = TSN_CHANGE_UPDATED;
  change.address = "first@corp";
  change.incident.number = 1042, change.incident.title = "disk", change.incident.ticket_key = "OPS-1";
  EXPECT_EQ(instance_->probe(&change, "https://t", in(std::chrono::seconds(3))).value_or(""),
            "ok: 4diskOPS-1first@corphttps://t/incidents/1042");
}

TEST_F(Asking, WhatItSawBeforeItFailedIsKept) {
  make();
  wire_.probe = [](wire*, const tsn_upsert*, std::int64_t, tsn_out* report, tsn_err* err) -> tsn_status {
    err->n = 4;
    __builtin_memcpy(err->msg, "lost", 4);
    return say(report, "ok: connected", TSN_FAILED);
  };
  EXPECT_EQ(instance_->probe(nullptr, "", in(std::chrono::seconds(3))).value_or(""), "ok: connected\nerror: lost");
}

TEST_F(Asking, AReportThatIsTooLongIsCut) {
  make();
  wire_.probe = [](wire*, const tsn_upsert*, std::int64_t, tsn_out* report, tsn_err*) -> tsn_status {
    __builtin_memset(report->p, 'a', report->cap);
    report->n = report->cap + 100;
    return TSN_OK;
  };
  EXPECT_EQ(instance_->probe(nullptr, "", in(std::chrono::seconds(3))).value_or("").size(), 64u * 1024);
}

}  // namespace
}  // namespace tocsin::plugin_host
