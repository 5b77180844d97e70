// How the journal's records look on disk. Little endian, nothing aligned, columns raw:
//
//   frame   "TJR1", kind u32, payload length u32, CRC-32C of the payload u32, position u64, 0 u32, CRC-32C of the
//   frame's
//           first 28 bytes u32; then the payload
//   head    version u32, count u32, then per instance: name, next sequence number u64, has cursor u8, cursor
//   series  count u32, then per series: id u32, name, label count u32, then name and value of each label
//   batch   first sequence number u64, arrived i64 (ns since 1970), rows u32, has cursor u32, instance, source, cursor,
//           file count u32, files, column count u32, per column: id u32 and bytes u64; then the columns' bytes
//   string  length u32, bytes
//
// The frame has a checksum of its own, so that a damaged payload can be stepped over by its length, and a length that
// reaches past the end of the file is known to be a torn write and not a flipped bit. Rejected: one checksum over both,
// which cannot tell the two apart and loses the rest of the file to one bad bit; and a scan for the next magic number,
// which may find bytes that a log line carried.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "model/series_table.hpp"
#include "model/signal.hpp"

namespace tocsin::storage::format {

/// `decision` stands in the decision log alone (sqlite/decision_log.hpp), which has the same frames.
enum class Kind : std::uint32_t { head = 1, series = 2, batch = 3, decision = 4 };

constexpr std::uint32_t magic = 0x31524a54;  // "TJR1"
constexpr std::uint32_t version = 1;
constexpr std::size_t frame_bytes = 32;
constexpr std::uint64_t most_payload = 1ull << 30;

struct Frame {
  std::uint32_t magic = format::magic;
  Kind kind = Kind::batch;
  std::uint32_t length = 0;
  std::uint32_t payload_crc = 0;
  std::uint64_t position = 0;
  std::uint32_t reserved = 0;
  std::uint32_t frame_crc = 0;

  void seal();
  bool intact() const;
};
static_assert(sizeof(Frame) == frame_bytes);

/// What an instance continues with after a start.
struct InstanceState {
  std::string instance;
  std::uint64_t next_seq = 0;
  bool has_cursor = false;
  std::string cursor;
};

/// A frame and where its payload lies; the pieces borrow from the batch and from `prefix` and `text`.
struct EncodedBatch {
  std::string prefix, text;
  std::vector<iovec> pieces;
  Frame frame;
};
/// Does everything that needs no lock: lays out the pieces and computes the payload's checksum.
base::Result<void> encode(const model::SignalBatch& batch, EncodedBatch& out);

std::string encode_head(const std::vector<InstanceState>& instances);
std::string encode_series(const std::vector<model::SeriesId>& ids, const model::SeriesTable& table);
/// The frame for a whole payload.
Frame frame_for(Kind kind, std::uint64_t position, std::string_view payload);

base::Result<std::vector<InstanceState>> decode_head(std::string_view payload);
struct SeriesEntry {
  std::uint32_t id = 0;
  model::SeriesKey key;
};
base::Result<std::vector<SeriesEntry>> decode_series(std::string_view payload);
/// Series ids are those of the file. `columns` false: only the head (instance, cursor, sequence, row count in `rows`).
base::Result<void> decode_batch(std::string_view payload, bool columns, model::SignalBatch& out, std::uint32_t& rows);

}  // namespace tocsin::storage::format
