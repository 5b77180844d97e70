#include "template/expression.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace tocsin_plugins {
namespace {

using Op = Expression::Op;
using Kind = Datum::Kind;

std::size_t edits_between(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t corner = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = corner + (a[i - 1] != b[j - 1]);
      corner = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
    }
  }
  return row.back();
}

std::vector<std::string_view> names_of(Schema members) {
  std::vector<std::string_view> out;
  for (const auto& member : members) out.push_back(member.name);
  return out;
}

const Name* member_of(Schema members, std::string_view name) {
  const auto at = std::find_if(members.begin(), members.end(), [&](const Name& each) { return each.name == name; });
  return at == members.end() ? nullptr : &*at;
}

std::vector<std::string_view> split_path(std::string_view path) {
  std::vector<std::string_view> out;
  for (;;) {
    const auto dot = path.find('.');
    out.push_back(path.substr(0, dot));
    if (dot == path.npos) return out;
    path.remove_prefix(dot + 1);
  }
}

Expression joined_by(Op op, Expression left, Expression right) {
  Expression made;
  made.op = op, made.kind = Kind::truth;
  made.kids.push_back(std::move(left));
  made.kids.push_back(std::move(right));
  return made;
}

/// Of the same operator in a row: one expression of many, so that a long one is not a deep one.
void add_operand(Expression& to, Op op, Expression right) {
  if (to.op == op && !to.kids.empty())
    to.kids.push_back(std::move(right));
  else
    to = joined_by(op, std::move(to), std::move(right));
}

}  // namespace

bool is_single(Datum::Kind kind) {
  return kind != Kind::list && kind != Kind::map && kind != Kind::object;
}

std::string expected_name(std::string_view name, const std::vector<std::string_view>& known) {
  const auto near = std::find_if(known.begin(), known.end(), [&](std::string_view each) {
    return name.size() < 40 && edits_between(name, each) <= 2 && name.size() > 2;
  });
  if (near != known.end()) return "did you mean \"" + std::string(*near) + "\"?";
  std::string out = "expected one of ";
  for (std::size_t i = 0; i < known.size(); ++i) {
    if (out.size() > 120) return out + ", …";
    out.append(i ? ", " : "").append(known[i]);
  }
  return out;
}

std::string_view kind_words(Datum::Kind kind) {
  constexpr std::string_view words[] = {"nothing", "a truth", "a number",       "a time",
                                        "a text",  "a list",  "a set of names", "a group of values"};
  return words[static_cast<std::size_t>(kind)];
}

void ExpressionReader::fail(const TagWord& word, const std::string& what) const {
  template_error(source_, word.at, what);
}

bool ExpressionReader::sign(std::string_view text) {
  const bool there = words_[next_].kind == TagWord::Kind::sign && words_[next_].text == text;
  next_ += there;
  return there;
}

bool ExpressionReader::keyword(std::string_view text) {
  const bool there = words_[next_].kind == TagWord::Kind::name && words_[next_].text == text;
  next_ += there;
  return there;
}

Expression ExpressionReader::whole() {
  Expression made = pipeline();
  const auto& word = words_[next_];
  if (word.kind != TagWord::Kind::end) fail(word, "expected | or }}, not \"" + word.text + "\"");
  return made;
}

Expression ExpressionReader::pipeline() {
  if (++depth_ > Template::most_depth) fail(words_[next_], "expected fewer parentheses");
  Expression made = disjunction();
  for (std::size_t filters = 0; sign("|"); ++filters) {
    if (filters == Template::most_depth) fail(words_[next_], "expected fewer filters");
    made = filtered(std::move(made));
  }
  --depth_;
  return made;
}

Expression ExpressionReader::disjunction() {
  Expression made = conjunction();
  while (keyword("or")) add_operand(made, Op::disjunction, conjunction());
  return made;
}

Expression ExpressionReader::conjunction() {
  Expression made = negation();
  while (keyword("and")) add_operand(made, Op::conjunction, negation());
  return made;
}

Expression ExpressionReader::negation() {
  bool turned = false, any = false;
  while (keyword("not")) turned = !turned, any = true;
  Expression inner = comparison();
  if (!any) return inner;
  Expression made;
  made.op = Op::negation, made.kind = Kind::truth;
  if (turned) return made.kids.push_back(std::move(inner)), made;
  Expression again = made;
  again.kids.push_back(std::move(inner));
  made.kids.push_back(std::move(again));
  return made;
}

