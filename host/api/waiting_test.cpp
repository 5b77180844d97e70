// Promises about requests that wait for something new.
#include <thread>

#include "api/testing/fixture.hpp"
#include "api/waiters.hpp"

namespace tocsin::api {
namespace {

using namespace std::chrono_literals;
using testing::RawAnswer;
using testing::RawClient;

TEST(Waiters, AreWokenByAChangeAndMissNone) {
  Waiters waiters;
  int asked = 0;
  const auto turn = waiters.turn();
  const auto far = std::chrono::steady_clock::now() + 1h;
  EXPECT_EQ(waiters.add(turn, far, [&] { ++asked; }), Waiters::Added::waits);
  for (const auto& again : waiters.changed()) again();
  EXPECT_EQ(asked, 1);
  EXPECT_TRUE(waiters.changed().empty()) << "woken once";
  EXPECT_EQ(waiters.add(turn, far, [] {}), Waiters::Added::changed) << "what came after the question";
}

TEST(Waiters, LookAgainBeforeTheirTimeIsOver) {
  Waiters waiters;
  const auto now = std::chrono::steady_clock::now();
  ASSERT_EQ(waiters.add(waiters.turn(), now + 1h, [] {}), Waiters::Added::waits);
  ASSERT_EQ(waiters.add(waiters.turn(), now + 1s, [] {}), Waiters::Added::waits);
  EXPECT_EQ(waiters.due(now).size(), 0u);
  EXPECT_EQ(waiters.due(now + 1s).size(), 1u);
  EXPECT_EQ(waiters.due(now + 1min).size(), 1u);
}

TEST(Waiters, AreBoundedAndEndWhenClosed) {
  Waiters waiters;
  const auto far = std::chrono::steady_clock::now() + 1h;
  for (std::size_t i = 0; i < Waiters::most; ++i) (void)waiters.add(0, far, [] {});
  EXPECT_EQ(waiters.add(0, far, [] {}), Waiters::Added::refused);
  EXPECT_EQ(waiters.close().size(), Waiters::most);
  EXPECT_EQ(waiters.add(waiters.turn(), far, [] {}), Waiters::Added::refused);
}

class LongPoll : public testing::ServerTest {
 protected:
  void SetUp() override {
    backend.quiet = true;
    start();
  }
  /// Sent, and asked about once.
  void wait_for(RawClient& client, std::string_view target) {
    client.send(request("GET", target));
    while (backend.asked_in_vain == 0) std::this_thread::yield();
  }
};

TEST_F(LongPoll, IsAnsweredWhenSomethingHappens) {
  RawClient client(port());
  wait_for(client, "/api/v1/incidents/changes?after=7&wait=60s");
  EXPECT_EQ(ask("GET", "/healthz").status, 200u) << "others are served meanwhile";
  backend.happen();
  const RawAnswer answer = client.receive();
  EXPECT_EQ(answer.status, 200u);
  EXPECT_EQ(text(json(answer.body), "next"), "8");
}

TEST_F(LongPoll, IsAnsweredWithNothingWhenItsTimeIsOver) {
  const RawAnswer answer = ask("GET", "/api/v1/incidents/changes?after=7&wait=1ms");
  EXPECT_EQ(answer.status, 200u);
  EXPECT_EQ(text(json(answer.body), "next"), "7");
}

TEST_F(LongPoll, IsAnsweredWhenTheAgentStops) {
  RawClient client(port());
  wait_for(client, "/api/v1/incidents/changes?after=7&wait=60s");
  server->stop();
  EXPECT_EQ(client.receive().status, 200u);
}

TEST_F(LongPoll, WithoutACursorOrAWaitAnswersAtOnce) {
  EXPECT_EQ(text(json(ask("GET", "/api/v1/incidents/changes?wait=60s").body), "next"), "7");
  EXPECT_EQ(text(json(ask("GET", "/api/v1/incidents/changes?after=7").body), "next"), "7");
}

TEST_F(LongPoll, OfMoreThanAMinuteIsRefused) {
  const RawAnswer answer = ask("GET", "/api/v1/incidents/changes?after=7&wait=2m");
  EXPECT_EQ(answer.status, 400u);
  EXPECT_NE(answer.body.find("a duration from 0s to 60s"), std::string::npos);
}

}  // namespace
}  // namespace tocsin::api
