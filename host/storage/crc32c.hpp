// CRC-32C (Castagnoli, RFC 3720 appendix B.4): the checksum of journal records and history chunks.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tocsin::storage {

/// Continues `crc` (0 to begin) over the bytes. Uses the processor's instruction where there is one. Any thread.
std::uint32_t crc32c(std::uint32_t crc, const void* data, std::size_t bytes);
/// The same by tables, for processors without the instruction.
std::uint32_t crc32c_portable(std::uint32_t crc, const void* data, std::size_t bytes);

}  // namespace tocsin::storage