Expression ExpressionReader::comparison() {
  Expression left = primary();
  constexpr std::pair<std::string_view, Op> signs[] = {{"==", Op::equal},    {"!=", Op::unequal}, {"<=", Op::at_most},
                                                       {">=", Op::at_least}, {"<", Op::less},     {">", Op::more}};
  for (const auto& [text, op] : signs) {
    const TagWord at = words_[next_];
    if (!sign(text)) continue;
    Expression right = primary();
    if (!is_single(left.kind) || !is_single(right.kind)) fail(at, "expected texts, numbers or times to compare");
    return joined_by(op, std::move(left), std::move(right));
  }
  return left;
}

Expression ExpressionReader::primary() {
  const TagWord word = words_[next_];
  Expression made;
  switch (word.kind) {
    case TagWord::Kind::text:
      ++next_;
      made.op = Op::text, made.text = word.text;
      return made;
    case TagWord::Kind::number:
      ++next_;
      made.op = Op::number, made.number = word.number, made.kind = Kind::number;
      return made;
    case TagWord::Kind::name:
      ++next_;
      if (word.text != "true" && word.text != "false") return path(word);
      made.op = Op::truth, made.number = word.text == "true", made.kind = Kind::truth;
      return made;
    case TagWord::Kind::sign:
      if (sign("(")) {
        made = pipeline();
        if (!sign(")")) fail(words_[next_], "expected )");
        return made;
      }
      fail(word, "expected a name, a text or a number, not \"" + word.text + "\"");
    default:
      fail(word, "expected a name, a text or a number");
  }
}

Expression ExpressionReader::path(const TagWord& word) {
  auto names = split_path(word.text);
  if (std::find(names.begin(), names.end(), "") != names.end()) fail(word, "expected a name after the point");
  const auto& inner = scopes_.back();
  if (names[0] == "this") {
    if (!inner.loop) fail(word, "expected \"this\" inside of {{#each}} only");
    names.erase(names.begin());
    return path_from(word, 0, inner.element, inner.members, std::move(names));
  }
  for (std::size_t up = 0; up < scopes_.size(); ++up) {
    const auto& scope = scopes_[scopes_.size() - 1 - up];
    if (scope.element == Kind::object && member_of(scope.members, names[0]))
      return path_from(word, up, Kind::object, scope.members, std::move(names));
    if (!scope.loop || names.size() > 1) continue;
    Expression made;
    made.up = up;
    if (names[0] == "index") return made.op = Op::index, made.kind = Kind::number, made;
    if (names[0] == "first") return made.op = Op::first, made.kind = Kind::truth, made;
    if (names[0] == "last") return made.op = Op::last, made.kind = Kind::truth, made;
  }
  std::vector<std::string_view> known;
  for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope)
    for (const auto name : names_of(scope->members)) known.push_back(name);
  fail(word, "there is no \"" + word.text.substr(0, 60) + "\"; " + expected_name(names[0], known));
}

Expression ExpressionReader::path_from(const TagWord& word, std::size_t up, Kind kind, Schema members,
                                       std::vector<std::string_view> names) {
  Expression made;
  made.op = Op::path, made.up = up;
  bool many = false;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (kind == Kind::map) {  // the rest is one name: labels may have points in theirs
      const auto from = static_cast<std::size_t>(names[i].data() - word.text.data());
      made.names.push_back(word.text.substr(from));
      kind = Kind::text;
      break;
    }
    if (kind == Kind::list) many = true;
    if (kind != Kind::object && kind != Kind::list)
      fail(word,
           "expected no \"." + std::string(names[i]) + "\": what stands before it is " + std::string(kind_words(kind)));
    const Name* member = member_of(members, names[i]);
    if (!member)
      fail(word, "there is no \"" + word.text.substr(0, 60) + "\"; " + expected_name(names[i], names_of(members)));
    made.names.emplace_back(names[i]);
    made.use = member->use;
    kind = member->kind, members = member->members;
  }
  made.kind = many ? Kind::list : kind;
  made.members = many ? Schema() : members;
  return made;
}

}  // namespace tocsin_plugins
