// Decisions as bytes, for the log that is ahead of the embedded store (sqlite/decision_log.hpp).
//
// Members of a struct are written in the order of their declaration, behind the struct's length u32; little endian.
// Text and lists: length u32, then theirs. A reader that knows more members than were written leaves those as they are
// made; one that knows fewer passes the rest over. So members of what model::Changes holds may be added at the end of
// their struct, and a log that another version left behind is still read; decision_codec_test holds the shape that was
// agreed and says so when it changes in any other way.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "model/changes.hpp"

namespace tocsin::storage {

/// Numbers of incidents, by correlation id.
using IncidentNumbers = std::map<std::string, std::uint64_t>;

/// Appends the bytes of decisions that belong together to `out`; `numbers` are of their incidents that have none.
void encode(const IncidentNumbers& numbers, const std::vector<const model::Changes*>& decisions, std::string& out);
/// The decisions, the incidents with their numbers. Fault::corrupt: not what encode() writes.
base::Result<std::vector<model::Changes>> decode_decisions(std::string_view bytes);
/// The shape of what is written, in words, for the test that watches over it: "{bool,u64,[{text,…}],…}".
std::string shape_of_changes();

}  // namespace tocsin::storage
