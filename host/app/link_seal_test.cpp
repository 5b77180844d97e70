#include "app/link_seal.hpp"

#include <gtest/gtest.h>

namespace tocsin::app {
namespace {

const std::string seal_key(link_key_size, 'k');

model::LinkToken sealed_link() {
  model::LinkToken out;
  out.incident = "0193489c-8a40-7c3e-9d5f-1f0a2b3c4d5e";
  out.expires = base::from_ns(1'795'168'800'000'000'000);
  out.nonce = 7;
  out.recipient = "first";
  return out;
}

TEST(LinkSeal, OpensWhatItSealed) {
  const auto read = unsealed(seal_key, *sealed(seal_key, sealed_link()));
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(*read, sealed_link());
}

TEST(LinkSeal, IsShortEnoughForAnSms) {
  model::LinkToken link = sealed_link();
  link.recipient = std::string(20, 'x');
  EXPECT_LT(std::string("/a/").append(*sealed(seal_key, link)).size(), 90u);
}

TEST(LinkSeal, RefusesEveryAlteredCharacter) {
  const std::string good = *sealed(seal_key, sealed_link());
  const std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const char c : alphabet) {
      std::string altered = good;
      altered[at] = c;
      if (altered == good) continue;
      const auto read = unsealed(seal_key, altered);
      ASSERT_FALSE(read) << at << " as " << c;
      EXPECT_EQ(read.error().fault(), base::Fault::denied);
    }
  }
}

TEST(LinkSeal, RefusesWhatIsCutOrLengthened) {
  const std::string good = *sealed(seal_key, sealed_link());
  for (std::size_t size = 0; size < good.size(); ++size) EXPECT_FALSE(unsealed(seal_key, good.substr(0, size))) << size;
  for (const char* more : {"A", "=", "==", " ", "\n", "AAAA"}) EXPECT_FALSE(unsealed(seal_key, good + more)) << more;
  EXPECT_FALSE(unsealed(seal_key, std::string(100'000, 'A')));
}

TEST(LinkSeal, IsOfItsKeyAlone) {
  const std::string good = *sealed(seal_key, sealed_link());
  EXPECT_FALSE(unsealed(std::string(link_key_size, 'l'), good));
  EXPECT_FALSE(unsealed("", good));
}

TEST(LinkSeal, IsOfItsPurposeAlone) {
  // The seal of one link under the bytes of another: another action, incident, recipient, end.
  const std::string good = *sealed(seal_key, sealed_link());
  for (int what = 0; what < 4; ++what) {
    model::LinkToken changed = sealed_link();
    if (what == 0) changed.kind = model::AnswerKind::escalate;
    if (what == 1) changed.incident.back() = 'f';
    if (what == 2) changed.recipient = "other";
    if (what == 3) changed.expires += std::chrono::hours(1);
    // 33 bytes and 16 of the seal: the seal begins at a character of its own.
    std::string swapped = *sealed(seal_key, changed);
    EXPECT_NE(swapped, good);
    swapped.replace(44, swapped.npos, good.substr(44));
    EXPECT_FALSE(unsealed(seal_key, swapped)) << what;
  }
}

}  // namespace
}  // namespace tocsin::app
