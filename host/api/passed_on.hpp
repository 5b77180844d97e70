// What a request looks like that is passed on to the agent that decides, and what comes back of it. Both ways only the
// headers that are listed go over.
#pragma once

#include <string>
#include <string_view>

#include "api/address.hpp"
#include "api/message.hpp"
#include "api/peer.hpp"
#include "api/routes.hpp"

namespace tocsin::api {

/// On a request: who passed it on; such a one is passed on by nobody else. On an answer, as `not_decided`: nothing was
/// done, for the agent that was asked does not decide.
constexpr std::string_view passed_on_header = "tocsin-passed-on";
constexpr std::string_view not_decided = "refused";

inline bool was_passed_on(const Request& request) {
  return !request.header(passed_on_header).empty();
}

/// Request line and headers. HEAD is asked as GET: its answer tells the length of a body. Fault::invalid where the
/// address or the target would not stay within its line.
base::Result<std::string> passed_head(const Request& request, const Address& address, std::string_view agent);

/// 503 to a request that was passed on already, by an agent that does not decide.
Reply passed_on_in_vain(const Route& route, const Request& request);
/// Whether an answer is that one.
bool passed_in_vain(const PeerAnswer& answer);

/// What the asker is told of the last try. `decider`: the url that was asked, if any.
Reply reply_of(Tried tried, const Route& route, const Request& request, const std::string& decider);
/// A problem in the form the route's clients know.
Reply problem_of(const Route& route, const Request& request, Problem problem);

}  // namespace tocsin::api
