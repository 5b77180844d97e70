// Up to 1024 samples of one series as a blob.
//
//   flags u8 (1: summaries follow the values; 2: each column of values begins with its form), sample count varint, then
//           the columns, then CRC-32C of it all, u32
//   times   ns since 1970, ascending: first value and then the differences of differences, zigzag varints; a zero is
//           followed by a varint that counts the further zeros, so a regular series costs a few bytes in all
//   values  in the form that takes less room:
//           0      IEEE doubles, each XORed with the one before; one control byte says how many bytes are zero on the
//                  left (bits 4-6) and on the right (bits 0-2), then come the others; 0x80 + n stands for n + 1
//                  unchanged values. Chunks without flag 2 have this form alone, and no byte that says so.
//           1 + k  decimals of k places: the differences of value * 10^k, zigzag varints, zeros as among the times. For
//                  columns that decode to the very same doubles.
//   summaries  count, min, max, avg, sum as five such columns; a sample without one has count NaN
//
// After Gorilla (Pelkonen et al., VLDB 2015), by bytes instead of bits: larger, but without bit shifting across bytes
// on the path that every sample takes. Most measured values have a few decimal places: their bits differ nearly
// everywhere from one to the next, so XOR alone leaves eight bytes of a value that moved by 0.01.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "storage/port.hpp"

namespace tocsin::storage::sqlite {

constexpr std::size_t chunk_samples = 1024;

/// `samples` by time; `summaries` empty or as long.
std::string encode_chunk(std::span<const Sample> samples, std::span<const model::Summary> summaries);

struct Chunk {
  std::vector<Sample> samples;
  std::vector<model::Summary> summaries;  ///< empty, or as long
};
/// Appends to `out`. Fault::corrupt, and `out` as it was, for bytes that encode_chunk() did not write.
base::Result<void> decode_chunk(std::string_view bytes, Chunk& out);

/// "None": what a sample without a summary has in a chunk with some.
model::Summary no_summary();
bool has_summary(const model::Summary& s);

}  // namespace tocsin::storage::sqlite
