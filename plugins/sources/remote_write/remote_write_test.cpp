#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "snappy.hpp"
#include "tocsin/testing/fake_host.hpp"
#include "write_request.hpp"

namespace {

using namespace tocsin_plugins::remote_write;
using tsn::testing::FakeHost;
using tsn::testing::HttpRequest;

// --- a small encoder ---
std::string varint(std::uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  return out + static_cast<char>(value);
}
std::string field(unsigned number, const std::string& content) {
  return varint(number << 3 | 2) + varint(content.size()) + content;
}
std::string label(const std::string& name, const std::string& value) {
  return field(1, field(1, name) + field(2, value));
}
std::string sample_bits(std::uint64_t bits, std::int64_t ms) {
  return field(2, varint(1 << 3 | 1) + std::string(reinterpret_cast<const char*>(&bits), 8) + varint(2 << 3) +
                      varint(static_cast<std::uint64_t>(ms)));
}
std::string sample(double value, std::int64_t ms) {
  return sample_bits(std::bit_cast<std::uint64_t>(value), ms);
}
std::string series(const std::string& content) {
  return field(1, content);
}
/// A block of literals only.
std::string packed(const std::string& text) {
  std::string out = varint(text.size());
  for (std::size_t at = 0; at < text.size(); at += 60) {
    const auto piece = text.substr(at, 60);
    out += static_cast<char>((piece.size() - 1) << 2);
    out += piece;
  }
  return out;
}

std::string unpacked(std::string_view block, std::size_t most = 1 << 20) {
  std::string out;
  const char* why = nullptr;
  return unpack_snappy(block, most, out, why) ? out : std::string("refused: ") + why;
}

TEST(Snappy, UnpacksLiteralsAndCopiesOfEachSize) {
  using namespace std::string_literals;
  EXPECT_EQ(unpacked("\x00"s), "");
  EXPECT_EQ(unpacked("\x05\x10hello"s), "hello");
  EXPECT_EQ(unpacked("\x06\x04xy\x01\x02"s), "xyxyxy");       // one byte of offset: 4 bytes from 2 back
  EXPECT_EQ(unpacked("\x07\x04xy\x12\x02\x00"s), "xyxyxyx");  // two bytes: 5 bytes
  EXPECT_EQ(unpacked("\x07\x04xy\x13\x02\x00\x00\x00"s), "xyxyxyx");
  EXPECT_EQ(unpacked("\x46\xf0\x45"s + std::string(70, 'a')), std::string(70, 'a'));  // a length of its own
}

TEST(Snappy, RefusesWhatIsNotWholeOrTooLong) {
  using namespace std::string_literals;
  for (const auto& bad : {""s, "\x05"s, "\x05\x10hell"s, "\x04\x10hello"s, "\x06\x10hello"s, "\x06\x04xy\x01\x03"s,
                          "\x06\x04xy\x01\x00"s, "\xff\xff\xff\xff\xff\xff"s, "\xff\xff\xff\x7f\x00"s, "\x02\xfc"s})
    EXPECT_TRUE(unpacked(bad).starts_with("refused")) << testing::PrintToString(bad);
  EXPECT_NE(unpacked(packed(std::string(2000, 'a')), 1000).find("max_size"), std::string::npos);
}

class RemoteWrite : public ::testing::Test {
 protected:
  tsn::testing::Answer push(const std::string& request, const char* type = "application/x-protobuf") {
    return push_raw(packed(request), type);
  }
  tsn::testing::Answer push_raw(std::string body, const char* type = "application/x-protobuf") {
    HttpRequest request;
    request.path = "/api/v1/write";
    request.headers = {{"content-encoding", "snappy"}, {"content-type", type}};
    request.body = std::move(body);
    return instance_->handle(request);
  }
  FakeHost host_;
  std::unique_ptr<tsn::testing::FakeInstance> instance_ = host_.create();
};

const std::string of_up = label("__name__", "up") + label("instance", "a:1") + label("job", "node");

TEST_F(RemoteWrite, TakesSamplesUnderTheirNamesAndAnswers204) {
  const auto answer = push(series(of_up + sample(1, 1795168000000) + sample(0.5, 1795168015000)) +
                           series(label("__name__", "load") + sample(-2, 1795168000001)));
  EXPECT_EQ(answer.response.status, 204u);
  EXPECT_EQ(answer.response.body, "");
  const auto rows = host_.rows();
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].name, "up");
  EXPECT_EQ(rows[0].labels, (std::map<std::string, std::string>{{"instance", "a:1"}, {"job", "node"}}));
  EXPECT_EQ(rows[0].ts, 1'795'168'000'000'000'000);
  EXPECT_EQ(rows[1].value, 0.5);
  EXPECT_EQ(rows[2].name, "load");
  EXPECT_EQ(rows[2].value, -2);
}

