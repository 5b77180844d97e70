#include "plugin_host/library.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin_host/testdata/fake_port.hpp"
#include "plugin_host/testdata/temp_dir.hpp"

namespace tocsin::plugin_host {
namespace {

using testing::FakePort;
using testing::slurp;
using testing::TempDir;

class Libraries : public ::testing::Test {
 protected:
  static std::string plugin(const std::string& name) { return std::string(TEST_PLUGINS) + "/" + name + ".so"; }
  static std::string message_of(const std::string& path) {
    auto loaded = load_library(path);
    if (loaded) return "no error";
    EXPECT_TRUE(loaded.error().message().starts_with(path + ": ")) << loaded.error().message();
    return loaded.error().message();
  }
  static bool has(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }
  /// What the code of a small plugin says of itself: the text of its refusal to start.
  std::string code_of(const std::shared_ptr<Instance>& instance) {
    auto started = instance->start("");
    return started ? "started" : started.error().message();
  }
  std::shared_ptr<Instance> instance_of(const std::string& path) {
    auto library = load_library(path);
    EXPECT_TRUE(library) << library.error().message();
    InstanceSettings settings;
    settings.name = "source.small";
    settings.type = "small";
    settings.config = base::Value(base::Value::Table{});
    return Instance::create(*library, settings, port_).value_or(nullptr);
  }

  TempDir dir_;
  FakePort port_;
};

TEST_F(Libraries, LoadWithTheTypesTheirNoteNames) {
  auto loaded = load_library(plugin("wire"));
  ASSERT_TRUE(loaded) << loaded.error().message();
  ASSERT_NE((*loaded)->find("wire"), nullptr);
  EXPECT_EQ((*loaded)->find("wire")->description.routes.size(), 1u);
  EXPECT_EQ((*loaded)->find("none"), nullptr);
}
TEST_F(Libraries, AreSharedByEqualContents) {
  std::string copy = dir_.write("copy.so", slurp(plugin("wire")));
  EXPECT_EQ(*load_library(plugin("wire")), *load_library(copy));
}
TEST_F(Libraries, NameASymbolThatNothingProvides) {
  EXPECT_TRUE(has(message_of(plugin("undefined_symbol")),
                  "needs the symbol tocsin_test_provided_by_nobody, which nothing provides"));
}
TEST_F(Libraries, NameTheEntryThatIsMissing) {
  EXPECT_TRUE(has(message_of(plugin("no_entry")), "does not export the symbol tsn_plugin_entry_v1"));
}
TEST_F(Libraries, GiveTheSameVerdictTwice) {
  EXPECT_EQ(message_of(plugin("no_entry")), message_of(plugin("no_entry")));
}
TEST_F(Libraries, RefuseATableOfAnotherAbi) {
  EXPECT_TRUE(has(message_of(plugin("table_other_abi")), "has plugin ABI 2, this agent has ABI 1"));
}
TEST_F(Libraries, RefuseATableThatIsTooSmall) {
  EXPECT_TRUE(has(message_of(plugin("table_too_small")), "returned a table of 8 bytes"));
}
TEST_F(Libraries, RefuseAnEntryThatReturnsNothing) {
  EXPECT_TRUE(has(message_of(plugin("null_table")), "its entry returned nothing"));
}
TEST_F(Libraries, RefuseANoteThatDoesNotFitTheCode) {
  EXPECT_TRUE(has(message_of(plugin("other_ids")), "its note names other types than its code has"));
}
TEST_F(Libraries, RefuseASymlink) {
  ASSERT_EQ(::symlink(plugin("wire").c_str(), (dir_ / "link.so").c_str()), 0);
  EXPECT_TRUE(has(message_of(dir_ / "link.so"), "is a symbolic link"));
}
TEST_F(Libraries, RefuseAFileThatAnybodyMayWrite) {
  std::string path = dir_.write("open.so", slurp(plugin("wire")));
  ASSERT_EQ(::chmod(path.c_str(), 0666), 0);
  EXPECT_TRUE(has(message_of(path), "run: chmod o-w " + path));
}
TEST_F(Libraries, RefuseADirectoryThatAnybodyMayWrite) {
  std::string path = dir_.write("fine.so", slurp(plugin("wire")));
  ASSERT_EQ(::chmod(dir_.path().c_str(), 0777), 0);
  EXPECT_TRUE(has(message_of(path), "run: chmod o-w " + dir_.path()));
}
TEST_F(Libraries, GiveTheNewCodeAfterARenameOverWhileTheOldRunsOn) {
  std::string path = dir_.write("small.so", slurp(plugin("small_v1")));
  auto old = instance_of(path);
  std::string fresh = dir_.write("small.so.new", slurp(plugin("small_v2")));
  ASSERT_EQ(::rename(fresh.c_str(), path.c_str()), 0);
  auto young = instance_of(path);
  EXPECT_TRUE(has(code_of(young), "code 2"));
  EXPECT_TRUE(has(code_of(old), "code 1"));
}
TEST_F(Libraries, GiveTheNewCodeAfterAnOverwriteInPlaceWhileTheOldRunsOn) {
  std::string path = dir_.write("small.so", slurp(plugin("small_v1")));
  auto old = instance_of(path);
  dir_.write("small.so", slurp(plugin("small_v2")));  // the same inode
  auto young = instance_of(path);
  EXPECT_TRUE(has(code_of(young), "code 2"));
  EXPECT_TRUE(has(code_of(old), "code 1"));
}
TEST_F(Libraries, RefuseATypeTheyDoNotHave) {
  auto library = load_library(plugin("wire"));
  InstanceSettings settings;
  settings.name = "source.x";
  settings.type = "nonesuch";
  auto made = Instance::create(*library, settings, port_);
  ASSERT_FALSE(made);
  EXPECT_TRUE(has(made.error().message(), "has no plugin type \"nonesuch\""));
}

}  // namespace
}  // namespace tocsin::plugin_host
