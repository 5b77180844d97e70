#include "storage/journal_format.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <type_traits>

#include "storage/crc32c.hpp"

namespace tocsin::storage::format {
namespace {

using base::fail;
using base::Fault;

static_assert(std::endian::native == std::endian::little, "the journal is written as memory has it");

enum class Column : std::uint32_t { ts = 1, value, series, flags, text, summary, line, offset, file };

template <class T>
void put(std::string& out, T value) {
  static_assert(std::is_trivially_copyable_v<T>);
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}
void put_text(std::string& out, std::string_view text) {
  put(out, static_cast<std::uint32_t>(text.size()));
  out.append(text);
}

/// Takes values off a payload; after one that is not whole, everything is zero and good() is false.
class Taker {
 public:
  explicit Taker(std::string_view bytes) : rest_(bytes) {}
  template <class T>
  T take() {
    T value{};
    std::string_view raw = bytes(sizeof value);
    if (good_) std::memcpy(&value, raw.data(), sizeof value);
    return value;
  }
  std::string_view bytes(std::uint64_t n) {
    if (n > rest_.size()) {
      good_ = false;
      rest_ = {};
      return {};
    }
    std::string_view taken = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return taken;
  }
  std::string text() { return std::string(bytes(take<std::uint32_t>())); }
  bool good() const { return good_; }
  std::size_t left() const { return rest_.size(); }

 private:
  std::string_view rest_;
  bool good_ = true;
};

base::Error damaged(const char* what) {
  return {Fault::corrupt, std::string("a ") + what + " record does not parse"};
}

/// Collects the columns that a batch has: the directory goes into `directory`, the bytes stay where they are.
struct ColumnWriter {
  std::size_t rows;
  std::string directory;
  std::uint32_t count = 0;
  std::uint64_t bytes = 0;
  std::vector<iovec> pieces;
  bool even = true;