TEST_F(RemoteWrite, EndsASeriesAtItsMarker) {
  push(series(of_up + sample_bits(stale_marker, 1795168000000)));
  ASSERT_EQ(host_.rows().size(), 1u);
  EXPECT_EQ(host_.rows()[0].flags, TSN_ROW_STALE);
}

TEST_F(RemoteWrite, CountsWhatIsNotFiniteAndTakesTheRest) {
  const auto answer =
      push(series(of_up + sample(NAN, 1795168000000) + sample(INFINITY, 1795168000001) + sample(1, 1795168000002)));
  EXPECT_EQ(answer.response.status, 204u);
  EXPECT_EQ(host_.rows().size(), 1u);
  EXPECT_EQ(host_.metrics().at("samples_not_finite"), 2);
}

TEST_F(RemoteWrite, PassesOverWhatItDoesNotKnow) {
  const auto exemplar = field(3, label("trace", "x")), histogram = field(4, "");
  const auto answer = push(field(3, "metadata") + series(of_up + exemplar + sample(1, 1795168000000) + histogram) +
                           varint(9 << 3) + varint(7));
  EXPECT_EQ(answer.response.status, 204u);
  EXPECT_EQ(host_.rows().size(), 1u);
  EXPECT_EQ(host_.metrics().at("histograms_ignored"), 1);
}

TEST_F(RemoteWrite, GathersLabelsThatDoNotLieTogether) {
  push(series(label("__name__", "up") + sample(1, 1795168000000) + label("job", "node")));
  ASSERT_EQ(host_.rows().size(), 1u);
  EXPECT_EQ(host_.rows()[0].label("job"), "node");
}

TEST_F(RemoteWrite, SaysHowManySamplesWereNotTakenAndTakesTheOthers) {
  host_.max_series = 1;
  instance_ = host_.create();
  const auto answer = push(series(of_up + sample(1, 1795168000000)) +
                           series(label("__name__", "b") + sample(1, 1795168000000) + sample(2, 1795168001000)) +
                           series(label("job", "nameless") + sample(1, 1795168000000)));
  EXPECT_EQ(answer.response.status, 400u);
  EXPECT_TRUE(answer.response.body.starts_with("3 of 4 samples were not taken")) << answer.response.body;
  EXPECT_EQ(host_.rows().size(), 1u);
  ASSERT_EQ(host_.rejected().size(), 1u);
  EXPECT_EQ(host_.rejected()[0].error_type, "cardinality");
  EXPECT_EQ(host_.rejected()[0].count, 3u);
}

TEST_F(RemoteWrite, RefusesWhatItCannotReadAsAWhole) {
  const auto good = series(of_up + sample(1, 1795168000000));
  for (const auto& body : {std::string("not snappy at all"), packed("not protobuf"), packed(good).substr(0, 30),
                           packed(good.substr(0, good.size() - 1))}) {
    const auto answer = push_raw(body);
    EXPECT_EQ(answer.response.status, 400u);
    EXPECT_FALSE(answer.response.body.empty());
  }
  EXPECT_TRUE(host_.rows().empty());
  EXPECT_EQ(host_.metrics().at("bodies_refused"), 4);
}

TEST_F(RemoteWrite, AnswersAnotherProtocolWith415AndTheRemedy) {
  const auto answer = push("", "application/x-protobuf;proto=io.prometheus.write.v2.Request");
  EXPECT_EQ(answer.response.status, 415u);
  EXPECT_NE(answer.response.body.find("prometheus.WriteRequest"), std::string::npos);
  EXPECT_EQ(push("", "application/json").response.status, 415u);
}

TEST_F(RemoteWrite, AsksToComeBackWhenTheAgentIsBusy) {
  host_.refuse_submits(1);
  const auto body = series(of_up + sample(1, 1795168000000));
  const auto answer = push(body);
  EXPECT_EQ(answer.response.status, 503u);
  EXPECT_EQ(answer.response.header("retry-after"), "1");
  EXPECT_EQ(push(body).response.status, 204u);
  EXPECT_EQ(host_.rows().size(), 1u);
}

TEST_F(RemoteWrite, SurvivesEveryTruncationOfABody) {
  const auto body = packed(field(3, "m") + series(of_up + sample(1, 1795168000000)));
  for (std::size_t n = 0; n < body.size(); ++n) EXPECT_EQ(push_raw(body.substr(0, n)).response.status, 400u) << n;
  EXPECT_TRUE(host_.rows().empty());
}

TEST_F(RemoteWrite, TakesThousandsInOneBody) {
  std::string body;
  for (int i = 0; i < 10'000; ++i)
    body += series(label("__name__", "n") + label("i", std::to_string(i % 100)) + sample(i, 1795168000000 + i));
  EXPECT_EQ(push(body).response.status, 204u);
  EXPECT_EQ(host_.rows().size(), 10'000u);
  EXPECT_EQ(host_.batches(), 1u);
}

}  // namespace
