#include "rows.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "timestamp/timestamp.hpp"
#include "utf8/utf8.hpp"

namespace tocsin_plugins::sql {
namespace {

constexpr std::array<std::string_view, 5> summary_names = {"count", "min", "max", "avg", "sum"};

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::optional<double> plain_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(out)) return std::nullopt;
  return out;
}

/// "-$1,234.50", as PostgreSQL writes money under lc_monetary = C.
std::optional<double> money(std::string_view text) {
  std::string digits;
  for (const char c : text)
    if (c != '$' && c != ',') digits += c;
  return plain_number(digits);
}

}  // namespace

std::uint32_t Taken::refused_count() const {
  std::uint32_t sum = 0;
  for (const auto& [what, rows] : refused) sum += rows.count;
  return sum;
}

std::optional<tsn::Time> read_time(std::string_view text) {
  if (text.size() > 40) return std::nullopt;
  std::string form(text);
  if (form.size() == 10) form += " 00:00:00";
  const auto zone = form.find_first_of("+-Z", std::min<std::size_t>(10, form.size()));
  if (zone == form.npos)
    form += 'Z';
  else if (form.size() - zone == 3)
    form += ":00";  // "+00", as PostgreSQL writes it
  return parse_rfc3339(form);
}

std::optional<double> read_number(Kind kind, std::string_view text, std::string& why) {
  std::optional<double> out;
  switch (kind) {
    case Kind::boolean:
      if (text == "t" || text == "1") return 1;
      if (text == "f" || text == "0") return 0;
      break;
    case Kind::money:
      out = money(text);
      break;
    case Kind::time:
      if (const auto at = read_time(text)) return static_cast<double>(*at) / 1e9;
      why = "a time outside of 1970 to 2261";
      return std::nullopt;
    default:
      out = plain_number(text);
  }
  if (!out) why = "not a finite number";
  return out;
}

void RowTaker::place(std::size_t index, const std::string& lower) {
  const auto summary = std::ranges::find(summary_names, lower);
  Index* slot = nullptr;
  if (lower == "value") slot = &value_;
  if (lower == "ts") slot = &ts_;
  if (lower == "loader_code") slot = &loader_code_;
  if (lower == "segment_code") slot = &segment_code_;
  if (summary != summary_names.end()) slot = &summary_[static_cast<std::size_t>(summary - summary_names.begin())];
  if (slot) {
    if (*slot) throw tsn::Failure(tsn::invalid("the column " + lower + " is there twice; rename one with AS"));
    *slot = index;
    return;
  }
  // The cursor's column would make a series of each row.
  if (cursor_ == index) return;
  std::string scratch;
  labels_.emplace_back(index, utf8::clean(columns_[index].name, scratch));
}

void RowTaker::check_value_columns() const {
  std::string missing;
  for (std::size_t i = 0; i < summary_.size(); ++i)
    if (!summary_[i]) missing.append(missing.empty() ? "" : ", ").append(summary_names[i]);
  const bool none = std::ranges::none_of(summary_, [](const Index& i) { return i.has_value(); });
  if (none && !value_)
    throw tsn::Failure(
        tsn::invalid("no column gives a number; name one AS value, or have count, min, max, avg and sum"));
  if (!none && !missing.empty())
    throw tsn::Failure(tsn::invalid("a summary has count, min, max, avg and sum; missing: " + missing +
                                    ". Name a single number AS value"));
}

void RowTaker::columns(std::vector<Column> columns) {
  columns_ = std::move(columns);
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const auto& column = columns_[i];
    const bool unnamed = column.name.empty() || column.name == "?column?";
    if (unnamed)
      throw tsn::Failure(tsn::invalid("column " + std::to_string(i + 1) + " has no name; give it one with AS"));
    if (column.kind == Kind::none)
      throw tsn::Failure(
          tsn::invalid("column \"" + column.name + "\" is of type " + column.type +
                       ", of which no signal can be made; leave it out, or make text or a number of it"));
    if (!loader_.cursor.empty() && column.name == loader_.cursor && !cursor_) cursor_ = i;
  }
  if (!loader_.cursor.empty() && !cursor_)
    throw tsn::Failure(tsn::invalid("the query has no column \"" + loader_.cursor + "\", which `cursor` names"));
  for (std::size_t i = 0; i < columns_.size(); ++i) place(i, lower_case(columns_[i].name));
  std::vector<std::string> names;
  for (const auto& [index, name] : labels_) names.push_back(name);
  std::ranges::sort(names);
  if (const auto twice = std::ranges::adjacent_find(names); twice != names.end())
    throw tsn::Failure(tsn::invalid("the column \"" + *twice + "\" is there twice; rename one with AS"));
  check_value_columns();
}

void RowTaker::refuse(const char* error_type, const std::string& reason, std::span<const Cell> cells) {
  auto& refused = taken_.refused[{error_type, reason}];
  if (++refused.count > 1) return;
  std::string raw;
  for (std::size_t i = 0; i < cells.size() && raw.size() < 1024; ++i) {
    raw.append(i ? ", " : "").append(columns_[i].name).append("=");
    raw.append(cells[i].null ? std::string_view("null") : cells[i].text.substr(0, 200));
  }
  std::string scratch;
  refused.raw = utf8::cut(utf8::clean(raw, scratch), 1024);
}

