#include "plugin_host/signature.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin_host/session.hpp"
#include "plugin_host/testdata/temp_dir.hpp"
#include "plugin_host/verified.hpp"

namespace tocsin::plugin_host {
namespace {

using testing::slurp;
using testing::TempDir;

class Signatures : public ::testing::Test {
 protected:
  Signatures() {
    path_ = dir_.write("x.so", slurp(TEST_PLUGINS "/wire.so"));
    policy_.keys = {*key_.public_key()};
  }
  static SigningKey new_key() { return std::move(*SigningKey::generate()); }
  void sign(const SigningKey& key) const { dir_.write("x.so.sig", signatures_text({*key.sign(slurp(path_))})); }
  std::string outcome() const {
    auto read = read_verified(path_, policy_);
    return read ? read->warning : read.error().message();
  }
  static bool has(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

  TempDir dir_;
  SigningKey key_ = new_key();
  TrustPolicy policy_;
  std::string path_;
};

TEST_F(Signatures, AreNotAskedForWithoutKeys) {
  policy_.keys.clear();
  EXPECT_EQ(outcome(), "");
}
TEST_F(Signatures, ByATrustedKeyAreTaken) {
  sign(key_);
  EXPECT_EQ(outcome(), "");
}
TEST_F(Signatures, AreDemandedWithTheCommandThatMakesThem) {
  EXPECT_TRUE(has(outcome(), "is not signed (there is no " + path_ + ".sig); run: tocsin plugin sign " + path_))
      << outcome();
}
TEST_F(Signatures, ByAnotherKeyAreRefusedByName) {
  const auto other = new_key();
  sign(other);
  EXPECT_TRUE(has(outcome(),
                  "is signed by key " + other.public_key()->id() + ", but [trust] keys has " + key_.public_key()->id()))
      << outcome();
}
TEST_F(Signatures, DoNotFitATamperedFile) {
  sign(key_);
  std::string bytes = slurp(path_);
  bytes[bytes.size() / 2] ^= 1;
  dir_.write("x.so", bytes);
  EXPECT_TRUE(has(outcome(), "is not what key " + key_.public_key()->id() + " signed")) << outcome();
}
TEST_F(Signatures, ThatAreMissingPassWithAWarningWhereThePolicySaysSo) {
  policy_.allow_unsigned = true;
  EXPECT_TRUE(has(outcome(), "is not signed")) << outcome();
  EXPECT_TRUE(load_library(path_, policy_));
  sign(new_key());
  EXPECT_TRUE(has(outcome(), "is signed by key")) << outcome();
  EXPECT_TRUE(load_library(path_, policy_));
}
TEST_F(Signatures, ThatDoNotFitAreRefusedWhateverThePolicySays) {
  policy_.allow_unsigned = true;
  sign(key_);
  dir_.write("x.so", slurp(TEST_PLUGINS "/small_v1.so"));
  EXPECT_TRUE(has(outcome(), "is not what key")) << outcome();
  EXPECT_FALSE(load_library(path_, policy_));
}
TEST_F(Signatures, OfSeveralOneIsEnough) {
  const auto bytes = slurp(path_);
  dir_.write("x.so.sig", signatures_text({*key_.sign("the file before"), *new_key().sign(bytes), *key_.sign(bytes)}));
  EXPECT_EQ(outcome(), "");
}
TEST_F(Signatures, AreNotAskedOfTheBundledDirectoryUnlessThePolicySaysSo) {
  policy_.bundled_dir = dir_.path();
  EXPECT_EQ(outcome(), "");
  policy_.verify_bundled = true;
  EXPECT_TRUE(has(outcome(), "is not signed"));
}
TEST_F(Signatures, WithADefectSayWhere) {
  dir_.write("x.so.sig", "hello\n");
  EXPECT_TRUE(has(outcome(), path_ + ".sig:1: expected \"tocsin-signature 1\"")) << outcome();
  dir_.write("x.so.sig", "tocsin-signature 1\n\n# by hand\ned25519 0123 abc\n");
  EXPECT_TRUE(has(outcome(), path_ + ".sig:4: expected \"ed25519 KEY-ID BASE64\"")) << outcome();
  dir_.write("x.so.sig", std::string(70000, 'x'));
  EXPECT_TRUE(has(outcome(), "at most 64 KiB")) << outcome();
  dir_.write("x.so.sig", "tocsin-signature 1\nof_tomorrow 1 2 3 4\n");
  EXPECT_TRUE(has(outcome(), "is signed by nobody")) << outcome();
}
TEST_F(Signatures, AreNotReadThroughALink) {
  sign(key_);
  ASSERT_EQ(::rename((path_ + ".sig").c_str(), (dir_ / "kept").c_str()), 0);
  ASSERT_EQ(::symlink("kept", (path_ + ".sig").c_str()), 0);
  EXPECT_TRUE(has(outcome(), ".sig: is a symbolic link")) << outcome();
}
TEST_F(Signatures, OfARefusedLibraryAreAskedForEachTimeItIsLoaded) {
  sign(key_);
  ASSERT_TRUE(load_library(path_, policy_));
  ASSERT_EQ(::unlink((path_ + ".sig").c_str()), 0);
  EXPECT_FALSE(load_library(path_, policy_));
}
TEST_F(Signatures, AreThoseOfRfc8032) {
  // Section 7.1, test 3: the signature of the two bytes af 82.
  const auto hex = [](std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); i += 2)
      out += static_cast<char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16));
    return out;
  };
  const std::string key = hex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025");
  const std::string signed_by =
      hex("6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
          "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a");
  TrustPolicy policy;
  policy.keys.resize(1);
  std::copy(key.begin(), key.end(), policy.keys[0].bytes.begin());
  Signature signature;
  signature.key_id = policy.keys[0].id();
  std::copy(signed_by.begin(), signed_by.end(), signature.bytes.begin());
  const std::string text = signatures_text({signature});
  EXPECT_EQ(check_signatures("\xaf\x82", text, "x.so", policy).value_or("refused"), "");
  EXPECT_FALSE(check_signatures("\xaf\x83", text, "x.so", policy));
}
TEST_F(Signatures, ComeFromAKeyThatSurvivesItsPem) {
  const auto again = SigningKey::parse(*key_.pem(), "k");
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(*again->public_key(), *key_.public_key());
}
TEST_F(Signatures, NeedAPrivateKey) {
  const auto none = SigningKey::parse(key_.public_key()->pem(), "k");
  ASSERT_FALSE(none);
  EXPECT_TRUE(has(none.error().message(), "k: is no Ed25519 private key in PEM"));
}

}  // namespace
}  // namespace tocsin::plugin_host
