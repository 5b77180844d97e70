// What both stores promise about jira_sync_log: calls beside what mappings became, in order, and expired with the rest.
#include "storage/store_contract_test.hpp"

namespace tocsin::storage {
namespace {

using std::chrono::milliseconds;

class ExchangeStore : public StoreContract {
 protected:
  static model::Exchange call(const std::string& incident, const std::string& target, base::Time at = now) {
    model::Exchange e;
    e.instance = "jira";
    e.correlation_id = incident;
    e.method = "POST";
    e.target = target;
    e.at = at;
    return e;
  }
  std::vector<std::string> targets(ExchangeQuery query) {
    std::vector<std::string> out;
    for (const auto& e : must(store->exchanges(query)).items) out.push_back(e.target);
    return out;
  }
};
using Targets = std::vector<std::string>;

TEST_P(ExchangeStore, KeepsACallWhole) {
  model::Changes c;
  c.incidents = {incident("i-1")};
  commit(c);
  model::Exchange e = call("i-1", "/rest/api/3/issue?x=é");
  e.direction = model::ExchangeDirection::in;
  e.ticket = "OPS-1", e.request = "{\"summary\":\"عطل\"}", e.response = "{}", e.error = "429", e.http_status = 429;
  e.took = milliseconds(12) + std::chrono::microseconds(5);
  ASSERT_TRUE(store->append_exchanges({e}));
  reopen();
  const auto kept = must(store->exchanges({})).items.at(0);
  EXPECT_EQ(kept.direction, model::ExchangeDirection::in);
  EXPECT_EQ(kept.instance + kept.correlation_id + kept.ticket + kept.method + kept.target,
            "jirai-1OPS-1POST/rest/api/3/issue?x=é");
  EXPECT_EQ(kept.request + kept.response + kept.error, "{\"summary\":\"عطل\"}{}429");
  EXPECT_EQ(kept.http_status, 429u);
  EXPECT_EQ(kept.took, e.took);
  EXPECT_EQ(kept.at, now);
  EXPECT_EQ(kept.incident, must(store->incident("i-1"))->number);
}

TEST_P(ExchangeStore, OneThatIsAboutNoIncidentIsKeptToo) {
  ASSERT_TRUE(store->append_exchanges({call("", "/myself")}));
  EXPECT_EQ(targets({}), Targets{"/myself"});
  EXPECT_EQ(must(store->exchanges({})).items.at(0).incident, 0u);
  EXPECT_EQ(must(store->exchanges({})).items.at(0).http_status, 0u);
}

TEST_P(ExchangeStore, StandsBesideWhatAMappingBecame) {
  model::Changes c;
  c.incidents = {incident("i-1")};
  c.tickets = {{"i-1", "jira", "OPS-1", "", "Open", "linked", now}};
  commit(c);
  ASSERT_TRUE(store->append_exchanges({call("i-1", "/a")}));
  const auto rows = must(store->exchanges({"i-1", {}})).items;
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].direction, model::ExchangeDirection::out);
  EXPECT_EQ(rows[1].direction, model::ExchangeDirection::mapping);
  EXPECT_EQ(rows[1].ticket + rows[1].status + rows[1].intent, "OPS-1Openlinked");
}

TEST_P(ExchangeStore, IsReadNewestFirstByIncidentAndPage) {
  ASSERT_TRUE(store->append_exchanges({call("i-1", "/a"), call("i-2", "/b"), call("i-1", "/c")}));
  EXPECT_EQ(targets({}), (Targets{"/c", "/b", "/a"}));
  EXPECT_EQ(targets({"i-1", {}}), (Targets{"/c", "/a"}));
  const auto first = must(store->exchanges({"", {2, ""}}));
  EXPECT_EQ(first.items.size(), 2u);
  EXPECT_EQ(targets({"", {2, first.next}}), Targets{"/a"});
}

TEST_P(ExchangeStore, ExpiresWithTheDecisions) {
  Retention retention;
  ASSERT_TRUE(store->append_exchanges(
      {call("i-1", "/old", now - retention.decisions - std::chrono::hours(1)), call("i-1", "/new")}));
  ASSERT_TRUE(store->expire(now, retention));
  EXPECT_EQ(targets({}), Targets{"/new"});
}

TEST_P(ExchangeStore, AnUnlinkedMappingIsKnownAfterARestart) {
  model::Changes c;
  c.incidents = {incident("i-1")};
  c.tickets = {{"i-1", "jira", "OPS-1", "https://j/OPS-1", "Open", "", now}};
  commit(c);
  model::Changes gone;
  gone.tickets = {{"i-1", "jira", "", "", "", std::string(model::ticket_unlinked), now}};
  commit(gone);
  reopen();
  const auto tickets = restore().tickets;
  ASSERT_EQ(tickets.size(), 1u);
  EXPECT_EQ(tickets[0].key + tickets[0].url + tickets[0].intent, "unlinked");
}

INSTANTIATE_TEST_SUITE_P(Exchanges, ExchangeStore, ::testing::Values("sqlite", "postgres"),
                         [](const auto& param) { return std::string(param.param); });

}  // namespace
}  // namespace tocsin::storage
