// What can be said of a plugin's file without running any of its code.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace tsn::conformance {

struct ElfFacts {
  std::vector<std::string> exported;                          ///< defined dynamic symbols that are not local
  std::vector<std::string> unique;                            ///< GNU_UNIQUE symbols
  std::vector<std::pair<std::string, std::string>> versions;  ///< symbol version needed, of which library
  std::vector<std::string> run_paths;                         ///< entries of DT_RPATH and DT_RUNPATH
  bool static_tls = false;
  bool text_relocations = false;
  bool exec_stack = false;
  bool has_note = false;
  bool note_loaded = false;  ///< a PT_NOTE segment covers it
  std::string note;          ///< the description of the note "Tocsin"
};

/// Throws std::runtime_error when the file is no ELF library of this machine.
ElfFacts read_elf(const std::string& path);

}  // namespace tsn::conformance
