// The fields of a record, as [[match]] asks for them. Who parses records is no matter of this library: see log_fields.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "log_match/pattern.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins::log_match {

enum class FieldSyntax { none, json, logfmt };

/// "json", "logfmt", "none"; nothing: another word.
std::optional<FieldSyntax> syntax_of(std::string_view word);

/// A member of the record by its name, or by a JSON Pointer (RFC 6901) where it begins with a slash.
struct FieldName {
  std::string text;
  bool pointer() const noexcept { return text.starts_with('/'); }
};

struct FieldValue {
  std::string_view text;         ///< also of a number, true and false; UTF-8; valid until the next find()
  std::optional<double> number;  ///< the record holds a number there
};

class Fields {
 public:
  virtual ~Fields() = default;
  /// False: there is no such field, or it is null, a list or an object.
  bool find(const FieldName& name, FieldValue& out) { return look_up(name, out, true); }
  /// The same, but a number has no text: it costs much to print one.
  bool find_unprinted(const FieldName& name, FieldValue& out) { return look_up(name, out, false); }

 private:
  virtual bool look_up(const FieldName& name, FieldValue& out, bool printed) = 0;
};

/// A number in a field, also in a text of its own.
std::optional<double> number_of(const FieldValue& value);

/// One entry of `where`: "error" equals; >, >=, <, <= compare numbers; != and !~ hold without the field too; ~ looks
/// for a regular expression; = before a text that begins with one of these.
class Condition {
 public:
  /// Throws tsn::Failure (invalid); `where` begins the text.
  Condition(std::string_view field, const tsn::Config& wanted, const std::string& where);
  bool holds(Fields& fields);

 private:
  enum class Kind { equal, unequal, above, at_least, below, at_most, like, unlike };
  FieldName field_;
  Kind kind_ = Kind::equal;
  std::string text_;
  std::optional<double> number_;
  std::optional<Pattern> pattern_;
};

/// "{/service}-{zone}": fields within a text; "{{" is a brace.
class FieldText {
 public:
  /// Throws tsn::Failure (invalid); `where` begins the text.
  FieldText(std::string_view text, const std::string& where);
  bool is_plain() const noexcept { return pieces_.size() == 1 && !pieces_.front().field; }
  /// Appends at most `most` bytes, UTF-8 without NUL; nothing where none of its fields is there.
  void append(Fields& fields, std::string& out, std::size_t most) const;
  const std::string& plain() const { return pieces_.front().name.text; }

 private:
  struct Piece {
    FieldName name;
    bool field;
  };
  std::vector<Piece> pieces_;
};

}  // namespace tocsin_plugins::log_match
