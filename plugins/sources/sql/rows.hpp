// Rows of a result become signals: which column is what, and what a value is worth.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "database.hpp"
#include "settings.hpp"
#include "tocsin/batch.hpp"

namespace tocsin_plugins::sql {

struct TakenRow {
  tsn::Time ts = 0;
  tsn::Series series;
  double value = 0;  ///< NaN: it has a summary only
  std::optional<tsn::Summary> summary;
};

/// Rows that could not become signals, of one kind and reason.
struct RefusedRows {
  std::uint32_t count = 0;
  std::string raw;  ///< the first of them
};

/// What one run brought.
struct Taken {
  std::vector<TakenRow> rows;
  std::map<std::pair<std::string, std::string>, RefusedRows> refused;  ///< by error_type and reason
  std::optional<std::string> cursor;                                   ///< the newest value; nothing: no row had one
  bool cut = false;                                                    ///< there were more than max_rows

  std::uint32_t refused_count() const;
};

/// Seconds since 1970 of a date or a time as databases write them, taken as UTC where it has no zone; in nanoseconds.
std::optional<tsn::Time> read_time(std::string_view text);
/// What a value of this kind is as a number; `why` says why it is none.
std::optional<double> read_number(Kind kind, std::string_view text, std::string& why);

class RowTaker : public Rows {
 public:
  RowTaker(const tsn::Context& ctx, const LoaderSettings& loader) : ctx_(ctx), loader_(loader), now_(ctx.now()) {}
  void columns(std::vector<Column> columns) override;
  bool row(std::span<const Cell> cells) override;
  /// After the last row. Where the limit cuts between rows with the same cursor value, all of them are left for the
  /// next run, so that none is skipped. Throws where that leaves none.
  Taken finish();

 private:
  using Index = std::optional<std::size_t>;
  void place(std::size_t index, const std::string& lower);
  void check_value_columns() const;
  void refuse(const char* error_type, const std::string& reason, std::span<const Cell> cells);
  std::optional<double> number(std::size_t column, std::span<const Cell> cells);
  std::optional<tsn::Time> time_of(std::span<const Cell> cells);
  std::optional<tsn::Series> series_of(std::span<const Cell> cells);
  void take(std::span<const Cell> cells);
  bool follow_cursor(std::span<const Cell> cells);

  const tsn::Context& ctx_;
  const LoaderSettings& loader_;
  const tsn::Time now_;
  std::vector<Column> columns_;
  Index value_, ts_, loader_code_, segment_code_, cursor_;
  std::array<Index, 5> summary_;  ///< count min max avg sum
  std::vector<std::pair<std::size_t, std::string>> labels_;
  std::size_t seen_ = 0;
  Taken taken_;
  bool torn_ = false;  ///< the first row that was left has the newest cursor value too
  // Where the rows with the newest cursor value began, and what was before them.
  std::size_t first_of_newest_ = 0;
  std::optional<std::string> before_newest_;
};

}  // namespace tocsin_plugins::sql
