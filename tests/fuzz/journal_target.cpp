// links: tocsin_storage
// libFuzzer target for what the agent reads of its own files: the journal's records, a whole journal file, and the
// chunks of the history. The first byte chooses. Checksums are made right here, since a fuzzer finds none by chance and
// a disk can damage a payload before it is sealed.
#include <sys/mman.h>
#include <unistd.h>

#include "storage/crc32c.hpp"
#include "storage/journal_format.hpp"
#include "storage/journal_reader.hpp"
#include "storage/sqlite/chunk.hpp"
#include "target.hpp"

using namespace tocsin;
using namespace tocsin::storage;
using fuzz::require;

namespace {

template <class T>
bool whole(const std::vector<T>& column, std::size_t rows) {
  return column.empty() || column.size() == rows;
}

std::string joined(const format::EncodedBatch& encoded) {
  std::string out;
  for (const iovec& piece : encoded.pieces) out.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
  return out;
}

void batch_record(std::string_view payload) {
  model::SignalBatch head, batch;
  std::uint32_t rows = 0, rows_of_head = 0;
  const bool good_head = format::decode_batch(payload, false, head, rows_of_head).has_value();
  if (!format::decode_batch(payload, true, batch, rows)) return;
  require(good_head && rows_of_head == rows && head.instance == batch.instance,
          "a record's head is read alone as well");
  require(batch.rows() == rows && batch.value.size() == rows && batch.series.size() == rows, "columns have all rows");
  require(whole(batch.flags, rows) && whole(batch.text, rows) && whole(batch.summary, rows) &&
              whole(batch.line, rows) && whole(batch.offset, rows) && whole(batch.file, rows),
          "other columns are empty or have all rows");
  for (const std::uint32_t file : batch.file) require(file < batch.files.size(), "a row's file is one of the batch's");
  format::EncodedBatch encoded, twice;
  require(format::encode(batch, encoded).has_value(), "a record that was read can be written");
  const std::string bytes = joined(encoded);
  model::SignalBatch again;
  require(format::decode_batch(bytes, true, again, rows).has_value(), "and read again");
  require(format::encode(again, twice).has_value() && joined(twice) == bytes, "and is the same");
}

void record(format::Kind kind, std::string_view payload) {
  if (kind == format::Kind::batch) return batch_record(payload);
  if (kind == format::Kind::series) {
    if (const auto series = format::decode_series(payload))
      require(series->size() * 12 <= payload.size(), "a series record has no more entries than bytes");
    return;
  }
  const auto head = format::decode_head(payload);
  if (!head) return;
  const auto again = format::decode_head(format::encode_head(*head));
  require(again && again->size() == head->size(), "a head is written as it reads");
}

/// Kind and length, then the payload, as often as there are bytes; each gets the frame it needs. Lengths of 255 leave
/// the frame's checksum wrong.
void file(fuzz::Input& input) {
  std::string bytes;
  while (input.left() > 0) {
    const auto kind = static_cast<format::Kind>(1 + input.below(3));
    const std::uint8_t length = input.byte();
    const std::string_view payload = input.bytes(length);
    format::Frame frame = format::frame_for(kind, bytes.size(), payload);
    if (length == 255) ++frame.frame_crc;
    if (length == 254) frame.length = 0x40000000, frame.seal();
    bytes.append(reinterpret_cast<const char*>(&frame), sizeof frame).append(payload);
  }
  static const int fd = ::memfd_create("journal", MFD_CLOEXEC);
  require(fd >= 0 && ::ftruncate(fd, 0) == 0, "memory is there");
  require(::pwrite(fd, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()), "memory takes bytes");
  JournalReader reader(fd, bytes.size());
  std::uint64_t before = 0;
  for (std::size_t steps = 0;; ++steps) {
    require(steps <= bytes.size() / format::frame_bytes, "every step goes on");
    const JournalReader::Step step = reader.next();
    require(reader.offset() >= before && reader.offset() <= bytes.size(), "reading goes forward within the file");
    before = reader.offset();
    if (step == JournalReader::Step::damaged) continue;
    if (step != JournalReader::Step::record) return;
    record(reader.frame().kind, fuzz::Exact(reader.payload()).view());
  }
}

void chunk(std::string_view bytes) {
  std::string sealed(bytes);
  const std::uint32_t crc = crc32c(0, sealed.data(), sealed.size());
  sealed.append(reinterpret_cast<const char*>(&crc), sizeof crc);
  const fuzz::Exact exact(sealed);
  sqlite::Chunk out;
  out.samples.resize(3);
  if (!sqlite::decode_chunk(exact.view(), out)) {
    return require(out.samples.size() == 3 && out.summaries.empty(), "a damaged chunk leaves what was there");
  }
  require(out.samples.size() - 3 <= sqlite::chunk_samples, "a chunk has at most 1024 samples");
  require(out.summaries.empty() || out.summaries.size() == out.samples.size(), "summaries are as many as samples");
  const std::span samples = std::span(out.samples).subspan(3);
  const std::span summaries = out.summaries.empty() ? std::span(out.summaries) : std::span(out.summaries).subspan(3);
  const std::string written = sqlite::encode_chunk(samples, summaries);
  sqlite::Chunk again;
  require(sqlite::decode_chunk(written, again).has_value(), "what was read can be written and read");
  require(sqlite::encode_chunk(again.samples, again.summaries) == written, "and is the same");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  switch (const std::uint32_t kind = input.below(5)) {
    case 0:
      chunk(input.rest());
      break;
    case 4:
      file(input);
      break;
    default: {
      const fuzz::Exact payload(input.rest());
      record(static_cast<format::Kind>(kind), payload.view());
    }
  }
  return 0;
}
