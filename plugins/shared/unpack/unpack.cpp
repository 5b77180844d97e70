#include "unpack/unpack.hpp"

#include <algorithm>

#include "unpack/growing.hpp"

namespace tocsin_plugins {
namespace {

constexpr std::pair<std::string_view, Coding> words[] = {
    {"", Coding::none}, {"identity", Coding::none}, {"gzip", Coding::gzip}, {"zstd", Coding::zstd}};

bool same_word(std::string_view given, std::string_view known) {
  return std::ranges::equal(given, known, {},
                            [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
}

Unpacked copy(std::string_view packed, Growing& out) {
  if (packed.size() > out.most()) return Unpacked::too_long;
  while (!packed.empty()) {
    const auto room = out.room();
    const auto part = packed.substr(0, room.size());
    std::ranges::copy(part, room.begin());
    out.filled(part.size());
    packed.remove_prefix(part.size());
  }
  return Unpacked::whole;
}

}  // namespace

std::optional<Coding> coding_of(std::string_view word) {
  for (const auto& [known, coding] : words)
    if (same_word(word, known)) return coding;
  return std::nullopt;
}

std::string_view word_of(Coding coding) {
  return coding == Coding::gzip ? "gzip" : coding == Coding::zstd ? "zstd" : "identity";
}

std::string broken_text(Coding coding) {
  return coding == Coding::zstd ? "the body is no whole zstd, or wants a window of more than 8 MiB"
                                : "the body is no whole " + std::string(word_of(coding));
}

Unpacked unpack(Coding coding, std::string_view packed, std::size_t most, std::size_t padding, std::string& out) {
  Growing growing(out, most);
  const auto done = coding == Coding::gzip   ? unpack_gzip(packed, growing)
                    : coding == Coding::zstd ? unpack_zstd(packed, growing)
                                             : copy(packed, growing);
  growing.end(padding);
  return done;
}

}  // namespace tocsin_plugins
