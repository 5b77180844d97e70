#include "storage/sql/question.hpp"

#include <charconv>

namespace tocsin::storage::sql {

void Question::where(std::string_view condition) {
  text_ += filtered_ ? " AND " : " WHERE ";
  text_ += condition;
  filtered_ = true;
}

void Question::where(std::string_view condition, Param param) {
  params_.push_back(param);
  const std::string number = "$" + std::to_string(params_.size());
  std::string out;
  for (char c : condition) c == '?' ? out += number : out += c;
  where(out);
}

void Question::where_in(std::string_view column, const std::vector<std::string_view>& words) {
  if (words.empty()) return;
  std::string list;
  for (std::string_view word : words) {
    params_.push_back(word);
    list += (list.empty() ? "$" : ", $") + std::to_string(params_.size());
  }
  where(std::string(column) + " IN (" + list + ")");
}

base::Result<std::int64_t> page_after(const Page& page) {
  std::int64_t id = 0;
  if (page.after.empty()) return id;
  const char* end = page.after.data() + page.after.size();
  const auto [stop, error] = std::from_chars(page.after.data(), end, id);
  if (error != std::errc() || stop != end || id <= 0)
    return base::fail(base::Fault::invalid, "\"" + page.after + "\" is not a page's \"next\"; begin without one");
  return id;
}

}  // namespace tocsin::storage::sql
