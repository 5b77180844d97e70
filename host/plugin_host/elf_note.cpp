#include "plugin_host/elf_note.hpp"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

#include "tocsin/abi.h"

namespace tocsin::plugin_host {
namespace {

using base::fail;
using base::Fault;
using base::Result;

constexpr std::uint64_t max_note_bytes = 4u << 20;
constexpr std::uint32_t max_headers = 65536;
#if defined(__x86_64__)
constexpr std::uint16_t own_machine = EM_X86_64;
#elif defined(__aarch64__)
constexpr std::uint16_t own_machine = EM_AARCH64;
#else
#error "plugins are loaded on x86_64 and aarch64"
#endif

std::string machine_name(std::uint16_t machine) {
  switch (machine) {
    case EM_X86_64:
      return "x86_64";
    case EM_AARCH64:
      return "aarch64";
    case EM_386:
      return "i386";
    case EM_ARM:
      return "arm";
    case EM_PPC64:
      return "ppc64";
    case EM_S390:
      return "s390x";
    case EM_RISCV:
      return "riscv";
    default:
      return "machine " + std::to_string(machine);
  }
}

/// A stretch of the file that may hold notes.
struct Stretch {
  std::uint64_t offset, bytes, align;
};

class Parser {
 public:
  Parser(const ByteSource& source, const std::string& path) : source_(source), path_(path) {}

  Result<std::string> note() {
    TRY_VOID(read_header());
    TRY(auto named, note_sections());
    TRY(auto from_section, search(named));
    if (from_section) return std::move(*from_section);
    TRY(auto segments, note_segments());
    TRY(auto from_segment, search(segments));
    if (from_segment) return std::move(*from_segment);
    return fail(Fault::invalid, path_ + ": is a shared object but not a Tocsin plugin: it has no " TSN_NOTE_SECTION
                                        " note; build it with tocsin_add_plugin(), and do not strip notes from it");
  }

 private:
  std::unexpected<base::Error> truncated(const std::string& what) const {
    return fail(Fault::corrupt, path_ + ": is truncated or damaged: " + what + " lies outside the file's " +
                                    std::to_string(source_.size) + " bytes; copy or build the file again");
  }
  std::unexpected<base::Error> damaged(const std::string& what) const {
    return fail(Fault::corrupt,
                path_ + ": its " TSN_NOTE_SECTION " note is damaged: " + what + "; build the plugin again");
  }
  bool inside(std::uint64_t offset, std::uint64_t bytes) const {
    return offset <= source_.size && bytes <= source_.size - offset;
  }
  Result<void> read(std::uint64_t offset, void* to, std::size_t bytes, const std::string& what) const {
    if (!inside(offset, bytes)) return truncated(what);
    if (!source_.read(offset, to, bytes)) return fail(Fault::unavailable, path_ + ": cannot be read at " + what);
    return {};
  }

  Result<void> read_header() {
    unsigned char ident[EI_NIDENT] = {};
    if (source_.size == 0) return fail(Fault::corrupt, path_ + ": is empty; copy or build the file again");
    std::size_t have = std::min<std::uint64_t>(source_.size, sizeof ident);
    TRY_VOID(read(0, ident, have, "the ELF identification"));
    if (std::memcmp(ident, ELFMAG, std::min<std::size_t>(have, SELFMAG)) != 0) {
      return fail(Fault::invalid,
                  path_ + ": is not an ELF file; a plugin is a shared object built with tocsin_add_plugin()");
    }
    if (have < sizeof ident) return truncated("the ELF identification");
    if (ident[EI_CLASS] != ELFCLASS64) {
      return fail(Fault::invalid,
                  path_ + ": is not a 64-bit ELF file; build the plugin for " + machine_name(own_machine));
    }
    if (ident[EI_DATA] != ELFDATA2LSB) {
      return fail(Fault::invalid,
                  path_ + ": is a big-endian ELF file; build the plugin for " + machine_name(own_machine));
    }
    TRY_VOID(read(0, &header_, sizeof header_, "the ELF header"));
    if (header_.e_machine != own_machine) {
      return fail(Fault::invalid, path_ + ": was built for " + machine_name(header_.e_machine) + ", this agent is " +
                                      machine_name(own_machine) + "; install the plugin's build for this machine");
    }
    if (header_.e_type != ET_DYN) {
      return fail(Fault::invalid, path_ + ": is not a shared object (ELF type " + std::to_string(header_.e_type) +
                                      "); link it with -shared, as tocsin_add_plugin() does");
    }
    return {};
  }

