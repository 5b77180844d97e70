// What is kept about tickets beside their mapping (model::TicketRef): what was said about them, to and fro.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace tocsin::model {

/// TicketRef::intent of a mapping that a person took away: no ticket is opened again, and nothing follows, until a
/// person links one or asks for a new one.
inline constexpr std::string_view ticket_unlinked = "unlinked";

/// A row of jira_sync_log: a call of ours to the tracker's other side, one of its calls here, or what a mapping became.
enum class ExchangeDirection : std::uint8_t { mapping, out, in };
inline std::string_view to_string(ExchangeDirection direction) {
  return direction == ExchangeDirection::out ? "OUT" : direction == ExchangeDirection::in ? "IN" : "MAPPING";
}

struct Exchange {
  std::uint64_t id = 0;  ///< given by the store; rises
  ExchangeDirection direction = ExchangeDirection::out;
  std::string instance;        ///< "jira" of [tracker.jira]
  std::string correlation_id;  ///< of the incident; empty: not about one
  std::uint64_t incident = 0;  ///< its number; 0: none, or not known. Read, never written
  std::string ticket;          ///< key
  // Of a call.
  std::string method, target;     ///< "POST", "/rest/api/3/issue"
  std::string request, response;  ///< without secrets, at most 16 KiB each
  std::string error;              ///< empty: it went well
  std::uint32_t http_status = 0;  ///< 0: no answer
  base::Duration took{};
  // Of a mapping.
  std::string status, intent;  ///< as TicketRef's
  base::Time at{};             ///< when it began
};

}  // namespace tocsin::model
