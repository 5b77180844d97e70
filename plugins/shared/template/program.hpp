// A compiled template: a tree of what to write.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "template/datum.hpp"
#include "template/place.hpp"
#include "timestamp/zone.hpp"

namespace tocsin_plugins {

enum class FilterId {
  upper,
  lower,
  trim,
  fallback,
  truncate,
  date,
  time,
  datetime,
  age,
  count,
  join,
  unique,
  round,
  json,
  url,
  digits,
  sentence
};

/// An expression. `kids`: operands; of a filter first what it is applied to, then its arguments.
struct Expression {
  enum class Op {
    text,
    number,
    truth,
    path,
    index,
    first,
    last,
    filter,
    equal,
    unequal,
    less,
    at_most,
    more,
    at_least,
    conjunction,
    disjunction,
    negation
  };
  Op op = Op::text;
  FilterId filter = FilterId::upper;
  std::size_t up = 0;  ///< of path, index, first, last: how many loops outwards
  double number = 0;
  std::string text;
  std::vector<std::string> names;  ///< of a path
  std::vector<Expression> kids;
  std::optional<Zone> zone;
  Datum::Kind kind = Datum::Kind::text;  ///< what it gives, as far as it is known
  Schema members = {};                   ///< of a list's elements or an object
  Use use = Use::plain;
};

struct Piece {
  enum class Kind { literal, value, each, branch, shorten, optional };
  Kind kind = Kind::literal;
  std::string text;
  Expression expression;
  ValuePlace place = ValuePlace::plain;
  std::vector<Piece> body, otherwise;
};

}  // namespace tocsin_plugins
