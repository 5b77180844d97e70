// Model values as JSON: how the store keeps what has no columns of its own. Times are nanoseconds since 1970, NaN is
// null; a key that is missing has the value of a fresh object, so that older rows stay readable and what is empty need
// not be written.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "model/delivery.hpp"
#include "model/silence.hpp"

namespace tocsin::storage::json {

std::string of(const model::Labels& labels);  ///< {"a": "b"}
std::string of(const std::vector<std::string>& texts);
std::string of_fingerprints(const std::vector<std::uint64_t>& fingerprints);  ///< ["172e140873e2d000"]
std::string of(const std::vector<model::Link>& links);
std::string of(const model::Alert& alert);
std::string of(const model::Incident& incident);
std::string of(const model::Delivery& delivery);
std::string of(const model::GroupState& group);
std::string of(const model::Ladder& ladder);
std::string of(const model::Silence& silence);

/// Fault::corrupt for text that these functions did not write.
base::Result<model::Labels> labels(std::string_view text);
base::Result<std::vector<std::string>> texts(std::string_view text);
base::Result<std::vector<std::uint64_t>> fingerprints(std::string_view text);
base::Result<std::vector<model::Link>> links(std::string_view text);
base::Result<model::Alert> alert(std::string_view text);
base::Result<model::Incident> incident(std::string_view text);
base::Result<model::Delivery> delivery(std::string_view text);
base::Result<model::GroupState> group(std::string_view text);
base::Result<model::Ladder> ladder(std::string_view text);
base::Result<model::Silence> silence(std::string_view text);

}  // namespace tocsin::storage::json
