// Reads a JSON document (RFC 8259) into plain values: the small bodies of the management API. Bulk pushes go to their
// plugin unread. A reader of our own rather than a library: these bodies are a few keys, and a library's code would be
// resident in every agent.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.hpp"
#include "base/value.hpp"

namespace tocsin::api {

/// Fault::invalid with line and column; nesting deeper than 64 and duplicate keys are refused. Integers that fit in 64
/// bits stay integers.
base::Result<base::Value> read_json(std::string_view text);

}  // namespace tocsin::api
