// Bodies that came packed (Content-Encoding), unpacked within a bound: what would unpack to more is refused before it
// is there, and the work is bounded by the bytes that came and those that come out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tocsin_plugins {

enum class Coding : std::uint8_t {
  none,
  gzip,  ///< RFC 1952, also several members in a row
  zstd,  ///< RFC 8878, also several frames in a row; a window of at most 8 MiB, which is what RFC 9659 allows
};

/// What is taken, as the header accept-encoding says it.
constexpr std::string_view codings_taken = "gzip, zstd";
/// The same in a sentence.
constexpr std::string_view codings_in_words = "gzip or zstd";

/// By its word in content-encoding, in any case; "" and "identity": none. Nothing: it is not known.
std::optional<Coding> coding_of(std::string_view word);
/// "gzip", "zstd", "identity".
std::string_view word_of(Coding coding);

enum class Unpacked : std::uint8_t { whole, too_long, broken };

/// What is told of a body that is broken: "the body is no whole gzip".
std::string broken_text(Coding coding);
/// `out` has `padding` zero bytes behind what was unpacked (not counted in its size: they are reserved and readable).
Unpacked unpack(Coding coding, std::string_view packed, std::size_t most, std::size_t padding, std::string& out);

}  // namespace tocsin_plugins
