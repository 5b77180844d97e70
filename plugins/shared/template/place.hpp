// Where in HTML or JSON a value of a template stands. Escaping is right only for some places: a value outside of quotes
// in a tag, in a script or outside of a JSON string could change what surrounds it, whatever its characters.
//
// The literal text of a template is read from its beginning to its end, as though every block were taken; blocks have
// to end at the kind of place they begin at, so that leaving one out changes nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "template/template.hpp"

namespace tocsin_plugins {

/// What escaping has to know beyond the format.
enum class ValuePlace {
  plain,
  attribute,  ///< HTML: no <br> for a line's end
  link,       ///< HTML: the beginning of href or src: only http, https and mailto
  bare        ///< JSON: outside of a string
};

class PlaceReader {
 public:
  explicit PlaceReader(Escape escape) : escape_(escape) {}
  void literal(std::string_view text);
  /// What a value that stands here is; not empty: why none may.
  std::string refusal() const;
  ValuePlace value();
  /// Two places at which a block may begin and end.
  bool same_as(const PlaceReader& other) const;
  /// "inside a tag": for messages.
  std::string_view name() const;
  /// JSON: inside of a string.
  bool in_string() const { return escape_ == Escape::json && state_ == State::quoted; }

 private:
  enum class State { text, tag_name, tag, attribute_name, equals, bare_value, quoted, comment, raw };
  void html(char c);
  void json(char c);
  void end_tag_name();
  bool is_link() const;

  Escape escape_;
  State state_ = State::text;
  char quote_ = 0;
  bool escaped_ = false;    ///< JSON: after a backslash
  bool has_value_ = false;  ///< the attribute has something in it that settles where a link leads
  std::string tag_, attribute_, recent_;
};

}  // namespace tocsin_plugins
