// How a value is judged against thresholds: pure, without the SDK, so that it can be reasoned about and measured alone.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace threshold {

enum class Op : std::uint8_t { gt, gte, lt, lte, eq, neq, exists, absent };

/// As faces has them: signs, and the words of the spec's rule table.
inline std::optional<Op> parse_op(std::string_view text) {
  struct Word {
    std::string_view text;
    Op op;
  };
  static constexpr Word words[] = {{">", Op::gt},          {"GT", Op::gt},        {">=", Op::gte}, {"GTE", Op::gte},
                                   {"<", Op::lt},          {"LT", Op::lt},        {"<=", Op::lte}, {"LTE", Op::lte},
                                   {"==", Op::eq},         {"EQ", Op::eq},        {"!=", Op::neq}, {"NEQ", Op::neq},
                                   {"EXISTS", Op::exists}, {"ABSENT", Op::absent}};
  for (const Word& word : words)
    if (word.text == text) return word.op;
  return std::nullopt;
}
constexpr std::string_view ops_text = "one of > >= < <= == != EXISTS ABSENT (or GT GTE LT LTE EQ NEQ)";

inline bool compares(Op op) {
  return op != Op::exists && op != Op::absent;
}

inline bool holds(Op op, double value, double threshold) {
  switch (op) {
    case Op::gt:
      return value > threshold;
    case Op::gte:
      return value >= threshold;
    case Op::lt:
      return value < threshold;
    case Op::lte:
      return value <= threshold;
    case Op::eq:
      return value == threshold;
    case Op::neq:
      return value != threshold;
    default:
      return false;
  }
}

struct Tier {
  double threshold = 0;
  std::uint32_t severity = 0;  ///< 0: the rule's
};

enum class State : std::uint8_t { ok, firing, no_data, keep };

struct Answer {
  State state = State::ok;
  double threshold = NAN;
  std::uint32_t severity = 0;
};

struct Test {
  Op op = Op::gt;
  std::vector<Tier> tiers;        ///< highest severity first
  std::optional<double> resolve;  ///< hysteresis: a firing alert goes on while the value still compares with this
};

/// NaN: no data.
inline Answer judge(const Test& test, double value) {
  const bool there = !std::isnan(value);
  if (test.op == Op::exists) return {there ? State::firing : State::ok};
  if (test.op == Op::absent) return {there ? State::ok : State::firing};
  if (!there) return {State::no_data};
  for (const Tier& tier : test.tiers)
    if (holds(test.op, value, tier.threshold)) return {State::firing, tier.threshold, tier.severity};
  if (test.resolve && holds(test.op, value, *test.resolve)) return {State::keep};
  return {};
}

/// A part of a whole; NaN: there is no verdict, because the whole is empty or smaller than `min_count` signals. Where
/// parts are added up, none is zero.
inline double ratio(double part, double whole, double whole_count, double min_count, bool adds_up) {
  if (std::isnan(whole) || whole == 0 || !(whole_count >= min_count)) return NAN;
  if (std::isnan(part)) return adds_up ? 0 : NAN;
  return part / whole;
}

}  // namespace threshold