  /// Sections named .note.tocsin, of whatever type: some assemblers make SHT_PROGBITS of it. A file without section
  /// headers has none, which is no defect.
  Result<std::vector<Stretch>> note_sections() {
    std::vector<Stretch> found;
    if (header_.e_shoff == 0) return found;
    if (header_.e_shentsize < sizeof(Elf64_Shdr)) return truncated("the section headers (size of an entry)");
    TRY(auto first, section(0));
    std::uint64_t count = header_.e_shnum != 0 ? header_.e_shnum : first.sh_size;
    std::uint64_t names_at = header_.e_shstrndx != SHN_XINDEX ? header_.e_shstrndx : first.sh_link;
    if (count > max_headers) return truncated("the section header table (" + std::to_string(count) + " entries)");
    if (count == 0) return found;
    if (!inside(header_.e_shoff, count * header_.e_shentsize)) return truncated("the section header table");
    if (names_at >= count) return truncated("the table of section names");
    TRY(auto names, section(names_at));
    for (std::uint64_t i = 1; i < count; ++i) {
      TRY(auto one, section(i));
      if (one.sh_type == SHT_NOBITS || !is_named(names, one.sh_name)) continue;
      if (!inside(one.sh_offset, one.sh_size)) return truncated("the section " TSN_NOTE_SECTION);
      found.push_back({one.sh_offset, one.sh_size, one.sh_addralign});
    }
    return found;
  }

  Result<Elf64_Shdr> section(std::uint64_t index) const {
    Elf64_Shdr out;
    std::uint64_t at = index * header_.e_shentsize;
    if (header_.e_shoff > source_.size) return truncated("the section header table");
    TRY_VOID(read(header_.e_shoff + at, &out, sizeof out, "section header " + std::to_string(index)));
    return out;
  }

  bool is_named(const Elf64_Shdr& names, std::uint32_t at) const {
    char name[sizeof TSN_NOTE_SECTION] = {};
    if (at > names.sh_size || names.sh_size - at < sizeof name || !inside(names.sh_offset, names.sh_size)) return false;
    return source_.read(names.sh_offset + at, name, sizeof name) &&
           std::memcmp(name, TSN_NOTE_SECTION, sizeof name) == 0;
  }

  /// Program headers of type PT_NOTE: what is left where sections were stripped.
  Result<std::vector<Stretch>> note_segments() {
    std::vector<Stretch> found;
    if (header_.e_phoff == 0 || header_.e_phnum == 0) return found;
    if (header_.e_phentsize < sizeof(Elf64_Phdr)) return truncated("the program headers (size of an entry)");
    if (!inside(header_.e_phoff, std::uint64_t{header_.e_phnum} * header_.e_phentsize)) {
      return truncated("the program header table");
    }
    for (std::uint64_t i = 0; i < header_.e_phnum; ++i) {
      Elf64_Phdr one;
      TRY_VOID(
          read(header_.e_phoff + i * header_.e_phentsize, &one, sizeof one, "program header " + std::to_string(i)));
      if (one.p_type != PT_NOTE) continue;
      if (!inside(one.p_offset, one.p_filesz)) return truncated("a note segment");
      found.push_back({one.p_offset, one.p_filesz, one.p_align});
    }
    return found;
  }

  Result<std::optional<std::string>> search(const std::vector<Stretch>& stretches) {
    for (const Stretch& stretch : stretches) {
      // Of all stretches: thousands of headers may lead to the same megabytes.
      if (stretch.bytes > max_note_bytes - searched_)
        return damaged("it has more than " + std::to_string(max_note_bytes) + " bytes");
      searched_ += stretch.bytes;
      std::string bytes(stretch.bytes, '\0');
      TRY_VOID(read(stretch.offset, bytes.data(), bytes.size(), "a note"));
      TRY(auto found, search(bytes, stretch.align == 8 ? 8 : 4));
      if (found) return found;
    }
    return std::nullopt;
  }

  /// Notes one after the other: namesz, descsz, type (32 bits each), name, padding, description, padding.
  Result<std::optional<std::string>> search(const std::string& bytes, std::uint64_t align) {
    auto padded = [align](std::uint64_t n) { return (n + align - 1) / align * align; };
    for (std::uint64_t at = 0; bytes.size() - at >= sizeof(Elf64_Nhdr);) {
      Elf64_Nhdr note;
      std::memcpy(&note, bytes.data() + at, sizeof note);
      std::uint64_t name_at = at + sizeof note;
      std::uint64_t text_at = padded(name_at + note.n_namesz);
      if (text_at > bytes.size() || note.n_descsz > bytes.size() - text_at)
        return damaged("a size reaches past its end");
      bool ours = note.n_namesz == sizeof TSN_NOTE_NAME && note.n_type == TSN_NOTE_DESCRIPTOR &&
                  std::memcmp(bytes.data() + name_at, TSN_NOTE_NAME, sizeof TSN_NOTE_NAME) == 0;
      if (ours) return bytes.substr(text_at, note.n_descsz);
      at = std::min<std::uint64_t>(padded(text_at + note.n_descsz), bytes.size());
    }
    return std::nullopt;
  }

  const ByteSource& source_;
  const std::string& path_;
  Elf64_Ehdr header_{};
  std::uint64_t searched_ = 0;  ///< bytes of notes read so far
};

}  // namespace

base::Result<std::string> read_note(const ByteSource& source, const std::string& path) {
  return Parser(source, path).note();
}

}  // namespace tocsin::plugin_host
