// The fields of a line in logfmt: blanks between key=value and key="value with \"quotes\""; a key alone is "true".
#pragma once

#include <string>
#include <vector>

#include "log_match/fields.hpp"

namespace tocsin_plugins {

class LogfmtFields final : public log_match::Fields {
 public:
  /// False: `line` has no key=value, or a quote that is not closed; the fields are then those of none.
  bool parse(std::string_view line);

 private:
  /// Of two fields with one name the first counts. A JSON Pointer "/name" is `name`.
  bool look_up(const log_match::FieldName& name, log_match::FieldValue& out, bool printed) override;
  bool read(std::string_view line);
  struct Field {
    std::size_t key, key_size, value, value_size;  ///< in text_
  };
  std::string text_;
  std::vector<Field> fields_;
};

}  // namespace tocsin_plugins
