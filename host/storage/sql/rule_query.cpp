#include "storage/sql/rule_query.hpp"

namespace tocsin::storage::sql {

using base::Fault;

std::string guarded_query(std::string_view query, std::size_t most_rows) {
  const auto blank = [](char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == ';'; };
  while (!query.empty() && blank(query.back())) query.remove_suffix(1);
  while (!query.empty() && blank(query.front())) query.remove_prefix(1);
  // The line break ends a comment at the query's end.
  return "SELECT * FROM (" + std::string(query) + "\n) AS rule_query LIMIT " + std::to_string(most_rows + 1);
}

std::string label_name(std::string_view column) {
  if (column == "loader_code") return "loader";
  if (column == "segment_code") return "segment";
  std::string out;
  for (const char c : column) {
    const bool digit = c >= '0' && c <= '9';
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (digit && out.empty()) out += '_';
    out += letter || digit ? c : '_';
  }
  return out;
}

base::Error too_many_rows(std::size_t most_rows) {
  return {Fault::exhausted,
          "the query gives more than " + std::to_string(most_rows) + " rows; group or filter it further"};
}

base::Error no_number(std::string_view text) {
  return {Fault::invalid, "the column \"value\" holds \"" + std::string(text) + "\", which is no number"};
}

}  // namespace tocsin::storage::sql
