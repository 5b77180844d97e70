#include "plugin_host/verified.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "plugin_host/private_copy.hpp"
#include "plugin_host/session.hpp"
#include "plugin_host/signature.hpp"
#include "plugin_host/testdata/temp_dir.hpp"

namespace tocsin::plugin_host {
namespace {

using testing::slurp;
using testing::TempDir;

std::string by_name(const OwnedFd& fd) {
  return "/proc/self/fd/" + std::to_string(fd.get());
}

/// The marker that the constructor of runs_early makes.
class Early : public ::testing::Test {
 protected:
  Early() { ::setenv("TOCSIN_TEST_MARKER", (dir_ / "marker").c_str(), 1); }
  ~Early() override { ::unsetenv("TOCSIN_TEST_MARKER"); }
  bool ran() const { return std::filesystem::exists(dir_ / "marker"); }
  TempDir dir_;
};

TEST_F(Early, CodeDoesNotRunBeforeTheNoteIsRead) {
  EXPECT_FALSE(load_library(TEST_PLUGINS "/runs_early_no_note.so"));
  EXPECT_FALSE(ran());
}
TEST_F(Early, CodeDoesNotRunBeforeTheSignatureIsChecked) {
  TrustPolicy policy;
  policy.keys.resize(1);
  EXPECT_FALSE(load_library(TEST_PLUGINS "/runs_early.so", policy));
  EXPECT_FALSE(ran());
}
TEST_F(Early, CodeDoesNotRunOfAFileThatAnybodyMayWrite) {
  const std::string path = dir_.write("x.so", slurp(TEST_PLUGINS "/runs_early.so"));
  ASSERT_EQ(::chmod(path.c_str(), 0666), 0);
  EXPECT_FALSE(load_library(path));
  EXPECT_FALSE(ran());
}
TEST_F(Early, CodeOfAFileThatIsExchangedAroundTheCheckDoesNotRun) {
  const auto key = SigningKey::generate();
  TrustPolicy policy;
  policy.keys = {*key->public_key()};
  const std::string good = slurp(TEST_PLUGINS "/wire.so");
  const std::string kept[] = {dir_.write("good", good), dir_.write("bad", slurp(TEST_PLUGINS "/runs_early.so"))};
  const std::string path = dir_.write("x.so", good), part = dir_ / "part";
  dir_.write("x.so.sig", signatures_text({*key->sign(good)}));
  std::atomic<bool> ended = false;
  std::thread attacker([&] {
    for (unsigned round = 0; !ended; ++round) {
      if (::link(kept[round % 2].c_str(), part.c_str()) == 0) ::rename(part.c_str(), path.c_str());
      ::unlink(part.c_str());
    }
  });
  int taken = 0, refused = 0;
  while ((taken < 200 || refused < 200) && taken + refused < 200'000) {
    auto file = open_verified(path, policy);
    file ? ++taken : ++refused;
    EXPECT_TRUE(!file || slurp(by_name(file->fd)) == good);
    static_cast<void>(load_library(path, policy));
  }
  ended = true;
  attacker.join();
  EXPECT_GE(taken, 200);
  EXPECT_GE(refused, 200) << "the attacker was too slow to prove anything";
  EXPECT_FALSE(ran());
}
// The last of them: what ran once is mapped and does not run again.
TEST_F(Early, CodeRunsWhereAPluginIsTrusted) {
  EXPECT_FALSE(load_library(TEST_PLUGINS "/runs_early.so"));  // its entry returns nothing
  EXPECT_TRUE(ran());
}

TEST(VerifiedFile, HoldsTheBytesWhateverBecomesOfTheFile) {
  TempDir dir;
  const std::string bytes = slurp(TEST_PLUGINS "/wire.so");
  const std::string path = dir.write("x.so", bytes);
  auto file = open_verified(path, {});
  ASSERT_TRUE(file) << file.error().message();
  dir.write("x.so", "exchanged");
  EXPECT_EQ(slurp(by_name(file->fd)), bytes);
  EXPECT_EQ(file->descriptor.types.at(0).id, "wire");
  EXPECT_EQ(::fcntl(file->fd.get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}
TEST(SealedMemory, CannotBeChangedByAnybody) {
  OwnedFd fd = sealed_memory("bytes");
  if (!fd) GTEST_SKIP() << "no executable memory here";
  EXPECT_EQ(::fcntl(fd.get(), F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
  OwnedFd again(::open(by_name(fd).c_str(), O_RDWR));
  EXPECT_TRUE(!again || ::write(again.get(), "x", 1) < 0);
  EXPECT_TRUE(!again || ::ftruncate(again.get(), 0) < 0);
  EXPECT_EQ(slurp(by_name(fd)), "bytes");
}
TEST(PrivateFile, LeavesNothingBehindAndCannotBeWritten) {
  TempDir dir;
  OwnedFd fd = private_file("bytes", dir.path());
  ASSERT_TRUE(fd);
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
  EXPECT_LT(::write(fd.get(), "x", 1), 0);
  EXPECT_EQ(slurp(by_name(fd)), "bytes");
}
TEST(PrivateFile, IsNotMadeWhereNothingMayBeExecuted) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can mount";
  TempDir dir;
  const std::string mount = "mount -t tmpfs -o noexec tocsin " + dir.path() + " 2>/dev/null";
  if (::system(mount.c_str()) != 0) GTEST_SKIP() << "nothing can be mounted here";
  EXPECT_FALSE(private_file("bytes", dir.path()));
  EXPECT_EQ(::system(("umount " + dir.path()).c_str()), 0);
}

}  // namespace
}  // namespace tocsin::plugin_host
