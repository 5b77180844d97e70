// The buttons under a message, and what a press on one means: both ends of what action_id and value carry.
#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "blocks.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

inline constexpr std::string_view acknowledge_button = "tocsin.acknowledge", escalate_button = "tocsin.escalate",
                                  resolve_button = "tocsin.resolve", snooze_menu = "tocsin.snooze",
                                  link_button = "tocsin.link.";  ///< with its number

/// An `actions` block; null where there is nothing to press: it is over, a test, or no links.
nlohmann::json actions_block(const tsn::Message& message, Buttons buttons);

struct Meaning {
  tsn_answer_kind kind = TSN_ANSWER_ACKNOWLEDGE;
  std::string incident;
  std::chrono::minutes lasts{0};
  std::string text = {};  ///< of a command: notes
};
/// `value`: of the button, or of the menu's chosen option. Nothing for what is none of the buttons above.
std::optional<Meaning> meaning_of(std::string_view action_id, std::string_view value);

}  // namespace tocsin_plugins
