#include "plugin_host/descriptor.hpp"

#include <elf.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstring>
#include <random>

#include "plugin_host/testdata/temp_dir.hpp"

namespace tocsin::plugin_host {
namespace {

using testing::slurp;
using testing::TempDir;

class Descriptors : public ::testing::Test {
 protected:
  static std::string plugin(const std::string& name) { return std::string(TEST_PLUGINS) + "/" + name + ".so"; }
  /// The message for a file with these bytes; every message names the file.
  std::string message(const std::string& bytes) {
    std::string path = dir_.write("x.so", bytes);
    return message_of(path);
  }
  static std::string message_of(const std::string& path) {
    auto read = read_descriptor(path);
    if (read) return "no error";
    EXPECT_TRUE(read.error().message().starts_with(path + ": ")) << read.error().message();
    return read.error().message();
  }
  /// wire.so with `bytes` written at `offset`.
  template <class T>
  std::string patched(std::size_t offset, T bytes) {
    std::string out = slurp(plugin("wire"));
    std::memcpy(out.data() + offset, &bytes, sizeof bytes);
    return out;
  }
  static bool has(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

  TempDir dir_;
};

TEST_F(Descriptors, TellEverythingTheNoteSays) {
  auto read = read_descriptor(plugin("wire"));
  ASSERT_TRUE(read) << read.error().message();
  ASSERT_EQ(read->types.size(), 1u);
  const model::PluginType& type = read->types[0];
  EXPECT_EQ(read->abi, 1u);
  EXPECT_EQ(read->path, plugin("wire"));
  EXPECT_EQ(type.id + " " + type.version, "wire 1.2.3");
  EXPECT_EQ(type.kinds, 15u);
  EXPECT_EQ(type.needs, std::vector<std::string>{"network"});
  ASSERT_EQ(type.options.size(), 2u);
  EXPECT_EQ(type.options[0].type, base::OptionType::integer);
  EXPECT_TRUE(type.options[0].required && type.options[0].reloadable && !type.options[0].secret);
  EXPECT_EQ(type.options[0].min, "0");
  EXPECT_EQ(type.options[1].type, base::OptionType::string);
  EXPECT_TRUE(type.options[1].secret);
  EXPECT_EQ(type.options[1].fallback, "\"end\"");
  EXPECT_EQ(type.options[1].choices, (std::vector<std::string>{"end", "beginning"}));
  ASSERT_EQ(type.rule_options.size(), 1u);
  EXPECT_EQ(type.rule_options[0].key, "threshold");
  ASSERT_EQ(type.query_options.size(), 1u);
  EXPECT_EQ(type.query_options[0].key, "expr");
  ASSERT_EQ(type.signals.size(), 1u);
  EXPECT_EQ(type.signals[0].labels, "a,b");
  ASSERT_EQ(type.routes.size(), 1u);
  EXPECT_EQ(type.routes[0].path, "/wire/*");
  EXPECT_EQ(type.address_field + type.extension, "email.wire");
  EXPECT_EQ(type.source_features, 3u);
  EXPECT_EQ(type.notifier_features, 2u);
}

TEST_F(Descriptors, AreFoundInASegmentWhereSectionsWereStripped) {
  std::string bytes = slurp(plugin("wire"));
  auto& header = *reinterpret_cast<Elf64_Ehdr*>(bytes.data());
  header.e_shoff = 0, header.e_shnum = 0, header.e_shstrndx = 0;
  EXPECT_EQ(message(bytes), "no error");
}

TEST_F(Descriptors, SayWhatIsWrongWithAFileThatIsNotThere) {
  EXPECT_TRUE(has(message_of(dir_ / "gone.so"), "cannot be opened: No such file"));
}
TEST_F(Descriptors, RefuseWhatIsNoRegularFile) {
  ASSERT_EQ(::mkdir((dir_ / "d.so").c_str(), 0700), 0);
  EXPECT_TRUE(has(message_of(dir_ / "d.so"), "is not a regular file"));
  ASSERT_EQ(::mkfifo((dir_ / "fifo.so").c_str(), 0600), 0);
  EXPECT_TRUE(has(message_of(dir_ / "fifo.so"), "is not a regular file"));
}
TEST_F(Descriptors, RefuseAnEmptyFile) {
  EXPECT_TRUE(has(message(""), "is empty"));
}
TEST_F(Descriptors, RefuseWhatIsNotElf) {
  EXPECT_TRUE(has(message("#!/bin/sh\nexit 0\n"), "is not an ELF file"));
}
TEST_F(Descriptors, RefuseA32BitFile) {
  EXPECT_TRUE(has(message(patched<char>(EI_CLASS, ELFCLASS32)), "is not a 64-bit ELF file"));
}
TEST_F(Descriptors, RefuseABigEndianFile) {
  EXPECT_TRUE(has(message(patched<char>(EI_DATA, ELFDATA2MSB)), "is a big-endian ELF file"));
}
TEST_F(Descriptors, NameBothMachinesWhereTheyDiffer) {
  std::string said = message(patched<std::uint16_t>(offsetof(Elf64_Ehdr, e_machine), EM_S390));
  EXPECT_TRUE(has(said, "was built for s390x, this agent is ")) << said;
}
TEST_F(Descriptors, RefuseAnExecutable) {
  EXPECT_TRUE(has(message(patched<std::uint16_t>(offsetof(Elf64_Ehdr, e_type), ET_EXEC)), "is not a shared object"));
}
TEST_F(Descriptors, RefuseALibraryWithoutANote) {
  EXPECT_TRUE(has(message_of(plugin("no_note")), "is a shared object but not a Tocsin plugin"));
}
TEST_F(Descriptors, RefuseANoteThatIsNotJson) {
  EXPECT_TRUE(has(message_of(plugin("note_not_json")), "note is damaged: the description is not valid JSON"));
}
TEST_F(Descriptors, NameTheVersionOfAnotherAbi) {
  EXPECT_TRUE(has(message_of(plugin("note_other_abi")), "was built for plugin ABI 2, this agent has ABI 1"));
}
TEST_F(Descriptors, RefuseANoteWhoseSizesReachPastItsEnd) {
  std::string bytes = slurp(plugin("wire"));
  std::size_t at = bytes.find(std::string("Tocsin\0\0{", 9));
  ASSERT_NE(at, bytes.npos);
  std::uint32_t huge = 0xFFFFFFF0u;
  std::memcpy(bytes.data() + at - 8, &huge, 4);
  EXPECT_TRUE(has(message(bytes), "note is damaged: a size reaches past its end"));
}
TEST_F(Descriptors, RefuseManyHeadersOfTheSameBytes) {
  // 64 program headers, each of a note segment that is the whole file of 1 MiB.
  std::string bytes(1u << 20, '\0');
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident,
              "\x7f"
              "ELF\2\1\1",
              7);
  header.e_type = ET_DYN;
  header.e_machine = slurp(plugin("wire"))[18] == EM_X86_64 ? EM_X86_64 : EM_AARCH64;
  header.e_phoff = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = 64;
  std::memcpy(bytes.data(), &header, sizeof header);
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr one{};
    one.p_type = PT_NOTE;
    one.p_offset = sizeof header + header.e_phnum * sizeof one;
    one.p_filesz = bytes.size() - one.p_offset;
    std::memcpy(bytes.data() + sizeof header + i * sizeof one, &one, sizeof one);
  }
  EXPECT_TRUE(has(message(bytes), "more than 4194304 bytes"));
}
TEST_F(Descriptors, RefuseEveryTruncation) {
  std::string whole = slurp(plugin("wire"));
  for (std::size_t size = 1; size < whole.size(); size += size < 2048 ? 7 : 509) {
    std::string said = message(whole.substr(0, size));
    ASSERT_TRUE(has(said, "truncated")) << size << ": " << said;
  }
}
TEST_F(Descriptors, SurviveAnyDamage) {
  const std::string whole = slurp(plugin("wire"));
  std::mt19937 random(7);
  std::uint64_t sections = reinterpret_cast<const Elf64_Ehdr*>(whole.data())->e_shoff;
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = whole;
    for (int i = 0; i < 4; ++i) {
      std::size_t at = random() % 3 == 0 ? sections + random() % (bytes.size() - sections) : random() % 1400;
      bytes[at] = static_cast<char>(random());
    }
    auto read = read_descriptor(dir_.write("x.so", bytes));
    ASSERT_TRUE(read || !read.error().message().empty());
  }
}

}  // namespace
}  // namespace tocsin::plugin_host
