// Asking for rows: from a Question to model values, page by page. Internal to the room.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "storage/sql/question.hpp"
#include "storage/sql/rows.hpp"

namespace tocsin::storage::sql {

inline std::string select(std::string_view columns, std::string_view table) {
  return "SELECT " + std::string(columns) + " FROM " + std::string(table);
}

inline void between(Question& q, std::string_view column, base::Time from, base::Time to) {
  if (from != base::no_time) q.where(std::string(column) + " >= ?", from);
  if (to != base::no_time) q.where(std::string(column) + " <= ?", to);
}

/// `%text%` in lower case, its own wildcards escaped.
inline std::string like_pattern(std::string_view text) {
  std::string out = "%";
  for (char c : text) {
    if (c == '%' || c == '_' || c == '\\') out += '\\';
    out += c;
  }
  return out + "%";
}

template <class T, class Read>
base::Result<std::vector<T>> ask(Database& database, const Question& q, Read read,
                                 std::vector<std::string>* cursors = nullptr) {
  TRY(auto t, database.read());
  Collector<T> rows;
  const EachRow collect = rows.with(read);
  TRY_VOID(t->ask(q.text(), q.params(), [&](const Row& row) {
    if (cursors) cursors->emplace_back(row.text(0));
    collect(row);
  }));
  return rows.result();
}

/// A page of rows whose first column is the id they are ordered by, newest first.
template <class T, class Read>
base::Result<Listed<T>> ask_page(Database& database, Question& q, const Page& page, Read read) {
  TRY(const std::int64_t after, page_after(page));
  if (after > 0) q.where("id < ?", after);
  q.add(" ORDER BY id DESC");
  q.limit(page_limit(page) + 1);
  std::vector<std::string> cursors;
  TRY(std::vector<T> items, ask<T>(database, q, read, &cursors));
  return page_of(std::move(items), cursors, page_limit(page));
}

}  // namespace tocsin::storage::sql
