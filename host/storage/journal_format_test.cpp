#include "storage/journal_format.hpp"

#include <gtest/gtest.h>

namespace tocsin::storage::format {
namespace {

std::string payload_of(const model::SignalBatch& batch) {
  EncodedBatch encoded;
  EXPECT_TRUE(encode(batch, encoded));
  std::string out;
  for (const iovec& piece : encoded.pieces) out.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
  return out;
}

model::SignalBatch one_row() {
  model::SignalBatch batch;
  batch.instance = "source.a";
  batch.ts = {1};
  batch.value = {2};
  batch.series = {0};
  batch.text = {"line"};
  batch.files = {"/a"};
  batch.file = {0};
  return batch;
}

TEST(JournalFormat, RefusesARowOfAFileThatIsNotThere) {
  model::SignalBatch batch = one_row(), out;
  std::uint32_t rows = 0;
  EXPECT_TRUE(decode_batch(payload_of(batch), true, out, rows));
  batch.file = {1};
  out = {};
  const auto read = decode_batch(payload_of(batch), true, out, rows);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().fault(), base::Fault::corrupt);
}
TEST(JournalFormat, RefusesAColumnOfTextsThatIsThereTwice) {
  std::string payload = payload_of(one_row());
  // The column before the texts is the file's, as long as a text's length: it becomes a second column of texts.
  const std::uint32_t file = 9, text = 5;
  const std::size_t at = payload.find(std::string(reinterpret_cast<const char*>(&file), sizeof file));
  ASSERT_NE(at, std::string::npos);
  payload.replace(at, sizeof text, reinterpret_cast<const char*>(&text), sizeof text);
  model::SignalBatch out;
  std::uint32_t rows = 0;
  EXPECT_FALSE(decode_batch(payload, true, out, rows));
}

}  // namespace
}  // namespace tocsin::storage::format
