// A SELECT put together from the filters somebody gave, with its parameters and its page.
#pragma once

#include <algorithm>
#include <deque>
#include <string>
#include <vector>

#include "storage/port.hpp"
#include "storage/sql/database.hpp"

namespace tocsin::storage::sql {

class Question {
 public:
  /// "SELECT … FROM …"; filters follow as WHERE … AND …
  explicit Question(std::string select) : text_(std::move(select)) {}

  /// `condition` with its `?` replaced by the parameter: "created_at >= ?".
  void where(std::string_view condition, Param param);
  void where(std::string_view condition);
  /// column IN (…); nothing if there are no words.
  void where_in(std::string_view column, const std::vector<std::string_view>& words);
  /// Keeps a copy of a text that a parameter borrows.
  std::string_view keep(std::string text) { return kept_.emplace_back(std::move(text)); }
  void add(std::string_view rest) { text_ += rest; }
  /// The next parameter, after what is there.
  void add_param(Param param) {
    params_.push_back(param);
    text_ += "$" + std::to_string(params_.size());
  }
  void limit(std::size_t rows) { text_ += " LIMIT " + std::to_string(rows); }

  const std::string& text() const { return text_; }
  const std::vector<Param>& params() const { return params_; }

 private:
  std::string text_;
  std::vector<Param> params_;
  std::deque<std::string> kept_;
  bool filtered_ = false;
};

constexpr std::size_t most_rows = 10'000;
inline std::size_t page_limit(const Page& page) {
  return std::min(std::max<std::size_t>(page.limit, 1), most_rows);
}

/// The id that the page's cursor names; 0: from the start.
base::Result<std::int64_t> page_after(const Page& page);

/// Cuts the row that was asked for beyond the page, and names the cursor: the id of the page's last row.
template <class T>
Listed<T> page_of(std::vector<T> items, const std::vector<std::string>& cursors, std::size_t limit) {
  Listed<T> out;
  if (items.size() > limit) {
    items.resize(limit);
    out.next = cursors[limit - 1];
  }
  out.items = std::move(items);
  return out;
}

}  // namespace tocsin::storage::sql
