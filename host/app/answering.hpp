// One person's answer as a decision of the desk. On the control strand; no I/O.
#pragma once

#include <string>

#include "incidents/desk.hpp"
#include "model/feedback.hpp"

namespace tocsin::app {

struct Answering {
  model::Answer answer;
  std::string who;      ///< for the timeline
  std::string contact;  ///< the contact it is; empty: none
  std::string tracker;  ///< instance whose ticket the answer names; empty: it names none
  std::string from;     ///< tracker instance it came through: what follows is not told to that one again
};

/// What `answer` asks for, done to one incident. `became` is filled in also where nothing changes.
base::Result<model::Changes> act(incidents::Desk& desk, const std::string& correlation_id, const Answering& answering,
                                 base::Time now, model::Answered& became);

}  // namespace tocsin::app
