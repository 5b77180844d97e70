#include "plugin_host/directory.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <mutex>

#include "plugin_host/signature.hpp"
#include "plugin_host/testdata/temp_dir.hpp"

namespace tocsin::plugin_host {
namespace {

using testing::slurp;
using testing::TempDir;

class Directories : public ::testing::Test {
 protected:
  Directories() {
    std::filesystem::create_directory(bundled());
    std::filesystem::create_directory(extra());
  }
  ~Directories() override {
    directory_.reset();
    reactor_.stop();
  }
  std::string bundled() const { return dir_ / "bundled"; }
  std::string extra() const { return dir_ / "extra"; }
  static std::string bytes_of(const std::string& plugin) {
    return slurp(std::string(TEST_PLUGINS) + "/" + plugin + ".so");
  }
  /// Puts a whole plugin there in one step.
  void put(const std::string& path, const std::string& plugin) {
    std::filesystem::rename(dir_.write("staged", bytes_of(plugin)), path);
  }
  void watch() {
    directory_ = std::make_unique<Directory>(std::vector<std::string>{bundled(), extra()}, reactor_);
    directory_->watch([this] {
      std::lock_guard lock(mutex_);
      ++changes_;
      told_.notify_all();
    });
  }
  bool told(int changes) {
    std::unique_lock lock(mutex_);
    return told_.wait_for(lock, std::chrono::seconds(20), [&] { return changes_ >= changes; });
  }
  int changes() {
    std::lock_guard lock(mutex_);
    return changes_;
  }
  /// Waits until whatever the reactor had to tell by now has been told.
  void settle() {
    std::mutex mutex;
    std::condition_variable passed;
    bool done = false;
    reactor_.after(std::chrono::milliseconds(250), [&] {
      std::lock_guard lock(mutex);
      done = true;
      passed.notify_all();
    });
    std::unique_lock lock(mutex);
    passed.wait(lock, [&] { return done; });
  }
  std::vector<Found> scan() {
    if (!directory_) directory_ = std::make_unique<Directory>(std::vector<std::string>{bundled(), extra()}, reactor_);
    return directory_->scan();
  }
  std::string error_of_only() {
    auto found = scan();
    return found.size() == 1 ? found[0].error : std::to_string(found.size()) + " found";
  }
  static bool has(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

  TempDir dir_;
  runtime::Reactor reactor_{"test-reactor"};
  std::unique_ptr<Directory> directory_;
  std::mutex mutex_;
  std::condition_variable told_;
  int changes_ = 0;
};

TEST_F(Directories, ListPluginsInOrderAndNothingElse) {
  put(extra() + "/wire.so", "wire");
  put(bundled() + "/small.so", "small_v1");
  put(bundled() + "/small.so.bak", "small_v1");
  put(bundled() + "/.so", "small_v1");
  auto found = scan();
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].path, bundled() + "/small.so");
  EXPECT_TRUE(found[0].bundled);
  EXPECT_FALSE(found[1].bundled);
  EXPECT_EQ(found[1].descriptor.types[0].id, "wire");
}
TEST_F(Directories, PreferTheFileOfALaterDirectory) {
  put(bundled() + "/a.so", "small_v1");
  put(extra() + "/b.so", "small_v2");
  auto found = scan();
  ASSERT_NE(find_type(found, "small"), nullptr);
  EXPECT_EQ(find_type(found, "small")->descriptor.types[0].version, "2");
  EXPECT_EQ(find_type(found, "none"), nullptr);
}
TEST(FindType, TakesTheOneOfItsKindWhereSeveralHaveTheId) {
  const auto file = [](const char* path, std::uint32_t kinds) {
    Found found;
    found.path = path;
    found.descriptor.types.emplace_back().id = "mq";
    found.descriptor.types.back().kinds = kinds;
    return found;
  };
  std::vector<Found> found = {file("/1/in.so", model::kind_source), file("/1/out.so", model::kind_notifier),
                              file("/2/in.so", model::kind_source)};
  EXPECT_EQ(find_type(found, "mq", model::kind_source)->path, "/2/in.so");
  EXPECT_EQ(find_type(found, "mq", model::kind_notifier)->path, "/1/out.so");
  EXPECT_EQ(find_type(found, "mq", model::kind_tracker)->path, "/2/in.so") << "to say what it is";
  found[2].error = "cannot be used";
  EXPECT_EQ(find_type(found, "mq", model::kind_source)->path, "/1/in.so");
}
TEST_F(Directories, DoNotOfferAFileThatCannotBeUsed) {
  put(bundled() + "/a.so", "small_v1");
  put(extra() + "/b.so", "small_v2");
  ASSERT_EQ(::chmod((extra() + "/b.so").c_str(), 0666), 0);
  auto found = scan();
  ASSERT_NE(find_type(found, "small"), nullptr);
  EXPECT_EQ(find_type(found, "small")->descriptor.types[0].version, "1");
}
TEST_F(Directories, KeepTheErrorOfOneFileToItself) {
  put(bundled() + "/bad.so", "no_note");
  put(bundled() + "/good.so", "wire");
  auto found = scan();
  ASSERT_EQ(found.size(), 2u);
  EXPECT_TRUE(has(found[0].error, "not a Tocsin plugin"));
  EXPECT_EQ(found[1].error, "");
}
TEST_F(Directories, RefuseSymlinksAndWhatAnybodyMayWrite) {
  put(dir_ / "target.so", "wire");
  ASSERT_EQ(::symlink((dir_ / "target.so").c_str(), (bundled() + "/l.so").c_str()), 0);
  EXPECT_TRUE(has(error_of_only(), "is a symbolic link"));
  std::filesystem::remove(bundled() + "/l.so");
  put(bundled() + "/w.so", "wire");
  ASSERT_EQ(::chmod((bundled() + "/w.so").c_str(), 0602), 0);
  EXPECT_TRUE(has(error_of_only(), "chmod o-w " + bundled() + "/w.so"));
  ASSERT_EQ(::chmod((bundled() + "/w.so").c_str(), 0600), 0);
  ASSERT_EQ(::chmod(bundled().c_str(), 0777), 0);
  EXPECT_TRUE(has(error_of_only(), "chmod o-w " + bundled()));
}
TEST_F(Directories, TakeAPluginUpWhenItsSignatureArrives) {
  const auto key = SigningKey::generate();
  TrustPolicy policy;
  policy.keys = {*key->public_key()};
  watch();
  directory_->set_policy(policy);
  put(extra() + "/a.so", "small_v1");
  ASSERT_TRUE(told(1));
  EXPECT_TRUE(has(error_of_only(), "is not signed"));
  const std::uint64_t identity = scan()[0].identity;
  std::filesystem::rename(dir_.write("staged", signatures_text({*key->sign(bytes_of("small_v1"))})),
                          extra() + "/a.so.sig");
  ASSERT_TRUE(told(2));
  EXPECT_EQ(error_of_only(), "");
  EXPECT_EQ(scan()[0].identity, identity);
  std::filesystem::remove(extra() + "/a.so.sig");
  ASSERT_TRUE(told(3));
  EXPECT_TRUE(has(error_of_only(), "is not signed"));
}
TEST_F(Directories, JudgeAgainByAChangedPolicy) {
  put(bundled() + "/a.so", "small_v1");
  put(extra() + "/b.so", "small_v1");
  scan();
  TrustPolicy policy;
  policy.keys.resize(1);
  directory_->set_policy(policy);
  EXPECT_EQ(scan()[0].error, "");
  EXPECT_TRUE(has(scan()[1].error, "is not signed"));
  policy.allow_unsigned = policy.verify_bundled = true;
  directory_->set_policy(policy);
  EXPECT_EQ(scan()[1].error, "");
  EXPECT_TRUE(has(scan()[0].warning, "is not signed"));
  EXPECT_TRUE(has(scan()[0].warning, "is not signed")) << "a second scan, from what is known";
}
TEST_F(Directories, TellWhenTheirOwnModeChanges) {
  put(extra() + "/a.so", "small_v1");
  ASSERT_EQ(::chmod(extra().c_str(), 0757), 0);
  watch();
  EXPECT_TRUE(has(error_of_only(), "chmod o-w " + extra()));
  ASSERT_EQ(::chmod(extra().c_str(), 0755), 0);
  ASSERT_TRUE(told(1));
  EXPECT_EQ(error_of_only(), "");
}
TEST_F(Directories, GiveAnExchangedFileAnotherIdentity) {
  put(bundled() + "/a.so", "small_v1");
  auto before = scan();
  EXPECT_EQ(scan()[0].identity, before[0].identity);
  put(bundled() + "/a.so", "small_v2");
  auto after = scan();
  EXPECT_NE(after[0].identity, before[0].identity);
  EXPECT_EQ(after[0].descriptor.types[0].version, "2");
}
TEST_F(Directories, TellOnceOfABurst) {
  watch();
  for (int i = 0; i < 20; ++i) put(bundled() + "/p" + std::to_string(i) + ".so", "small_v1");
  ASSERT_TRUE(told(1));
  settle();
  EXPECT_EQ(changes(), 1);
}
TEST_F(Directories, TellOfComingGoingAndChmod) {
  watch();
  put(extra() + "/a.so", "small_v1");
  ASSERT_TRUE(told(1));
  ASSERT_EQ(::chmod((extra() + "/a.so").c_str(), 0600), 0);
  ASSERT_TRUE(told(2));
  std::filesystem::remove(extra() + "/a.so");
  ASSERT_TRUE(told(3));
  EXPECT_TRUE(scan().empty());
}
TEST_F(Directories, SayNothingOfOtherFiles) {
  watch();
  dir_.write("extra/readme.txt", "x");
  settle();
  EXPECT_EQ(changes(), 0);
}
TEST_F(Directories, ReportAFileOnlyWhenItsWriterHasClosedIt) {
  watch();
  std::string whole = bytes_of("small_v1");
  int fd = ::open((extra() + "/a.so").c_str(), O_CREAT | O_WRONLY, 0600);
  ASSERT_EQ(::write(fd, whole.data(), 1000), 1000);
  EXPECT_TRUE(scan().empty());
  settle();
  EXPECT_EQ(changes(), 0);
  ASSERT_EQ(::write(fd, whole.data() + 1000, whole.size() - 1000), static_cast<ssize_t>(whole.size() - 1000));
  EXPECT_TRUE(scan().empty());
  ::close(fd);
  ASSERT_TRUE(told(1));
  auto found = scan();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].error, "");
}
TEST_F(Directories, ShowTheOldPluginWhileItIsOverwritten) {
  put(extra() + "/a.so", "small_v1");
  watch();
  std::uint64_t identity = scan()[0].identity;
  std::string whole = bytes_of("small_v2");
  int fd = ::open((extra() + "/a.so").c_str(), O_WRONLY | O_TRUNC);
  ASSERT_EQ(::write(fd, whole.data(), 500), 500);
  auto during = scan();
  ASSERT_EQ(during.size(), 1u);
  EXPECT_EQ(during[0].identity, identity);
  EXPECT_EQ(during[0].error, "");
  ASSERT_EQ(::write(fd, whole.data() + 500, whole.size() - 500), static_cast<ssize_t>(whole.size() - 500));
  ::close(fd);
  ASSERT_TRUE(told(1));
  EXPECT_EQ(scan()[0].descriptor.types[0].version, "2");
}
TEST_F(Directories, TakeUpAHardLink) {
  watch();
  put(dir_ / "target.so", "wire");
  ASSERT_EQ(::link((dir_ / "target.so").c_str(), (extra() + "/l.so").c_str()), 0);
  ASSERT_TRUE(told(1));
  EXPECT_EQ(scan().size(), 1u);
}
TEST_F(Directories, WaitForADirectoryThatIsNotThereYet) {
  std::filesystem::remove(extra());
  watch();
  EXPECT_TRUE(scan().empty());
  std::filesystem::create_directory(extra());
  ASSERT_TRUE(told(1));
  put(extra() + "/a.so", "wire");
  ASSERT_TRUE(told(2));
  EXPECT_EQ(scan().size(), 1u);
}
TEST_F(Directories, FollowADirectoryThatIsRemovedAndMadeAgain) {
  put(extra() + "/a.so", "wire");
  watch();
  ASSERT_EQ(scan().size(), 1u);
  std::filesystem::remove_all(extra());
  ASSERT_TRUE(told(1));
  EXPECT_TRUE(scan().empty());
  int before = changes();
  std::filesystem::create_directory(extra());
  ASSERT_TRUE(told(before + 1));
  before = changes();
  put(extra() + "/b.so", "wire");
  ASSERT_TRUE(told(before + 1));
  EXPECT_EQ(scan().size(), 1u);
}

}  // namespace
}  // namespace tocsin::plugin_host
