// Signals on their way to the host: columns in one block that is a tsn_batch as it stands.
//
// ts, value and series lie in the block from the start, so that a row costs three stores. Optional columns (text,
// origin, summary, …) are kept beside it, filled up only when they are used, and appended to the block by submit().
// Rejected: one row struct per signal, transposed at submit: twice the memory traffic of the common case.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tocsin/context.hpp"

namespace tsn {

/// Count, minimum, maximum, average and sum of one interval.
struct Summary {
  double count, min, max, avg, sum;
};

/// Thrown by push() when the host takes nothing and the batch has reached its bound. The barrier answers TSN_RETRY; the
/// rows that were pushed are kept and submitted again before the next poll.
class Backpressure : public Failure {
 public:
  Backpressure() : Failure(retry_later("the host's intake is full")) {}
};

/// What became of a submitted batch.
struct Submitted {
  Status status = ok;  ///< retry: the intake is full, the rows are kept
  std::uint32_t accepted = 0, rejected = 0;
  std::uint64_t first_seq = 0;              ///< of the accepted rows
  std::span<const tsn_row_reject> rejects;  ///< valid until the next submit of this batch
};

class Batch {
 public:
  static constexpr std::uint32_t default_rows = 1024;
  static constexpr std::uint32_t bound = 64 * 1024;  ///< rows kept while the host answers RETRY

  explicit Batch(const Context& ctx, std::uint32_t capacity = default_rows) : Batch(ctx.session(), capacity) {}
  explicit Batch(detail::Session& session, std::uint32_t capacity = default_rows)
      : session_(&session), wanted_(capacity ? capacity : 1) {}
  Batch(const Batch&) = delete;

  /// The row last pushed, to give it more than a value.
  class Row {
   public:
    Row text(std::string_view text) const { return batch_->texts_.set(index_, text), *this; }
    Row attributes(std::string_view json) const { return batch_->attributes_.set(index_, json), *this; }
    Row body(std::string_view json) const { return batch_->bodies_.set(index_, json), *this; }
    Row summary(const Summary& summary) const {
      return batch_->summaries_.set(index_, summary, {NAN, NAN, NAN, NAN, NAN}), *this;
    }
    Row flags(std::uint32_t flags) const { return batch_->flags_.set(index_, flags, 0), *this; }  ///< TSN_ROW_*
    Row severity(std::uint32_t number) const {
      return batch_->severities_.set(index_, number, 0), *this;
    }  ///< OpenTelemetry, 1..24
    Row origin(std::string_view file, std::uint64_t offset, std::uint64_t line = 0) const {
      batch_->files_.set(index_, file);
      batch_->offsets_.set(index_, offset, 0);
      batch_->lines_.set(index_, line, 0);
      return *this;
    }
    std::uint32_t index() const noexcept { return index_; }

   private:
    friend class Batch;
    Row(Batch* batch, std::uint32_t index) : batch_(batch), index_(index) {}
    Batch* batch_;
    std::uint32_t index_;
  };

  /// Adds a row. A full batch is submitted first.
  Row push(Time ts, Series series, double value) {
    if (rows_ == capacity_) [[unlikely]]
      make_room();
    const auto row = rows_;
    ts_[row] = ts;
    value_[row] = value;
    series_[row] = series.handle;
    rows_ = row + 1;
    return Row(this, row);
  }
  /// Adds a row that has a summary and no single value.
  Row push(Time ts, Series series, const Summary& summary) {
    return push(ts, series, std::numeric_limits<double>::quiet_NaN()).summary(summary);
  }

  /// Columns for `count` rows after those already there, to be filled directly; commit() adds them. A batch grows to
  /// hold them, and nothing is submitted meanwhile: row numbers of rejects are those of the batch.
  struct Columns {
    Time* ts;
    double* value;
    tsn_series* series;
  };
  Columns reserve(std::uint32_t count) {
    if (capacity_ - rows_ < count) grow(rows_ + count);
    return {ts_ + rows_, value_ + rows_, series_ + rows_};
  }
  void commit(std::uint32_t count) noexcept { rows_ += count; }

  /// The position that covers every row pushed so far; at most 64 KiB. It becomes durable with them.
  void cursor(std::string_view cursor) {
    cursor_.assign(cursor);
    has_cursor_ = true;
  }
  bool empty() const noexcept { return rows_ == 0; }
  std::uint32_t rows() const noexcept { return rows_; }
  /// The next push() submits. A source whose rows and cursor must go together submits itself here.
  bool full() const noexcept { return rows_ >= (capacity_ ? capacity_ : wanted_); }
  /// The host answered RETRY at the last submit: return from poll() soon.
  bool backpressured() const noexcept { return backpressured_; }

  /// Hands the rows and the cursor over. With TSN_RETRY and TSN_FAILED everything is kept, to be submitted again; with
  /// any other status the batch is empty afterwards. Returns only when accepted rows and cursor are durable.
  Submitted submit();
  void clear() noexcept;

