// The fields of a line that is one JSON object. Thread: its owner's.
#pragma once

#include <memory>

#include "log_match/fields.hpp"

namespace tocsin_plugins {

class JsonFields final : public log_match::Fields {
 public:
  JsonFields();
  ~JsonFields() override;
  /// False: `line` is no JSON object; the fields are then those of none. `line` need not live on.
  bool parse(std::string_view line);

 private:
  bool look_up(const log_match::FieldName& name, log_match::FieldValue& out, bool printed) override;
  struct Record;
  std::unique_ptr<Record> record_;
};

}  // namespace tocsin_plugins
