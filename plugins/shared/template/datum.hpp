// What a template reads: a tree of values, and the description of the names in it, by which a template is checked
// before there is any data.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace tocsin_plugins {

/// A value with what is in it. Texts are borrowed: they live as long as the message they are of.
struct Datum {
  enum class Kind { nothing, truth, number, time, text, list, map, object };
  Kind kind = Kind::nothing;
  bool truth = false;
  double number = 0;      ///< NaN counts as nothing
  std::int64_t time = 0;  ///< nanoseconds since 1970; 0 counts as nothing
  std::string_view text;
  std::vector<Datum> items;             ///< of a list; the values of a map or an object
  std::vector<std::string_view> names;  ///< of a map or an object, in the order of items

  static Datum of(std::string_view text) {
    Datum made;
    made.kind = Kind::text, made.text = text;
    return made;
  }
  static Datum of_number(double number) {
    Datum made;
    made.kind = Kind::number, made.number = number;
    return made;
  }
  static Datum of_truth(bool truth) {
    Datum made;
    made.kind = Kind::truth, made.truth = truth;
    return made;
  }
  static Datum of_time(std::int64_t time) {
    Datum made;
    made.kind = Kind::time, made.time = time;
    return made;
  }
  static Datum of_kind(Kind kind) {
    Datum made;
    made.kind = kind;
    return made;
  }
  void set(std::string_view name, Datum value) {
    names.push_back(name);
    items.push_back(std::move(value));
  }
  /// Null where there is none.
  const Datum* find(std::string_view name) const {
    for (std::size_t i = 0; i < names.size(); ++i)
      if (names[i] == name) return &items[i];
    return nullptr;
  }
};

/// What a text is for beyond being read.
enum class Use {
  plain,
  address,  ///< to be opened: worthless when cut
  code      ///< to be typed: a voice reads it digit by digit
};

/// A name that templates may use. A map has any names, with texts; the elements of a list are objects of `members`.
struct Name {
  std::string_view name;
  Datum::Kind kind = Datum::Kind::text;
  std::span<const Name> members = {};
  Use use = Use::plain;
};
using Schema = std::span<const Name>;

}  // namespace tocsin_plugins
