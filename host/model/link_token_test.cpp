#include "model/link_token.hpp"

#include <gtest/gtest.h>

namespace tocsin::model {
namespace {

LinkToken some_link() {
  LinkToken out;
  out.kind = AnswerKind::escalate;
  out.way = LinkWay::sms;
  out.incident = "0193489c-8a40-7c3e-9d5f-1f0a2b3c4d5e";
  out.expires = base::from_ns(1'795'168'800'000'000'000);
  out.nonce = 0x1234'5678'9abc;
  out.recipient = "first";
  return out;
}

std::string bytes_of(const LinkToken& token) {
  auto packed = pack(token);
  EXPECT_TRUE(packed) << packed.error().message();
  return packed ? *packed : std::string();
}

TEST(LinkToken, SaysAgainWhatItWasGiven) {
  auto read = unpack_link(bytes_of(some_link()));
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(*read, some_link());
}

TEST(LinkToken, IsShort) {
  EXPECT_EQ(bytes_of(some_link()).size(), 28u + 5u);
}

TEST(LinkToken, KeepsWholeSecondsAndTheLowerBitsOfTheNonce) {
  LinkToken token = some_link();
  token.expires += std::chrono::milliseconds(999);
  token.nonce |= 0xffffull << 48;
  EXPECT_EQ(*unpack_link(bytes_of(token)), some_link());
}

TEST(LinkToken, ALongNameIsCutAtTheEndOfACharacter) {
  LinkToken token = some_link();
  token.recipient = std::string(most_link_name - 1, 'x') + "é";
  auto read = unpack_link(bytes_of(token));
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->recipient, std::string(most_link_name - 1, 'x'));
}

TEST(LinkToken, IsOfAUuidAloneAndOfATimeThatFits) {
  for (const char* id : {"", "1042", "0193489c-8a40-7c3e-9d5f-1f0a2b3c4d5", "0193489c-8a40-7c3e-9d5f-1f0a2b3c4d5ee",
                         "0193489C-8A40-7C3E-9D5F-1F0A2B3C4D5E", "0193489c8a407c3e9d5f1f0a2b3c4d5e",
                         "0193489c-8a40-7c3e-9d5f-1f0a2b3c4d5g", "0193489c--8a40-7c3e9d5f-1f0a2b3c4d5e"}) {
    LinkToken token = some_link();
    token.incident = id;
    EXPECT_FALSE(pack(token)) << id;
  }
  LinkToken token = some_link();
  token.expires = base::no_time;
  EXPECT_FALSE(pack(token));
  token.expires = base::Time(std::chrono::seconds(0x1'0000'0000));
  EXPECT_FALSE(pack(token));
}

TEST(LinkToken, RefusesBytesThatAreNone) {
  const std::string good = bytes_of(some_link());
  for (std::size_t cut = 0; cut < 28; ++cut) EXPECT_FALSE(unpack_link(std::string_view(good).substr(0, cut))) << cut;
  EXPECT_FALSE(unpack_link(good + std::string(most_link_name, 'x')));
  std::string other = good;
  other[0] = 0x21;
  EXPECT_FALSE(unpack_link(other)) << "another version";
  for (const int kind : {0, 10, 15}) {
    other[0] = static_cast<char>(0x10 | kind);
    EXPECT_FALSE(unpack_link(other)) << kind;
  }
  other = good;
  other[1] = 3;
  EXPECT_FALSE(unpack_link(other)) << "another way";
  EXPECT_FALSE(unpack_link(good + "\xff")) << "no UTF-8";
}

TEST(LinkToken, SaysItsWayAsTheTimelineTellsIt) {
  EXPECT_EQ(to_string(LinkWay::mail), "mail link");
  EXPECT_EQ(to_string(LinkWay::sms), "SMS link");
  EXPECT_EQ(to_string(LinkWay::other), "link");
}

}  // namespace
}  // namespace tocsin::model
