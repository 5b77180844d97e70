// The operators of matchers as text. Internal to the room.
#pragma once

#include <optional>
#include <string_view>

#include "model/matcher.hpp"

namespace tocsin::model {

std::string_view operator_text(MatchOp op);
/// Takes = != =~ or !~ off the front of `rest`.
std::optional<MatchOp> take_operator(std::string_view& rest);

}  // namespace tocsin::model
