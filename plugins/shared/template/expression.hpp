// Reads what stands in a tag: paths, filters and conditions, checked against the names that data will have.
#pragma once

#include <string_view>
#include <vector>

#include "template/program.hpp"
#include "template/scanner.hpp"

namespace tocsin_plugins {

/// Not a list, a set of names or a group of values.
bool is_single(Datum::Kind kind);
/// "a text", "a list": for messages.
std::string_view kind_words(Datum::Kind kind);
/// "did you mean \"title\"?", or "expected one of kind, title, …".
std::string expected_name(std::string_view name, const std::vector<std::string_view>& known);

/// What names mean inside of a loop, or outside of all.
struct TemplateScope {
  Schema members;
  Datum::Kind element = Datum::Kind::object;
  bool loop = false;
};

class ExpressionReader {
 public:
  /// The words from the one of index `from` on. The last of `scopes` is the innermost.
  ExpressionReader(std::string_view source, std::vector<TagWord> words, std::size_t from,
                   const std::vector<TemplateScope>& scopes)
      : source_(source), words_(std::move(words)), next_(from), scopes_(scopes) {}
  /// All of the words as one expression; throws a TemplateError.
  Expression whole();

 private:
  Expression pipeline();
  Expression disjunction();
  Expression conjunction();
  Expression negation();
  Expression comparison();
  Expression primary();
  Expression path(const TagWord& word);
  Expression path_from(const TagWord& word, std::size_t up, Datum::Kind kind, Schema members,
                       std::vector<std::string_view> names);
  Expression filtered(Expression input);
  void check_filter(Expression& made, const TagWord& word);
  void read_zone(Expression& made, const TagWord& word);
  bool sign(std::string_view text);
  bool keyword(std::string_view text);
  [[noreturn]] void fail(const TagWord& word, const std::string& what) const;

  std::string_view source_;
  std::vector<TagWord> words_;
  std::size_t next_, depth_ = 0;
  const std::vector<TemplateScope>& scopes_;
};

}  // namespace tocsin_plugins