std::optional<double> RowTaker::number(std::size_t column, std::span<const Cell> cells) {
  const auto& cell = cells[column];
  std::string why = "null";
  if (!cell.null) {
    why.clear();
    if (const auto out = read_number(columns_[column].kind, cell.text, why)) return out;
  }
  refuse("value", columns_[column].name + ": " + why, cells);
  return std::nullopt;
}

std::optional<tsn::Time> RowTaker::time_of(std::span<const Cell> cells) {
  if (!ts_) return now_;
  const auto& cell = cells[*ts_];
  if (!cell.null && columns_[*ts_].kind == Kind::number) {
    const auto seconds = plain_number(cell.text);
    if (seconds && *seconds >= 0 && *seconds < 9.2e9)
      return static_cast<tsn::Time>(std::llround(*seconds * 1e6)) * 1000;
  } else if (!cell.null) {
    if (const auto at = read_time(cell.text)) return at;
  }
  refuse("timestamp", std::string("ts: ") + (cell.null ? "null" : "no time from 1970 to 2261, nor seconds since 1970"),
         cells);
  return std::nullopt;
}

std::optional<tsn::Series> RowTaker::series_of(std::span<const Cell> cells) {
  std::vector<std::pair<std::string, std::string>> texts;
  const auto add = [&](std::size_t column, std::string name) {
    const auto& cell = cells[column];
    if (cell.null) return true;
    if (cell.whole > longest_cell || cell.text.size() > longest_cell) {
      refuse("label", columns_[column].name + ": longer than 1024 bytes; shorten it with left(), or leave it out",
             cells);
      return false;
    }
    std::string scratch;
    auto clean = utf8::clean(cell.text, scratch);
    texts.emplace_back(std::move(name), utf8::cut(clean, longest_cell));
    return true;
  };
  if (loader_code_ && !add(*loader_code_, "loader")) return std::nullopt;
  if (!loader_code_) texts.emplace_back("loader", loader_.name);
  if (segment_code_ && !add(*segment_code_, "segment")) return std::nullopt;
  for (const auto& [column, name] : labels_)
    if (!add(column, name)) return std::nullopt;
  std::vector<tsn::LabelView> labels(texts.begin(), texts.end());
  try {
    return ctx_.series(loader_.signal, labels);
  } catch (const tsn::Failure& failure) {
    const bool full = failure.status().value() == TSN_CARDINALITY;
    refuse(full ? "cardinality" : "label", failure.what(), cells);
    return std::nullopt;
  }
}

void RowTaker::take(std::span<const Cell> cells) {
  TakenRow out;
  out.value = std::numeric_limits<double>::quiet_NaN();
  if (value_) {
    const auto value = number(*value_, cells);
    if (!value) return;
    out.value = *value;
  }
  if (summary_[0]) {
    std::array<double, 5> five{};
    for (std::size_t i = 0; i < five.size(); ++i) {
      const auto value = number(*summary_[i], cells);
      if (!value) return;
      five[i] = *value;
    }
    out.summary = tsn::Summary{five[0], five[1], five[2], five[3], five[4]};
  }
  const auto ts = time_of(cells);
  if (!ts) return;
  const auto series = series_of(cells);
  if (!series) return;
  out.ts = *ts;
  out.series = *series;
  taken_.rows.push_back(std::move(out));
}

/// Rows come in the order of the cursor. False: this one has none, and would come again for ever.
bool RowTaker::follow_cursor(std::span<const Cell> cells) {
  const auto& cell = cells[*cursor_];
  if (cell.null) return refuse("cursor", "the column " + loader_.cursor + " is null", cells), false;
  if (cell.text.size() > longest_cursor || cell.whole > longest_cursor)
    throw tsn::Failure(tsn::invalid("a value of the cursor's column is longer than 512 bytes"));
  if (!taken_.cursor || *taken_.cursor != cell.text) {
    before_newest_ = std::exchange(taken_.cursor, std::string(cell.text));
    first_of_newest_ = taken_.rows.size();
  }
  return true;
}

bool RowTaker::row(std::span<const Cell> cells) {
  if (++seen_ > loader_.max_rows) {
    taken_.cut = true;
    torn_ = cursor_ && !cells[*cursor_].null && taken_.cursor == cells[*cursor_].text;
    return false;
  }
  if (cursor_ && !follow_cursor(cells)) return true;
  take(cells);
  return true;
}

Taken RowTaker::finish() {
  if (!torn_) return std::move(taken_);
  if (!before_newest_)
    throw tsn::Failure(tsn::invalid("more than max_rows rows have the same value of " + loader_.cursor +
                                    "; raise max_rows, or take a column that tells them apart"));
  taken_.rows.resize(first_of_newest_);
  taken_.cursor = before_newest_;
  return std::move(taken_);
}

}  // namespace tocsin_plugins::sql
