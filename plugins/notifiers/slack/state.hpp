// How an incident's state looks: a coloured sign and a line, the block that is replaced when the state changes.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

/// The incident has ended; or the message belongs to none, and says that all alerts have.
bool is_over(const tsn::Message& message);

/// ":red_circle: *CRITICAL* · *OPEN* · owner first · 2 firing, 1 resolved"; null where a message has no state.
nlohmann::json state_block(const tsn::Message& message);

/// The blocks of a message that Slack shows, with the state changed by an answer to it: the line says `sentence`, and
/// what can be done no more has no button. Null where `blocks` are not such.
nlohmann::json answered_blocks(nlohmann::json blocks, tsn_incident_status status, std::string_view sentence);

}  // namespace tocsin_plugins
