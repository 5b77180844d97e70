#include "app/check_instances.hpp"

#include <gtest/gtest.h>

namespace tocsin::app {
namespace {

/// Where the finding of `message` is put, and what it then says.
std::string placed(const std::string& message) {
  config::Diagnostics unimportant;
  const auto root = config::parse_toml("[send]\nurl = 'x'\nok = [200, 20]\n[callback]\nauth = { type = 'hmac' }\n",
                                       "agent.toml", {}, unimportant);
  config::Diagnostic finding;
  finding.message = message;
  place_at_option(finding, *root);
  return finding.place.text() + " " + finding.message;
}

TEST(CheckInstances, AFindingStandsAtTheValueItNames) {
  EXPECT_EQ(placed("option \"send.url\" at line 2: expected https://…"),
            "agent.toml:2:7 option \"send.url\": expected https://…");
  EXPECT_EQ(placed("option \"send.ok[1]\" at line 3: expected a status"),
            "agent.toml:3:12 option \"send.ok[1]\": expected a status");
}

TEST(CheckInstances, WhatIsMissingStandsAtTheTableItIsMissingIn) {
  EXPECT_TRUE(placed("option \"callback.auth.secret\": expected a string").starts_with("agent.toml:5:8 "));
}

TEST(CheckInstances, WhatNamesNothingStaysWhereItIs) {
  for (const char* text : {"connection refused", "option \"", "option \"nowhere.x\": expected"})
    EXPECT_TRUE(placed(text).starts_with("default ")) << placed(text);
}

}  // namespace
}  // namespace tocsin::app
