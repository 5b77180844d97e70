#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "tocsin/testing/fake_host.hpp"
#include "tocsin/testing/hostile.hpp"

namespace {

using tsn::testing::FakeHost;

/// What deliver() writes to standard output.
std::string printed(const tsn::Message& message) {
  FakeHost host;
  auto instance = host.create();
  testing::internal::CaptureStdout();
  const auto answer = instance->deliver(message);
  std::string out = testing::internal::GetCapturedStdout();
  EXPECT_EQ(answer.status, TSN_OK) << answer.text;
  return out;
}

TEST(Terminal, WritesOneLineWithSeverityNumberAndTitle) {
  const auto line = printed(tsn::testing::sample_message());
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  EXPECT_NE(line.find("FIRING [HIGH] #1042"), std::string::npos) << line;
}

TEST(Terminal, LetsNoControlCharacterThrough) {
  auto message = tsn::testing::sample_message();
  message.text = "a\x1b[2Jb\nc";
  const auto line = printed(message);
  EXPECT_EQ(line.find('\x1b'), std::string::npos);
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
}

TEST(Terminal, SaysResolved) {
  auto message = tsn::testing::sample_message();
  message.kind = TSN_MSG_RESOLVED;
  EXPECT_NE(printed(message).find("RESOLVED"), std::string::npos);
}

TEST(Terminal, WritesOneLineOfBoundedLengthWhateverComes) {
  for (const auto& [name, message, text, utf8] : tsn::testing::hostile_messages()) {
    const auto line = printed(message);
    EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1) << name;
    EXPECT_LT(line.size(), 20'000u) << name;
    for (const char c : line) ASSERT_TRUE(static_cast<unsigned char>(c) >= 0x20 || c == '\n') << name;
    EXPECT_EQ(line.find("\xc2\x9b"), line.npos) << name << ": a control sequence of one character";
    EXPECT_EQ(line.find("\xe2\x80\xae"), line.npos) << name << ": an override of direction";
  }
}

}  // namespace