 private:
  /// A column of text: ends and bytes, filled up with empty rows when it is used.
  struct Texts {
    std::vector<std::uint32_t> ends;
    std::string bytes;
    void fill(std::uint32_t rows) { ends.resize(rows, static_cast<std::uint32_t>(bytes.size())); }
    void set(std::uint32_t row, std::string_view text) {
      if (ends.size() > row) throw std::logic_error("text columns are set once, on the row pushed last");
      if (bytes.size() + text.size() > UINT32_MAX) throw Backpressure();
      fill(row);
      bytes.append(text);
      ends.push_back(static_cast<std::uint32_t>(bytes.size()));
    }
    void clear() noexcept { ends.clear(), bytes.clear(); }
  };
  template <class Entry>
  struct Fixed {
    std::vector<Entry> entries;
    void set(std::uint32_t row, const Entry& entry, const Entry& absent) {
      if (entries.size() <= row) entries.resize(row + 1, absent);
      entries[row] = entry;
    }
    void fill(std::uint32_t rows, const Entry& absent) { entries.resize(rows, absent); }
    void clear() noexcept { entries.clear(); }
  };

  static constexpr std::uint32_t max_columns = 12;
  static constexpr std::uint64_t head_bytes = sizeof(tsn_batch) + max_columns * sizeof(tsn_column);
  static constexpr std::uint64_t aligned(std::uint64_t bytes) noexcept { return (bytes + 7) & ~std::uint64_t{7}; }

  void make_room();
  void grow(std::uint32_t capacity);
  std::uint64_t tail_bytes();
  void append(std::uint64_t& at, tsn_column_id id, tsn_column_type type, const void* data, std::uint64_t bytes);
  void append(std::uint64_t& at, tsn_column_id id, Texts& texts);
  template <class Entry>
  void append(std::uint64_t& at, tsn_column_id id, tsn_column_type type, Fixed<Entry>& fixed, const Entry& absent);
  const tsn_batch* assemble();
  unsigned char* bytes() noexcept { return reinterpret_cast<unsigned char*>(block_.get()); }
  tsn_batch& head() noexcept { return *reinterpret_cast<tsn_batch*>(bytes()); }

