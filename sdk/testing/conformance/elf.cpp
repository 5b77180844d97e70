// The ELF layout is that of elf.h (System V ABI, gABI chapters 4 and 5). Every offset is checked against the file's
// end.
#include "elf.hpp"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string_view>

#include "tocsin/abi.h"

namespace tsn::conformance {
namespace {

class File {
 public:
  explicit File(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) throw std::runtime_error("cannot read " + path);
    bytes_.resize(std::filesystem::file_size(path));
    in.read(bytes_.data(), static_cast<std::streamsize>(bytes_.size()));
    bytes_.resize(static_cast<std::size_t>(in.gcount()));
  }
  template <class Struct>
  Struct at(std::uint64_t offset) const {
    if (offset > bytes_.size() || sizeof(Struct) > bytes_.size() - offset)
      throw std::runtime_error("the file is truncated");
    Struct out;
    std::memcpy(&out, bytes_.data() + offset, sizeof out);
    return out;
  }
  std::string text(std::uint64_t offset) const {
    if (offset >= bytes_.size()) throw std::runtime_error("the file is truncated");
    return {bytes_.data() + offset, strnlen(bytes_.data() + offset, bytes_.size() - offset)};
  }
  std::string bytes(std::uint64_t offset, std::uint64_t count) const {
    if (offset > bytes_.size() || count > bytes_.size() - offset) throw std::runtime_error("the file is truncated");
    return {bytes_.data() + offset, count};
  }

 private:
  std::string bytes_;
};

void read_symbols(const File& file, const Elf64_Shdr& table, const Elf64_Shdr& names, ElfFacts& facts) {
  for (std::uint64_t at = 0; at + sizeof(Elf64_Sym) <= table.sh_size; at += sizeof(Elf64_Sym)) {
    const auto symbol = file.at<Elf64_Sym>(table.sh_offset + at);
    const auto bind = ELF64_ST_BIND(symbol.st_info);
    if (symbol.st_shndx == SHN_UNDEF || bind == STB_LOCAL) continue;
    const auto name = file.text(names.sh_offset + symbol.st_name);
    if (bind == STB_GNU_UNIQUE) facts.unique.push_back(name);
    if (table.sh_type == SHT_DYNSYM) facts.exported.push_back(name);
  }
}

void read_run_path(const std::string& path, ElfFacts& facts) {
  for (std::size_t at = 0; at <= path.size();) {
    const auto end = std::min(path.find(':', at), path.size());
    if (end > at) facts.run_paths.push_back(path.substr(at, end - at));
    at = end + 1;
  }
}

void read_dynamic(const File& file, const Elf64_Shdr& section, const Elf64_Shdr& names, ElfFacts& facts) {
  for (std::uint64_t at = 0; at + sizeof(Elf64_Dyn) <= section.sh_size; at += sizeof(Elf64_Dyn)) {
    const auto entry = file.at<Elf64_Dyn>(section.sh_offset + at);
    if (entry.d_tag == DT_NULL) break;
    if (entry.d_tag == DT_FLAGS && (entry.d_un.d_val & DF_STATIC_TLS)) facts.static_tls = true;
    if (entry.d_tag == DT_TEXTREL || (entry.d_tag == DT_FLAGS && (entry.d_un.d_val & DF_TEXTREL)))
      facts.text_relocations = true;
    if (entry.d_tag == DT_RPATH || entry.d_tag == DT_RUNPATH)
      read_run_path(file.text(names.sh_offset + entry.d_un.d_val), facts);
  }
}

/// Which symbol versions are needed of which library: SHT_GNU_verneed.
void read_versions(const File& file, const Elf64_Shdr& section, const Elf64_Shdr& names, ElfFacts& facts) {
  auto at = section.sh_offset;
  for (std::uint32_t i = 0; i < section.sh_info; ++i) {
    const auto need = file.at<Elf64_Verneed>(at);
    auto entry_at = at + need.vn_aux;
    for (std::uint16_t k = 0; k < need.vn_cnt; ++k) {
      const auto entry = file.at<Elf64_Vernaux>(entry_at);
      facts.versions.emplace_back(file.text(names.sh_offset + entry.vna_name),
                                  file.text(names.sh_offset + need.vn_file));
      entry_at += entry.vna_next;
    }
    at += need.vn_next;
  }
}

void read_note(const File& file, const Elf64_Shdr& section, ElfFacts& facts) {
  const auto header = file.at<Elf64_Nhdr>(section.sh_offset);
  const auto name = file.bytes(section.sh_offset + sizeof header, header.n_namesz);
  if (name != std::string(TSN_NOTE_NAME, sizeof TSN_NOTE_NAME) || header.n_type != TSN_NOTE_DESCRIPTOR) return;
  facts.has_note = true;
  facts.note = file.bytes(section.sh_offset + sizeof header + (header.n_namesz + 3) / 4 * 4, header.n_descsz);
}

}  // namespace

ElfFacts read_elf(const std::string& path) {
  const File file(path);
  const auto head = file.at<Elf64_Ehdr>(0);
  if (std::memcmp(head.e_ident, ELFMAG, SELFMAG) != 0) throw std::runtime_error("not an ELF file");
  if (head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_type != ET_DYN)
    throw std::runtime_error("not a 64-bit shared library");
  const auto self = File("/proc/self/exe").at<Elf64_Ehdr>(0);
  if (head.e_machine != self.e_machine) throw std::runtime_error("built for another machine");

  ElfFacts facts;
  const auto section = [&](std::uint64_t index) {
    return file.at<Elf64_Shdr>(head.e_shoff + index * head.e_shentsize);
  };
  for (std::uint16_t k = 0; k < head.e_phnum; ++k) {
    const auto segment = file.at<Elf64_Phdr>(head.e_phoff + std::uint64_t{k} * head.e_phentsize);
    if (segment.p_type == PT_GNU_STACK) facts.exec_stack |= (segment.p_flags & PF_X) != 0;
  }
  const auto names = section(head.e_shstrndx);
  for (std::uint16_t i = 0; i < head.e_shnum; ++i) {
    const auto one = section(i);
    if (one.sh_type == SHT_DYNSYM || one.sh_type == SHT_SYMTAB) read_symbols(file, one, section(one.sh_link), facts);
    if (one.sh_type == SHT_DYNAMIC) read_dynamic(file, one, section(one.sh_link), facts);
    if (one.sh_type == SHT_GNU_verneed) read_versions(file, one, section(one.sh_link), facts);
    if (file.text(names.sh_offset + one.sh_name) != TSN_NOTE_SECTION) continue;
    read_note(file, one, facts);
    for (std::uint16_t k = 0; k < head.e_phnum; ++k) {
      const auto segment = file.at<Elf64_Phdr>(head.e_phoff + std::uint64_t{k} * head.e_phentsize);
      facts.note_loaded |= segment.p_type == PT_NOTE && segment.p_offset <= one.sh_offset &&
                           one.sh_offset + one.sh_size <= segment.p_offset + segment.p_filesz;
    }
  }
  return facts;
}

}  // namespace tsn::conformance
