#include "plugin_host/keyed_hash.hpp"

#include <gtest/gtest.h>

#include <set>

namespace tocsin::plugin_host {
namespace {

std::string hash_hex(const base::Result<std::string>& bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  if (!bytes) return bytes.error().message();
  for (const char c : *bytes) out.append(1, digits[static_cast<unsigned char>(c) >> 4]).append(1, digits[c & 15]);
  return out;
}

TEST(KeyedHash, MakesTheExamplesOfTheRfc) {
  // RFC 4231, 4.2 and 4.3.
  EXPECT_EQ(hash_hex(hmac_sha256(std::string(20, '\x0b'), "Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(hash_hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(KeyedHash, MakesKeysThatDiffer) {
  std::set<std::string> keys;
  for (int i = 0; i < 100; ++i) keys.insert(*random_bytes(32));
  EXPECT_EQ(keys.size(), 100u);
  EXPECT_EQ(keys.begin()->size(), 32u);
}

TEST(KeyedHash, ComparesEveryByte) {
  EXPECT_TRUE(same_bytes("", ""));
  EXPECT_TRUE(same_bytes("abc", "abc"));
  EXPECT_FALSE(same_bytes("abc", "abcd"));
  for (std::size_t i = 0; i < 3; ++i) {
    std::string other = "abc";
    other[i] = static_cast<char>(other[i] ^ 1);
    EXPECT_FALSE(same_bytes("abc", other)) << i;
  }
}

}  // namespace
}  // namespace tocsin::plugin_host
