// links: tocsin_plugin_host
// libFuzzer target for what is read of a plugin's file before any of its code runs: the ELF note, and the JSON in it.
// An input that begins with 0 is the JSON alone.
#include "plugin_host/descriptor_json.hpp"
#include "plugin_host/elf_note.hpp"
#include "target.hpp"

using namespace tocsin::plugin_host;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (size > 0 && data[0] == 0) {
    const fuzz::Exact json(bytes.substr(1));
    static_cast<void>(parse_descriptor(json.view(), "x.so"));
    return 0;
  }
  std::uint64_t asked = 0;
  const ByteSource source{size, [&](std::uint64_t offset, void* to, std::size_t count) {
                            fuzz::require(offset <= size && count <= size - offset, "only what is inside is asked for");
                            asked += count;
                            if (count > 0) std::memcpy(to, data + offset, count);
                            return true;
                          }};
  const auto note = read_note(source, "x.so");
  fuzz::require(asked < (64u << 20), "reading a note costs no more than its file is worth");
  if (!note) return 0;
  fuzz::require(note->size() <= size, "a note lies within its file");
  const fuzz::Exact json(*note);
  static_cast<void>(parse_descriptor(json.view(), "x.so"));
  return 0;
}
