// Messages that somebody made to break what shows them: a text that does harm in one format or another, in every field
// that comes from outside.
#pragma once

#include <string>
#include <vector>

#include "tocsin/incident.hpp"

namespace tsn::testing {

struct HostileMessage {
  std::string name;  ///< of what is in it: "html", "a megabyte"
  Message message;
  std::string_view text;  ///< what is in every field
  bool utf8 = true;       ///< false: what no host hands out, and a plugin must stand anyway
};

/// Made once; the messages and their texts live as long as the program. The recipient's address is a sound one, of the
/// kind that sample_message() has. Two are about a megabyte in each field, one has thousands of alerts.
const std::vector<HostileMessage>& hostile_messages();
/// The same incident as a tracker gets it.
Upsert hostile_upsert(const HostileMessage& hostile);

}  // namespace tsn::testing
