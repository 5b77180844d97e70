#include "plugin_host/trust.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>

#include "plugin_host/testdata/temp_dir.hpp"

namespace tocsin::plugin_host {
namespace {

using testing::TempDir;

constexpr uid_t stranger = 54321;

class Trust : public ::testing::Test {
 protected:
  Trust() {
    std::filesystem::create_directories(dir_ / "a/b");
    path_ = dir_.write("a/b/x.so", "bytes");
    for (const std::string& each : {dir_ / "a", dir_ / "a/b"}) chmod(each, 0755);
    chmod(path_, 0644);
  }
  static void chmod(const std::string& path, mode_t mode) { ASSERT_EQ(::chmod(path.c_str(), mode), 0); }
  static bool chown(const std::string& path, uid_t user, gid_t group) {
    return ::lchown(path.c_str(), user, group) == 0;
  }
  /// "" if it is trusted.
  static std::string refusal(const std::string& path) {
    auto file = open_trusted(path);
    return file ? "" : file.error().message();
  }
  std::string refusal() const { return refusal(path_); }
  static bool has(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

  TempDir dir_;
  std::string path_;
};

#define AS_ROOT() \
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away"

TEST_F(Trust, IsGivenToAFileThatOnlyItsOwnerWrites) {
  auto file = open_trusted(path_);
  ASSERT_TRUE(file) << file.error().message();
  char text[8] = {};
  EXPECT_EQ(::read(file->file.get(), text, sizeof text), 5);
  EXPECT_EQ(std::string(text), "bytes");
  EXPECT_EQ(file->status.st_size, 5);
  EXPECT_EQ(file->name, "x.so");
}
TEST_F(Trust, IsNotGivenToAFileThatAnybodyMayWrite) {
  chmod(path_, 0646);
  EXPECT_TRUE(has(refusal(), "anybody may write this file, so it is not trusted; run: chmod o-w " + path_))
      << refusal();
}
TEST_F(Trust, IsNotGivenBelowADirectoryThatAnybodyMayWrite) {
  chmod(dir_ / "a", 0757);
  EXPECT_TRUE(has(refusal(), "anybody may write its directory " + (dir_ / "a") +
                                 ", so it is not trusted; run: chmod o-w " + (dir_ / "a")))
      << refusal();
}
TEST_F(Trust, IsNotGivenToAFileOfAnotherUser) {
  AS_ROOT();
  ASSERT_TRUE(chown(path_, stranger, 0));
  EXPECT_TRUE(has(refusal(), "it belongs to uid 54321")) << refusal();
  EXPECT_TRUE(has(refusal(), "run: chown root " + path_)) << refusal();
}
TEST_F(Trust, IsNotGivenBelowADirectoryOfAnotherUser) {
  AS_ROOT();
  ASSERT_TRUE(chown(dir_ / "a", stranger, 0));
  EXPECT_TRUE(has(refusal(), "its directory " + (dir_ / "a") + " belongs to uid 54321")) << refusal();
  EXPECT_TRUE(has(refusal(), "run: chown root " + (dir_ / "a"))) << refusal();
}
TEST_F(Trust, IsNotGivenWhereAnotherGroupMayWrite) {
  AS_ROOT();
  ASSERT_TRUE(chown(path_, 0, stranger));
  chmod(path_, 0664);
  EXPECT_TRUE(has(refusal(), "the group 54321 may write this file, so it is not trusted; run: chmod g-w " + path_))
      << refusal();
  chmod(path_, 0666);
  EXPECT_TRUE(has(refusal(), "run: chmod go-w " + path_)) << refusal();
  chmod(path_, 0644);
  ASSERT_TRUE(chown(dir_ / "a/b", 0, stranger));
  chmod(dir_ / "a/b", 0775);
  EXPECT_TRUE(has(refusal(), "the group 54321 may write its directory " + (dir_ / "a/b"))) << refusal();
}
TEST_F(Trust, IsGivenWhereTheGroupOfRootOrTheOwnersOwnMayWrite) {
  AS_ROOT();
  chmod(path_, 0664);
  EXPECT_EQ(refusal(), "");
  // A program that runs as its user, with a group of its own as most systems make it.
  const pid_t child = ::fork();
  if (child == 0) {
    TempDir own;
    std::string path = own.write("x.so", "bytes");
    bool good = ::chown(own.path().c_str(), stranger, stranger) == 0 &&
                ::chown(path.c_str(), stranger, stranger) == 0 && ::chmod(path.c_str(), 0664) == 0 &&
                ::chmod(own.path().c_str(), 0775) == 0;
    good = good && ::seteuid(stranger) == 0 && open_trusted(path).has_value();
    good = ::seteuid(0) == 0 && good;
    std::filesystem::remove_all(own.path());
    ::_exit(good ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}
TEST_F(Trust, IsNotGivenWhereAnAccessListLetsOthersWrite) {
  // user::rw- user:54321:rw- group::r-- mask::rw- other::r--, in the kernel's form: version, then tag, rights, id.
  const auto entry = [](std::uint16_t tag, std::uint16_t rights, std::uint32_t id) {
    std::string out(8, '\0');
    __builtin_memcpy(out.data(), &tag, 2);
    __builtin_memcpy(out.data() + 2, &rights, 2);
    __builtin_memcpy(out.data() + 4, &id, 4);
    return out;
  };
  const std::uint32_t none = ~0u;
  const std::string list = std::string("\2\0\0\0", 4) + entry(1, 6, none) + entry(2, 6, stranger) + entry(4, 4, none) +
                           entry(16, 6, none) + entry(32, 4, none);
  if (::setxattr(path_.c_str(), "system.posix_acl_access", list.data(), list.size(), 0) != 0)
    GTEST_SKIP() << "this file system has no access lists";
  // Where the group is not trusted anyway, its right to write is what is named.
  EXPECT_TRUE(has(refusal(), "setfacl -b " + path_) || has(refusal(), "chmod g-w " + path_)) << refusal();
}
TEST_F(Trust, IsGivenBelowADirectoryOfRootWithTheStickyBit) {
  AS_ROOT();
  chmod(dir_ / "a", 01777);
  EXPECT_EQ(refusal(), "");
  ASSERT_TRUE(chown(path_, stranger, 0));
  EXPECT_TRUE(has(refusal(), "belongs to uid 54321")) << refusal();
}
TEST_F(Trust, IsNotGivenBelowAStickyDirectoryOfAnother) {
  AS_ROOT();
  chmod(dir_ / "a", 01777);
  ASSERT_TRUE(chown(dir_ / "a", stranger, 0));
  EXPECT_TRUE(has(refusal(), "belongs to uid 54321")) << refusal();
}
TEST_F(Trust, IsNotGivenToALink) {
  ASSERT_EQ(::symlink(path_.c_str(), (dir_ / "l.so").c_str()), 0);
  EXPECT_TRUE(has(refusal(dir_ / "l.so"), "is a symbolic link, which is not followed")) << refusal(dir_ / "l.so");
}
TEST_F(Trust, FollowsALinkToADirectoryAndChecksWhatItLeadsThrough) {
  ASSERT_EQ(::symlink("a/b/..", (dir_ / "l").c_str()), 0);
  EXPECT_EQ(refusal(dir_ / "l/b/x.so"), "");
  ASSERT_EQ(::symlink((dir_ / "a").c_str(), (dir_ / "absolute").c_str()), 0);
  EXPECT_EQ(refusal(dir_ / "absolute/b/x.so"), "");
  chmod(dir_ / "a", 0757);
  EXPECT_TRUE(has(refusal(dir_ / "absolute/b/x.so"), "run: chmod o-w " + (dir_ / "a")))
      << refusal(dir_ / "absolute/b/x.so");
}
TEST_F(Trust, IsNotGivenThroughALinkOfAnotherUser) {
  AS_ROOT();
  ASSERT_EQ(::symlink("a", (dir_ / "l").c_str()), 0);
  ASSERT_TRUE(chown(dir_ / "l", stranger, 0));
  EXPECT_TRUE(has(refusal(dir_ / "l/b/x.so"), "the link " + (dir_ / "l") + " belongs to uid 54321"))
      << refusal(dir_ / "l/b/x.so");
}
TEST_F(Trust, GivesUpOnLinksInACircle) {
  ASSERT_EQ(::symlink("l", (dir_ / "l").c_str()), 0);
  EXPECT_TRUE(has(refusal(dir_ / "l/x.so"), "Too many levels of symbolic links")) << refusal(dir_ / "l/x.so");
}
TEST_F(Trust, NamesThePartThatIsMissing) {
  EXPECT_TRUE(has(refusal(dir_ / "none/x.so"), (dir_ / "none") + " cannot be opened")) << refusal(dir_ / "none/x.so");
  EXPECT_TRUE(has(refusal(path_ + "/x.so"), "Not a directory")) << refusal(path_ + "/x.so");
}
TEST_F(Trust, RefusesWhatIsNoFileWithoutWaitingForIt) {
  ASSERT_EQ(::mkfifo((dir_ / "f.so").c_str(), 0600), 0);
  EXPECT_TRUE(has(refusal(dir_ / "f.so"), "is not a regular file"));
  EXPECT_TRUE(has(refusal(dir_ / "a"), "is not a regular file"));
  EXPECT_NE(refusal("/"), "");
}
TEST_F(Trust, SeesARelativePathFromTheWorkingDirectory) {
  const std::string before = std::filesystem::current_path();
  std::filesystem::current_path(dir_ / "a");
  EXPECT_EQ(refusal("./b/../b/x.so"), "");
  std::filesystem::current_path(before);
}
TEST_F(Trust, SaysWhatToDoAboutAConfigMap) {
  std::filesystem::create_directories(dir_ / "a/..2026_11_25");
  dir_.write("a/..2026_11_25/x.so", "bytes");
  ASSERT_EQ(::symlink("..2026_11_25", (dir_ / "a/..data").c_str()), 0);
  ASSERT_EQ(::symlink("..data/x.so", (dir_ / "a/x.so").c_str()), 0);
  const std::string why = refusal(dir_ / "a/x.so");
  EXPECT_TRUE(has(why, "as in every ConfigMap and Secret volume of Kubernetes")) << why;
  EXPECT_TRUE(has(why, "copy it in an init container into an emptyDir: cp -L")) << why;
}
TEST_F(Trust, SaysWhatToDoAboutAVolumeWithFsGroup) {
  AS_ROOT();
  ASSERT_TRUE(chown(dir_ / "a", 0, 2000));
  chmod(dir_ / "a", 02775);
  EXPECT_TRUE(
      has(refusal(), "run: chmod g-w " + (dir_ / "a") + " (fsGroup leaves Kubernetes volumes so: take fsGroup out"))
      << refusal();
  chmod(dir_ / "a", 02777);
  EXPECT_TRUE(has(refusal(), "run: chmod go-w " + (dir_ / "a") + " (Kubernetes makes an emptyDir so")) << refusal();
}
TEST_F(Trust, ReadsWhatItCheckedWhateverIsRenamedMeanwhile) {
  auto file = open_trusted(path_);
  ASSERT_TRUE(file);
  std::filesystem::rename(dir_ / "a", dir_ / "moved");
  std::filesystem::create_directories(dir_ / "a/b");
  dir_.write("a/b/x.so", "other");
  char text[8] = {};
  EXPECT_EQ(::read(file->file.get(), text, sizeof text), 5);
  EXPECT_EQ(std::string(text), "bytes");
}

}  // namespace
}  // namespace tocsin::plugin_host
