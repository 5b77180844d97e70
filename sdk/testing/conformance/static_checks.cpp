#include "checks.hpp"
#include "elf.hpp"
#include "tocsin/abi.h"

namespace tsn::conformance {

std::vector<Check> static_checks() {
  return {
      {"exports one symbol",
       [](const std::string& path) {
         const auto facts = read_elf(path);
         for (const auto& name : facts.exported)
           expect(name == TSN_ENTRY_SYMBOL, "also exports " + name + ": link with tocsin_add_plugin()");
         expect(facts.exported.size() == 1, "does not export " TSN_ENTRY_SYMBOL);
         return std::string();
       }},
      {"has no GNU_UNIQUE symbol",
       [](const std::string& path) {
         const auto facts = read_elf(path);
         expect(facts.unique.empty(),
                facts.unique.empty() ? "" : facts.unique[0] + " is unique: the library cannot unload");
         return std::string();
       }},
      {"has no static TLS",
       [](const std::string& path) {
         expect(!read_elf(path).static_tls, "thread-local variables of the initial-exec model: dlopen may fail");
         return std::string();
       }},
      {"carries its note",
       [](const std::string& path) {
         const auto facts = read_elf(path);
         expect(facts.has_note, "no " TSN_NOTE_SECTION " section with the note \"" TSN_NOTE_NAME "\"");
         expect(facts.note_loaded, "the note is in no PT_NOTE segment");
         return std::string();
       }},
  };
}

}  // namespace tsn::conformance
