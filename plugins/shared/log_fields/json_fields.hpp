// The fields of a line that is one JSON object. Thread: its owner's.
#pragma once

#include <memory>

#include "log_match/fields.hpp"

namespace tocsin_plugins {

class JsonFields final : public log_match::Fields {
 public:
  JsonFields();
  ~JsonFields() override;
  /// False: `line` is no JSON object; the fields are then those of none. `line` must live until the next one.
  bool parse(std::string_view line);

 private:
  bool look_up(const log_match::FieldName& name, log_match::FieldValue& out, bool printed) override;
  bool find_flat(std::string_view name, log_match::FieldValue& out, bool printed);
  struct Record;
  std::unique_ptr<Record> record_;
};

}  // namespace tocsin_plugins
