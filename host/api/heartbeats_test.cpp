// Pings as clients of all kinds send them.
#include "api/testing/fixture.hpp"

namespace tocsin::api {
namespace {

using testing::RawAnswer;

class Pings : public testing::ServerTest {
 protected:
  void SetUp() override { start(); }
  /// "success", "fail 3", "start: note" of the ping that the backend got.
  std::string ping(std::string_view rest, std::string_view method = "POST", std::string_view body = {},
                   std::string_view headers = {}) {
    backend.last_beat = {};
    RawAnswer answer = ask(method, "/api/v1/heartbeats/nightly-close" + std::string(rest), body, headers);
    if (answer.status != 200) return std::to_string(answer.status);
    const model::Beat& beat = backend.last_beat;
    return std::string(model::to_string(beat.kind)) +
           (beat.exit_status < 0 ? "" : " " + std::to_string(beat.exit_status)) +
           (beat.note.empty() ? "" : ": " + beat.note);
  }
};

TEST_F(Pings, AnyMethodThatClientsUsePings) {
  for (const char* method : {"POST", "GET", "HEAD"}) {
    EXPECT_EQ(ping("", method), "success");
    EXPECT_EQ(ping("/start", method), "start");
    EXPECT_EQ(ping("/fail", method), "fail");
  }
}

TEST_F(Pings, AnExitStatusSaysHowItEnded) {
  EXPECT_EQ(ping("/0"), "success 0");
  EXPECT_EQ(ping("/3"), "fail 3");
  EXPECT_EQ(ping("/255"), "fail 255");
  EXPECT_EQ(ping("/256"), "404");
  EXPECT_EQ(ping("/-1"), "404");
  EXPECT_EQ(ping("/starts"), "404");
}

TEST_F(Pings, AnyBodyIsItsNote) {
  EXPECT_EQ(ping("/fail", "POST", "disk full\n", "Content-Type: application/x-www-form-urlencoded\r\n"),
            "fail: disk full\n");
}

TEST_F(Pings, ANoteIsCutAtALimitAndIsAlwaysText) {
  ping("", "POST", std::string(20'000, 'x'));
  EXPECT_EQ(backend.last_beat.note.size(), model::most_note_bytes);
  ping("", "POST", std::string(model::most_note_bytes - 1, 'x') + "\u00e9");
  EXPECT_EQ(backend.last_beat.note.size(), model::most_note_bytes - 1);
  using namespace std::string_view_literals;
  EXPECT_EQ(ping("", "POST", "a\0b\xffz\u0642"sv), "success: a\ufffdb\ufffdz\u0642");
}

TEST_F(Pings, AnUnknownNameIs404WithTheNearest) {
  RawAnswer answer = ask("POST", "/api/v1/heartbeats/nightly-clsoe");
  EXPECT_EQ(answer.status, 404u);
  EXPECT_EQ(text(json(answer.body), "nearest"), "nightly-close");
}

TEST_F(Pings, AForeignPageCannotPing) {
  EXPECT_EQ(ping("", "GET", {}, "Sec-Fetch-Site: cross-site\r\n"), "403");
  EXPECT_EQ(ping("", "POST", {}, "Origin: https://evil.example\r\n"), "403");
}

}  // namespace
}  // namespace tocsin::api