  detail::Session* session_;
  std::uint32_t rows_ = 0, capacity_ = 0;
  Time* ts_ = nullptr;
  double* value_ = nullptr;
  tsn_series* series_ = nullptr;
  std::uint32_t wanted_;
  bool has_cursor_ = false, backpressured_ = false;
  std::unique_ptr<std::uint64_t[]> block_;
  std::uint64_t block_bytes_ = 0;
  std::string cursor_;
  Texts texts_, attributes_, bodies_, files_;
  Fixed<Summary> summaries_;
  Fixed<std::uint32_t> flags_, severities_;
  Fixed<std::uint64_t> offsets_, lines_;
  std::vector<tsn_row_reject> rejects_;
};

inline void Batch::make_room() {
  if (capacity_ == 0) return grow(wanted_);
  const auto done = submit();
  if (done.status == retry) {
    if (capacity_ >= bound) throw Backpressure();
    return grow(capacity_ * 2);
  }
  if (!done.status) throw Failure(done.status);
}

/// Makes the block hold `capacity` rows and what is in it already.
inline void Batch::grow(std::uint32_t capacity) {
  const auto bytes_needed = head_bytes + 3 * std::uint64_t{8} * capacity;
  auto fresh = std::make_unique<std::uint64_t[]>(aligned(bytes_needed) / 8);
  auto* columns = reinterpret_cast<unsigned char*>(fresh.get()) + head_bytes;
  auto* ts = reinterpret_cast<Time*>(columns);
  auto* value = reinterpret_cast<double*>(columns + std::uint64_t{8} * capacity);
  auto* series = reinterpret_cast<tsn_series*>(columns + std::uint64_t{16} * capacity);
  if (rows_) {
    std::memcpy(ts, ts_, std::uint64_t{8} * rows_);
    std::memcpy(value, value_, std::uint64_t{8} * rows_);
    std::memcpy(series, series_, std::uint64_t{8} * rows_);
  }
  block_ = std::move(fresh);
  block_bytes_ = bytes_needed;
  ts_ = ts, value_ = value, series_ = series;
  capacity_ = capacity;
}

inline std::uint64_t Batch::tail_bytes() {
  std::uint64_t sum = 0;
  for (const auto* texts : {&texts_, &attributes_, &bodies_, &files_})
    if (!texts->ends.empty()) sum += aligned(std::uint64_t{4} * rows_ + texts->bytes.size());
  if (!summaries_.entries.empty()) sum += sizeof(Summary) * rows_;
  for (const auto* fixed : {&flags_, &severities_})
    if (!fixed->entries.empty()) sum += aligned(std::uint64_t{4} * rows_);
  for (const auto* fixed : {&offsets_, &lines_})
    if (!fixed->entries.empty()) sum += std::uint64_t{8} * rows_;
  return sum;
}

inline void Batch::append(std::uint64_t& at, tsn_column_id id, tsn_column_type type, const void* data,
                          std::uint64_t size) {
  auto* directory = reinterpret_cast<tsn_column*>(bytes() + sizeof(tsn_batch));
  directory[head().columns++] = {id, type, at, size};
  if (data) std::memcpy(bytes() + at, data, size);
  at += aligned(size);
}

inline void Batch::append(std::uint64_t& at, tsn_column_id id, Texts& texts) {
  if (texts.ends.empty()) return;
  texts.fill(rows_);
  const std::uint64_t ends = std::uint64_t{4} * rows_;
  std::memcpy(bytes() + at, texts.ends.data(), ends);
  if (!texts.bytes.empty()) std::memcpy(bytes() + at + ends, texts.bytes.data(), texts.bytes.size());
  append(at, id, TSN_TYPE_BYTES, nullptr, ends + texts.bytes.size());
}

template <class Entry>
void Batch::append(std::uint64_t& at, tsn_column_id id, tsn_column_type type, Fixed<Entry>& fixed,
                   const Entry& absent) {
  if (fixed.entries.empty()) return;
  fixed.fill(rows_, absent);
  append(at, id, type, fixed.entries.data(), sizeof(Entry) * rows_);
}

/// Writes header, directory and the optional columns around the three that are in place.
inline const tsn_batch* Batch::assemble() {
  const auto fixed_end = head_bytes + std::uint64_t{24} * capacity_;
  const auto total = fixed_end + tail_bytes();
  if (total > block_bytes_) {
    auto larger = std::make_unique<std::uint64_t[]>(aligned(total + total / 4) / 8);
    std::memcpy(larger.get(), block_.get(), fixed_end);
    block_ = std::move(larger);
    block_bytes_ = total + total / 4;
    ts_ = reinterpret_cast<Time*>(bytes() + head_bytes);
    value_ = reinterpret_cast<double*>(bytes() + head_bytes + std::uint64_t{8} * capacity_);
    series_ = reinterpret_cast<tsn_series*>(bytes() + head_bytes + std::uint64_t{16} * capacity_);
  }
  head() = tsn_batch{};
  head().size = sizeof(tsn_batch);
  head().rows = rows_;
  head().directory = sizeof(tsn_batch);
  head().column_stride = sizeof(tsn_column);
  std::uint64_t at = head_bytes;
  constexpr std::pair<tsn_column_id, tsn_column_type> in_place[] = {
      {TSN_COL_TS, TSN_TYPE_I64}, {TSN_COL_VALUE, TSN_TYPE_F64}, {TSN_COL_SERIES, TSN_TYPE_U64}};
  for (const auto& [id, type] : in_place) {
    auto here = at;
    append(here, id, type, nullptr, std::uint64_t{8} * rows_);
    at += std::uint64_t{8} * capacity_;
  }
  append(at, TSN_COL_FLAGS, TSN_TYPE_U32, flags_, std::uint32_t{0});
  append(at, TSN_COL_TEXT, texts_);
  append(at, TSN_COL_SUMMARY, TSN_TYPE_F64X5, summaries_, Summary{NAN, NAN, NAN, NAN, NAN});
  append(at, TSN_COL_SEVERITY, TSN_TYPE_U32, severities_, std::uint32_t{0});
  append(at, TSN_COL_ATTRIBUTES, attributes_);
  append(at, TSN_COL_BODY, bodies_);
  append(at, TSN_COL_ORIGIN_FILE, files_);
  append(at, TSN_COL_ORIGIN_OFFSET, TSN_TYPE_U64, offsets_, std::uint64_t{0});
  append(at, TSN_COL_ORIGIN_LINE, TSN_TYPE_U64, lines_, std::uint64_t{0});
  head().bytes = at;
  return &head();
}

inline Submitted Batch::submit() {
  Submitted done;
  if (rows_ == 0 && !has_cursor_) return done;
  if (capacity_ == 0) grow(wanted_);
  if (rejects_.empty()) rejects_.resize(64);
  if (rejects_.size() < std::min(rows_, 4096u)) rejects_.resize(std::min(rows_, 4096u));
  tsn_submitted out{};
  out.size = sizeof out;
  out.cap = static_cast<std::uint32_t>(rejects_.size());
  out.rejects = rejects_.data();
  tsn_err err = detail::empty_err();
  const tsn_bytes cursor{cursor_.data(), cursor_.size()};
  const auto status = session_->table.submit(session_->host, session_->instance, assemble(),
                                             has_cursor_ ? &cursor : nullptr, &out, &err);
  if (status != TSN_OK) done.status = Status(status, err);
  backpressured_ = status == TSN_RETRY;
  if (backpressured_ || status == TSN_FAILED) return done;
  done.accepted = out.accepted;
  done.rejected = out.rejected;
  done.first_seq = out.first_seq;
  done.rejects = {rejects_.data(), std::min(out.rejected, out.cap)};
  clear();
  return done;
}

inline void Batch::clear() noexcept {
  rows_ = 0;
  has_cursor_ = false;
  for (auto* texts : {&texts_, &attributes_, &bodies_, &files_}) texts->clear();
  summaries_.clear();
  for (auto* fixed : {&flags_, &severities_}) fixed->clear();
  for (auto* fixed : {&offsets_, &lines_}) fixed->clear();
}

}  // namespace tsn