  template <class T>
  void add(Column id, const std::vector<T>& column) {
    if (column.empty()) return;
    even = even && column.size() == rows;
    add_raw(id, column.data(), column.size() * sizeof(T));
  }
  void add_raw(Column id, const void* data, std::size_t n) {
    put(directory, id);
    put(directory, static_cast<std::uint64_t>(n));
    ++count;
    bytes += n;
    pieces.push_back({const_cast<void*>(data), n});
  }
};

std::string join_texts(const std::vector<std::string>& texts) {
  std::size_t bytes = texts.size() * sizeof(std::uint32_t);
  for (const std::string& t : texts) bytes += t.size();
  std::string out;
  out.reserve(bytes);
  for (const std::string& t : texts) put(out, static_cast<std::uint32_t>(t.size()));
  for (const std::string& t : texts) out += t;
  return out;
}

bool split_texts(std::string_view raw, std::uint32_t rows, std::vector<std::string>& out) {
  Taker lengths(raw);
  std::string_view table = lengths.bytes(std::uint64_t{rows} * sizeof(std::uint32_t));
  if (!lengths.good()) return false;
  out.reserve(rows);
  for (std::uint32_t i = 0; i < rows; ++i) {
    std::uint32_t n;
    std::memcpy(&n, table.data() + i * sizeof n, sizeof n);
    out.emplace_back(lengths.bytes(n));
  }
  return lengths.good() && lengths.left() == 0;
}

template <class T>
bool copy_column(std::string_view raw, std::uint32_t rows, std::vector<T>& out) {
  if (raw.size() != std::uint64_t{rows} * sizeof(T)) return false;
  out.resize(rows);
  if (rows) std::memcpy(out.data(), raw.data(), raw.size());
  return true;
}

bool take_column(Column id, std::string_view raw, std::uint32_t rows, model::SignalBatch& out) {
  switch (id) {
    case Column::ts:
      return copy_column(raw, rows, out.ts);
    case Column::value:
      return copy_column(raw, rows, out.value);
    case Column::series:
      return copy_column(raw, rows, out.series);
    case Column::flags:
      return copy_column(raw, rows, out.flags);
    case Column::text:
      return split_texts(raw, rows, out.text);
    case Column::summary:
      return copy_column(raw, rows, out.summary);
    case Column::line:
      return copy_column(raw, rows, out.line);
    case Column::offset:
      return copy_column(raw, rows, out.offset);
    case Column::file:
      return copy_column(raw, rows, out.file);
  }
  return true;  // a column of a later version
}

/// What readers index by without asking again. A column of texts that is there twice would be twice as long.
bool consistent(const model::SignalBatch& batch) {
  const auto known = [&](std::uint32_t file) { return file < batch.files.size(); };
  return (batch.text.empty() || batch.text.size() == batch.rows()) && std::ranges::all_of(batch.file, known);
}

bool take_columns(Taker& in, std::uint32_t rows, model::SignalBatch& out) {
  struct Entry {
    Column id;
    std::uint64_t bytes;
  };
  const auto count = in.take<std::uint32_t>();
  if (count > in.left() / (sizeof(std::uint32_t) + sizeof(std::uint64_t))) return false;
  std::vector<Entry> entries(count);
  for (Entry& e : entries) {
    e.id = in.take<Column>();
    e.bytes = in.take<std::uint64_t>();
  }
  for (const Entry& e : entries) {
    const std::string_view raw = in.bytes(e.bytes);
    if (!in.good() || !take_column(e.id, raw, rows, out)) return false;
  }
  return in.good() && out.ts.size() == rows && out.value.size() == rows && out.series.size() == rows && consistent(out);
}

}  // namespace

void Frame::seal() {
  frame_crc = crc32c(0, this, frame_bytes - sizeof frame_crc);
}
bool Frame::intact() const {
  return magic == format::magic && frame_crc == crc32c(0, this, frame_bytes - sizeof frame_crc) &&
         length <= most_payload;
}

base::Result<void> encode(const model::SignalBatch& batch, EncodedBatch& out) {
  ColumnWriter columns{batch.rows(), {}, 0, 0, {}, true};
  columns.add(Column::ts, batch.ts);
  columns.add(Column::value, batch.value);
  columns.add(Column::series, batch.series);
  columns.add(Column::flags, batch.flags);
  columns.add(Column::summary, batch.summary);
  columns.add(Column::line, batch.line);
  columns.add(Column::offset, batch.offset);
  columns.add(Column::file, batch.file);
  if (!batch.text.empty()) {
    columns.even = columns.even && batch.text.size() == batch.rows();
    out.text = join_texts(batch.text);
    columns.add_raw(Column::text, out.text.data(), out.text.size());
  }
  if (!columns.even || batch.value.size() != batch.rows() || batch.series.size() != batch.rows())
    return fail(Fault::invalid, "journal: the columns of a batch of " + batch.instance + " differ in length");

  std::string& prefix = out.prefix;
  put(prefix, batch.first_seq);
  put(prefix, base::to_ns(batch.arrived));
  put(prefix, static_cast<std::uint32_t>(batch.rows()));
  put(prefix, std::uint32_t{batch.has_cursor});
  put_text(prefix, batch.instance);
  put_text(prefix, batch.source);
  put_text(prefix, batch.cursor);
  put(prefix, static_cast<std::uint32_t>(batch.files.size()));
  for (const std::string& file : batch.files) put_text(prefix, file);
  put(prefix, columns.count);
  prefix += columns.directory;

  if (prefix.size() + columns.bytes > most_payload)
    return fail(Fault::invalid,
                "journal: a batch of " + batch.instance + " is larger than 1 GiB; submit smaller batches");
  out.pieces.push_back({prefix.data(), prefix.size()});
  out.pieces.insert(out.pieces.end(), columns.pieces.begin(), columns.pieces.end());
  std::uint32_t crc = 0;
  for (const iovec& piece : out.pieces) crc = crc32c(crc, piece.iov_base, piece.iov_len);
  out.frame.kind = Kind::batch;
  out.frame.length = static_cast<std::uint32_t>(prefix.size() + columns.bytes);
  out.frame.payload_crc = crc;
  return {};
}

std::string encode_head(const std::vector<InstanceState>& instances) {
  std::string out;
  put(out, version);
  put(out, static_cast<std::uint32_t>(instances.size()));
  for (const InstanceState& i : instances) {
    put_text(out, i.instance);
    put(out, i.next_seq);
    put(out, std::uint8_t{i.has_cursor});
    put_text(out, i.cursor);
  }
  return out;
}

std::string encode_series(const std::vector<model::SeriesId>& ids, const model::SeriesTable& table) {
  std::string out;
  put(out, static_cast<std::uint32_t>(ids.size()));
  for (model::SeriesId id : ids) {
    const model::SeriesKey& key = table.key(id);
    put(out, id);
    put_text(out, key.name);
    put(out, static_cast<std::uint32_t>(key.labels.size()));
    for (const auto& [name, value] : key.labels) {
      put_text(out, name);
      put_text(out, value);
    }
  }
  return out;
}

Frame frame_for(Kind kind, std::uint64_t position, std::string_view payload) {
  Frame frame;
  frame.kind = kind;
  frame.length = static_cast<std::uint32_t>(payload.size());
  frame.payload_crc = crc32c(0, payload.data(), payload.size());
  frame.position = position;
  frame.seal();
  return frame;
}

base::Result<std::vector<InstanceState>> decode_head(std::string_view payload) {
  Taker in(payload);
  if (const auto v = in.take<std::uint32_t>(); v != version)
    return fail(Fault::unsupported, "journal format " + std::to_string(v) + " is not one this version reads");
  std::vector<InstanceState> out;
  for (auto n = in.take<std::uint32_t>(); n > 0 && in.good(); --n) {
    InstanceState& i = out.emplace_back();
    i.instance = in.text();
    i.next_seq = in.take<std::uint64_t>();
    i.has_cursor = in.take<std::uint8_t>() != 0;
    i.cursor = in.text();
  }
  if (!in.good()) return fail(damaged("head"));
  return out;
}

base::Result<std::vector<SeriesEntry>> decode_series(std::string_view payload) {
  Taker in(payload);
  std::vector<SeriesEntry> out;
  for (auto n = in.take<std::uint32_t>(); n > 0 && in.good(); --n) {
    SeriesEntry& e = out.emplace_back();
    e.id = in.take<std::uint32_t>();
    e.key.name = in.text();
    std::vector<model::Labels::Pair> pairs;
    for (auto labels = in.take<std::uint32_t>(); labels > 0 && in.good(); --labels) {
      std::string name = in.text();
      pairs.emplace_back(std::move(name), in.text());
    }
    e.key.labels = model::Labels(std::move(pairs));
  }
  if (!in.good()) return fail(damaged("series"));
  return out;
}

base::Result<void> decode_batch(std::string_view payload, bool columns, model::SignalBatch& out, std::uint32_t& rows) {
  Taker in(payload);
  out.first_seq = in.take<std::uint64_t>();
  out.arrived = base::from_ns(in.take<std::int64_t>());
  rows = in.take<std::uint32_t>();
  out.has_cursor = in.take<std::uint32_t>() != 0;
  out.instance = in.text();
  out.source = in.text();
  out.cursor = in.text();
  if (!columns) {
    if (!in.good()) return fail(damaged("batch"));
    return {};
  }
  for (auto n = in.take<std::uint32_t>(); n > 0 && in.good(); --n) out.files.push_back(in.text());
  if (!in.good() || !take_columns(in, rows, out)) return fail(damaged("batch"));
  return {};
}

}  // namespace tocsin::storage::format
