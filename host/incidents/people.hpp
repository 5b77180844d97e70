// Whom a target means, and the ladder a route leads to.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "incidents/rotation.hpp"
#include "incidents/tree.hpp"
#include "model/routing.hpp"

namespace tocsin::incidents {

/// One message's way out.
struct Recipient {
  std::string instance;
  std::string name;     ///< the contact's, or "#channel"; empty: the instance has no recipients
  std::string address;  ///< what the notifier needs
  std::string exact;    ///< the target that names just this one: "mail:contact.first"
};

/// A further way to a recipient, by the contact's `prefer`.
struct Later {
  Recipient recipient;
  base::Duration after;  ///< of the first telling
};

struct Found {
  std::vector<Recipient> recipients;
  std::vector<Later> later;           ///< who does not answer is told so too, in order of time
  std::vector<std::string> problems;  ///< why somebody, or everybody, cannot be reached
};

/// Behind the step, in the reason of a message by a later preference.
constexpr const char* by_preference = ", by preference";

/// Who of a rotation is meant: whom the roster names at an instant; without a roster everybody it may ever name.
struct OnCallAt {
  const Roster* roster = nullptr;
  base::Time at{};
};

/// `instance:contact.name`, `instance:group.name`, `instance:rotation.name`, `instance:#channel`, `contact.name`,
/// `group.name`, `rotation.name` (these by preference: the first that can be, and later the others that have an
/// `after`), or `instance` alone.
Found find_people(const model::Routing& routing, const std::string& target, OnCallAt when = {});

/// A contact's field by its name; "email", "phone", "slack", or one of its own.
std::string address_of(const model::Contact& contact, const std::string& field);

/// The ladder of a severity's tier (who is told when a route names neither policy nor people): all channels of the
/// tier at once, then the rungs email 5 min, SMS 10 min, IVR 15 min it has not used, then contact.manager.
model::Policy tier_policy(const model::Routing& routing, model::Severity severity);

/// The ladder an incident on these routes climbs. Several routes' ladders run as one, merged by time. Without steps:
/// none of them has a ladder.
model::Policy ladder_policy(const model::Routing& routing, const std::vector<const Node*>& nodes,
                            model::Severity severity);

/// ` (did you mean "x"?)` with the nearest of the known names, or nothing.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& known);

template <class Map>
std::vector<std::string> names_of(const Map& map) {
  std::vector<std::string> names;
  for (const auto& entry : map) names.push_back(entry.first);
  return names;
}

}  // namespace tocsin::incidents
