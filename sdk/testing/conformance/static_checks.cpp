#include <charconv>
#include <nlohmann/json.hpp>

#include "checks.hpp"
#include "elf.hpp"
#include "tocsin/abi.h"

namespace tsn::conformance {
namespace {

/// "2.36" is newer than "2.4": part by part.
bool newer(std::string_view a, std::string_view b) {
  const auto part = [](std::string_view& text) {
    unsigned value = 0;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), value).ptr;
    text.remove_prefix(std::min(text.size(), static_cast<std::size_t>(end - text.data()) + 1));
    return value;
  };
  while (!a.empty() || !b.empty()) {
    const auto left = part(a), right = part(b);
    if (left != right) return left > right;
  }
  return false;
}

void within(const ElfFacts& facts, std::string_view prefix, const std::string& ceiling, const char* defect,
            Findings& found) {
  for (const auto& [version, library] : facts.versions) {
    if (!version.starts_with(prefix)) continue;
    const auto number = std::string_view(version).substr(prefix.size());
    const bool numbered = !number.empty() && number[0] >= '0' && number[0] <= '9';
    found.expect(!numbered || !newer(number, ceiling), defect, library,
                 "needs " + version + "; the ceiling is " + ceiling);
  }
}

std::string exports(const Subject& subject, Findings& found) {
  const auto facts = read_elf(subject.path);
  bool entry = false;
  for (const auto& name : facts.exported) {
    entry |= name == TSN_ENTRY_SYMBOL;
    found.expect(name == TSN_ENTRY_SYMBOL, "two_exports", name, "is exported beside " TSN_ENTRY_SYMBOL);
  }
  found.expect(entry, "no_export", TSN_ENTRY_SYMBOL, "is not exported");
  for (const auto& name : facts.unique) found.add({"gnu_unique", name, "is a GNU_UNIQUE symbol"});
  return {};
}

std::string fit_to_load(const Subject& subject, Findings& found) {
  const auto facts = read_elf(subject.path);
  found.expect(!facts.static_tls, "static_tls", "DT_FLAGS", "DF_STATIC_TLS is set");
  found.expect(!facts.text_relocations, "text_relocations", "DT_TEXTREL", "the code is written to when it is loaded");
  found.expect(!facts.exec_stack, "exec_stack", "PT_GNU_STACK", "asks for an executable stack");
  within(facts, "GLIBC_", subject.glibc, "newer_glibc", found);
  within(facts, "GLIBCXX_", subject.libstdcxx, "newer_libstdcxx", found);
  for (const auto& folder : facts.run_paths)
    found.expect(folder.starts_with("$ORIGIN") || folder.starts_with("${ORIGIN}"), "build_rpath", "DT_RUNPATH",
                 "names \"" + folder + "\"");
  return {};
}

std::string carries_its_note(const Subject& subject, Findings& found) {
  const auto facts = read_elf(subject.path);
  if (!facts.has_note) {
    found.add({"no_note", TSN_NOTE_SECTION, "there is no note \"" TSN_NOTE_NAME "\""});
    return {};
  }
  found.expect(facts.note_loaded, "odd_note", TSN_NOTE_SECTION, "the note is in no PT_NOTE segment");
  const auto note = nlohmann::json::parse(facts.note, nullptr, false);
  if (!note.is_object() || !note.contains("types") || !note["types"].is_array() || note["types"].empty())
    found.add({"odd_note", TSN_NOTE_SECTION, "is no JSON object with \"types\""});
  else
    found.expect(note.value("abi", 0u) == TSN_ABI_VERSION, "odd_note", TSN_NOTE_SECTION,
                 "is for ABI " + note.value("abi", nlohmann::json()).dump());
  return {};
}

}  // namespace

std::vector<Check> static_checks() {
  return {
      {"exports one symbol", exports}, {"is fit to be loaded", fit_to_load}, {"carries its note", carries_its_note}};
}

}  // namespace tsn::conformance
