// Configuration as the ABI shows it, and rule tables as plugins give them.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/value.hpp"
#include "tocsin/abi.h"

namespace tocsin::plugin_host {

/// A tsn_value tree over a base::Value, which must outlive it. Neither copied nor moved: it points into itself.
class ValueView {
 public:
  explicit ValueView(const base::Value& value) { fill(value, root_); }
  ValueView(const ValueView&) = delete;
  ValueView& operator=(const ValueView&) = delete;
  const tsn_value* root() const { return &root_; }

 private:
  void fill(const base::Value& in, tsn_value& out);
  tsn_value root_{};
  std::deque<std::vector<tsn_value>> items_;
  std::deque<std::vector<tsn_str>> keys_;
};

/// A plugin's tree as a value of ours, every pointer, count and depth checked. `file` names where it stands.
base::Result<base::Value> read_value(const tsn_value* value, const std::string& file);

}  // namespace tocsin::plugin_host
