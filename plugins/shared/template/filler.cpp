#include "template/filler.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "message_text/cluster.hpp"
#include "message_text/text.hpp"
#include "template/escape.hpp"

namespace tocsin_plugins {
namespace {

using Op = Expression::Op;
using Kind = Datum::Kind;

const Datum missing;

std::optional<double> number_of(const Datum& value) {
  if (value.kind == Kind::number && std::isfinite(value.number)) return value.number;
  if (value.kind == Kind::time) return static_cast<double>(value.time);
  if (value.kind != Kind::text || value.text.empty()) return std::nullopt;
  double number = 0;
  const char* end = value.text.data() + value.text.size();
  const auto [rest, error] = std::from_chars(value.text.data(), end, number);
  if (error != std::errc() || rest != end || !std::isfinite(number)) return std::nullopt;
  return number;
}

/// LOW is 1; 0: no severity.
int severity_rank(std::string_view text) {
  for (tsn_severity rank = TSN_SEV_LOW; rank <= TSN_SEV_CRITICAL; ++rank)
    if (tsn::severity_name(rank) == text) return static_cast<int>(rank);
  return 0;
}

/// Below, equal, above: -1, 0, 1; nothing where the two have no order.
std::optional<int> ordered(const Datum& left, const Datum& right) {
  const auto sign = [](auto a, auto b) { return a < b ? -1 : a > b ? 1 : 0; };
  if (left.kind == Kind::text && right.kind == Kind::text) {
    const int a = severity_rank(left.text), b = severity_rank(right.text);
    if (a && b) return sign(a, b);
  }
  const auto a = number_of(left), b = number_of(right);
  if (a && b) return sign(*a, *b);
  return std::nullopt;
}

bool same(const Datum& left, const Datum& right) {
  const bool numbers = left.kind == Kind::number || right.kind == Kind::number;
  if (const auto order = numbers ? ordered(left, right) : std::nullopt) return *order == 0;
  if (left.kind == Kind::text && right.kind == Kind::text) return left.text == right.text;
  return datum_text(left) == datum_text(right);
}

}  // namespace

/// Whole numbers with all of their digits.
std::string datum_number(double number) {
  if (std::isfinite(number) && number == std::floor(number) && std::fabs(number) < 1e15)
    return std::to_string(static_cast<long long>(number));
  return number_text(number);
}

std::string datum_text(const Datum& value) {
  switch (value.kind) {
    case Kind::truth:
      return value.truth ? "true" : "false";
    case Kind::number:
      return datum_number(value.number);
    case Kind::time:
      return utc_text(value.time);
    case Kind::text:
      return std::string(value.text);
    default:
      return {};
  }
}

bool datum_holds(const Datum& value) {
  switch (value.kind) {
    case Kind::nothing:
      return false;
    case Kind::truth:
      return value.truth;
    case Kind::number:
      return value.number != 0 && !std::isnan(value.number);
    case Kind::time:
      return value.time != 0;
    case Kind::text:
      return !value.text.empty();
    default:
      return !value.items.empty();
  }
}

Filled Filler::fill(const std::vector<Piece>& pieces, const Datum& data) {
  frames_.push_back({&data});
  write(pieces);
  return std::move(out_);
}

bool Filler::spend(std::size_t bytes) {
  const std::size_t cost = 1 + bytes / 64;
  if (cost > steps_) {
    steps_ = 0;
    out_.whole = false;
    return false;
  }
  steps_ -= cost;
  return true;
}

void Filler::append(std::string_view text) {
  const std::size_t room = budget_.output - std::min(budget_.output, out_.text.size());
  if (text.size() > room) out_.whole = false;
  out_.text += text.substr(0, tsn::detail::fitting(text, room));
}

void Filler::write(const std::vector<Piece>& pieces) {
  for (const auto& piece : pieces) {
    if (!out_.whole || !spend()) return;
    write(piece);
  }
}

void Filler::write(const Piece& piece) {
  switch (piece.kind) {
    case Piece::Kind::literal:
      return append(piece.text);
    case Piece::Kind::value:
      return write_value(piece);
    case Piece::Kind::each:
      return write_loop(piece);
    case Piece::Kind::branch:
      return write(datum_holds(evaluate(piece.expression)) ? piece.body : piece.otherwise);
    case Piece::Kind::shorten:
      return marked(piece, out_.shorten);
    case Piece::Kind::optional:
      return marked(piece, out_.optional);
  }
}

void Filler::marked(const Piece& piece, std::vector<TextRange>& ranges) {
  const std::size_t begin = out_.text.size();
  write(piece.body);
  ranges.push_back({begin, out_.text.size()});
}

void Filler::write_value(const Piece& piece) {
  const Expression& expression = piece.expression;
  const Datum& value = evaluate(expression);
  const std::size_t begin = out_.text.size();
  if (piece.place == ValuePlace::bare) {
    const bool json = expression.op == Op::filter && expression.filter == FilterId::json;
    append(json ? std::string(value.text) : json_of(value, budget_.output));
    return;
  }
  std::string text = datum_text(value);
  if (escape_ == Escape::speech && expression.use == Use::code) text = digits_apart(text);
  // No one value takes the room of all others, nor is it escaped first where it cannot fit.
  if (const std::size_t most = budget_.output / 16; text.size() > most)
    text.resize(fitting_clusters(text, most)), text += "\xe2\x80\xa6";
  if (!spend(text.size())) return;
  append(escaped_for(escape_, piece.place, text));
  if (out_.text.size() == begin) return;
  if (expression.use == Use::address)
    out_.kept.push_back({begin, out_.text.size()});
  else if (value.kind == Kind::text && frames_.size() == 1)
    out_.texts.push_back({begin, out_.text.size()});
}

void Filler::write_loop(const Piece& piece) {
  const Datum& list = evaluate(piece.expression);
  if (list.items.empty()) return write(piece.otherwise);
  frames_.push_back({nullptr, 0, list.items.size()});
  for (std::size_t i = 0; i < list.items.size() && out_.whole; ++i) {
    Datum entry;
    if (list.kind == Kind::map) {
      entry.kind = Kind::object;
      entry.set("name", Datum::of(list.names[i]));
      entry.set("value", list.items[i]);
    }
    // `entry` lives as long as the round: what an expression keeps of it is a copy or a text of the data's own.
    frames_.back().data = list.kind == Kind::map ? &entry : &list.items[i];
    frames_.back().index = i + 1;
    write(piece.body);
  }
  frames_.pop_back();
}

const Datum& Filler::keep(Datum value) {
  return values_.emplace_back(std::move(value));
}

const Datum& Filler::keep_text(std::string text) {
  return keep(Datum::of(texts_.emplace_back(std::move(text))));
}

const Datum& Filler::evaluate(const Expression& expression) {
  if (!spend()) return missing;
  const auto& frame = frames_[frames_.size() - 1 - expression.up];
  switch (expression.op) {
    case Op::text:
      return keep(Datum::of(expression.text));
    case Op::number:
      return keep(Datum::of_number(expression.number));
    case Op::truth:
      return keep(Datum::of_truth(expression.number != 0));
    case Op::path:
      return path(expression);
    case Op::index:
      return keep(Datum::of_number(static_cast<double>(frame.index)));
    case Op::first:
      return keep(Datum::of_truth(frame.index == 1));
    case Op::last:
      return keep(Datum::of_truth(frame.index == frame.count));
    case Op::filter:
      return filtered(expression);
    case Op::conjunction:
    case Op::disjunction: {
      const bool any = expression.op == Op::disjunction;
      const auto holds = [&](const Expression& kid) { return datum_holds(evaluate(kid)); };
      return keep(Datum::of_truth(any ? std::any_of(expression.kids.begin(), expression.kids.end(), holds)
                                      : std::all_of(expression.kids.begin(), expression.kids.end(), holds)));
    }
    case Op::negation:
      return keep(Datum::of_truth(!datum_holds(evaluate(expression.kids[0]))));
    default:
      return keep(Datum::of_truth(compare(expression)));
  }
}

const Datum& Filler::path(const Expression& expression) {
  const Datum* at = frames_[frames_.size() - 1 - expression.up].data;
  for (std::size_t i = 0; i < expression.names.size(); ++i) {
    if (at->kind == Kind::list) return plucked(*at, expression.names, i);
    at = at->find(expression.names[i]);
    if (!at) return missing;
  }
  return *at;
}

const Datum& Filler::plucked(const Datum& list, const std::vector<std::string>& names, std::size_t from) {
  Datum out = Datum::of_kind(Kind::list);
  for (const Datum& item : list.items) {
    if (!spend()) break;
    const Datum* at = &item;
    for (std::size_t i = from; at && i < names.size(); ++i) at = at->find(names[i]);
    const bool empty = !at || at->kind == Kind::nothing || (at->kind == Kind::text && at->text.empty());
    if (!empty) out.items.push_back(*at);
  }
  return keep(std::move(out));
}

bool Filler::compare(const Expression& expression) {
  const Datum& left = evaluate(expression.kids[0]);
  const Datum& right = evaluate(expression.kids[1]);
  if (!spend(left.text.size() + right.text.size())) return false;
  if (expression.op == Op::equal) return same(left, right);
  if (expression.op == Op::unequal) return !same(left, right);
  const auto order = ordered(left, right);
  if (!order) return false;
  if (expression.op == Op::less) return *order < 0;
  if (expression.op == Op::at_most) return *order <= 0;
  return expression.op == Op::more ? *order > 0 : *order >= 0;
}

}  // namespace tocsin_plugins
