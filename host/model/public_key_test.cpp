#include "model/public_key.hpp"

#include <gtest/gtest.h>

namespace tocsin::model {
namespace {

// The first example of RFC 8410, section 10.1.
constexpr const char* pem =
    "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC "
    "KEY-----\n";

TEST(PublicKey, IsReadFromPemDerAndBareBase64) {
  const auto key = PublicKey::parse(pem);
  ASSERT_TRUE(key) << key.error().message();
  EXPECT_EQ(key->id(), "19bf44096984cdfe");
  EXPECT_EQ(PublicKey::parse("MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=").value(), *key);
  EXPECT_EQ(PublicKey::parse(" Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n").value(), *key);
}
TEST(PublicKey, IsWrittenAsItIsRead) {
  EXPECT_EQ(PublicKey::parse(pem)->pem(), pem);
}
TEST(PublicKey, IsRefusedWhereItIsNoneWithoutRepeatingIt) {
  for (const std::string text :
       {"", "QUJD", "hello!", "-----BEGIN PUBLIC KEY-----\nMCow", "-----BEGIN PRIVATE KEY-----\nMC4C"}) {
    const auto key = PublicKey::parse(text);
    ASSERT_FALSE(key) << text;
    EXPECT_TRUE(text.empty() || key.error().message().find(text) == std::string::npos) << key.error().message();
  }
}
TEST(PublicKey, IsToldFromAPrivateOne) {
  const auto key = PublicKey::parse("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEI\n-----END PRIVATE KEY-----\n");
  EXPECT_NE(key.error().message().find("is a private key"), std::string::npos);
}

}  // namespace
}  // namespace tocsin::model
