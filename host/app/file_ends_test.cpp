#include "app/file_ends.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace tocsin::app {
namespace {

namespace fs = std::filesystem;

class FileEnds : public testing::Test {
 protected:
  FileEnds() : folder_(fs::temp_directory_path() / ("tocsin-ends-" + std::to_string(::getpid()))) {
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "logs" / "deep" / "er");
  }
  ~FileEnds() override { fs::remove_all(folder_); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  void write(const std::string& name, const std::string& text) { std::ofstream(path(name), std::ios::binary) << text; }
  std::string read(const std::string& file) const {
    std::ostringstream text;
    text << std::ifstream(file, std::ios::binary).rdbuf();
    return text.str();
  }
  std::string end_of(const std::string& text, std::size_t lines) {
    write("from", text);
    EXPECT_TRUE(copy_end(path("from"), path("copies/to"), lines));
    return read(path("copies/to"));
  }
  base::Value options(std::vector<std::string> paths, std::vector<std::string> exclude = {}) const {
    base::Value::Array list, left_out;
    for (const auto& each : paths) list.emplace_back(path(each));
    for (auto& each : exclude) left_out.emplace_back(std::move(each));
    base::Value config{base::Value::Table()};
    config.set("paths", base::Value(std::move(list)));
    config.set("exclude", base::Value(std::move(left_out)));
    return config;
  }

  const fs::path folder_;
};

TEST_F(FileEnds, AreTheLastLines) {
  EXPECT_EQ(end_of("a\nb\nc\n", 2), "b\nc\n");
  EXPECT_EQ(end_of("a\nb\nc\n", 3), "a\nb\nc\n");
  EXPECT_EQ(end_of("a\nb\nc\n", 9), "a\nb\nc\n");
  EXPECT_EQ(end_of("a\nb\nc", 1), "c") << "a last line without an end";
  EXPECT_EQ(end_of("a\n\n\n", 2), "\n\n") << "empty lines are lines";
  EXPECT_EQ(end_of("\na\n", 1), "a\n");
  EXPECT_EQ(end_of("", 5), "");
  EXPECT_EQ(end_of("\n", 5), "\n");
}

TEST_F(FileEnds, OfLargeFilesBeginWithAWholeLine) {
  const std::string line = std::string(99, 'x') + "\n";
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += line;
  const std::string end = end_of(text, 1'000'000);
  EXPECT_LE(end.size(), 8u << 20);
  EXPECT_GT(end.size(), (8u << 20) - 200);
  EXPECT_EQ(end.size() % line.size(), 0u);
}

TEST_F(FileEnds, TakeThePlaceOfWhatTheOptionsName) {
  write("logs/a.log", "1\n2\n");
  write("logs/b.log.1", "3\n");
  write("logs/deep/er/c.log", "4\n");
  base::Value config = options({"logs/*", "logs/**/*.log"}, {"*.[0-9]"});
  EXPECT_TRUE(read_ends_instead(config, path("copies"), 1).empty());
  std::vector<std::string> texts;
  for (const auto& copy : texts_of(config, "paths"))
    texts.push_back(copy.substr(path("copies").size()) + "=" + read(copy));
  EXPECT_EQ(texts, (std::vector<std::string>{path("logs/a.log") + "=2\n", path("logs/deep/er/c.log") + "=4\n"}));
  EXPECT_TRUE(texts_of(config, "exclude").empty()) << "they are chosen already";
}

TEST_F(FileEnds, OfWhatIsNamedWholeAreNotExcluded) {
  write("logs/a.log.1", "1\n");
  base::Value config = options({"logs/a.log.1"}, {"*.[0-9]"});
  EXPECT_TRUE(read_ends_instead(config, path("copies"), 1).empty());
  EXPECT_EQ(texts_of(config, "paths").size(), 1u);
}

TEST_F(FileEnds, ThatAreNotThereAreSaid) {
  base::Value config = options({"logs/none*.log"});
  EXPECT_EQ(read_ends_instead(config, path("copies"), 1),
            std::vector<std::string>{"there is no file " + path("logs/none*.log")});
  EXPECT_TRUE(texts_of(config, "paths").empty());
}

}  // namespace
}  // namespace tocsin::app
