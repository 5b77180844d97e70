// Asking once: for a rule, and for `tocsin check --online`, which is told what server there is, whether the index and
// its fields are there, and how many rows each query makes.
#pragma once

#include <string>
#include <vector>

#include "answer.hpp"
#include "mapping.hpp"
#include "servers.hpp"
#include "settings.hpp"

namespace tocsin_plugins::elasticsearch {

/// The answer of the window that ends `delay` before `at`; of a question with buckets: of its newest whole bucket.
Answer asked_at(Servers& servers, const Question& question, const Limits& limits, tsn::Time at, tsn::Deadline deadline);

/// What there is to say of the question's fields; nothing, where the account may not ask. `request`: fields_request().
std::vector<Finding> fields_of(Servers& servers, const Question& question, const Request& request,
                               tsn::Deadline deadline);

/// Without queries on a schedule a poll says whether there is a server that takes the account. Throws tsn::Failure.
void reach(Servers& servers, tsn::Deadline deadline);

/// Appends lines that begin with "ok: ", "warning: " or "error: ".
void probe(Servers& servers, const Settings& settings, tsn::Time now, tsn::Deadline deadline, std::string& report);

/// Milliseconds since 1970 for a window or, with buckets, the newest whole one.
Span span_before(const Question& question, tsn::Time at);

/// Time that the server is given, a little less than there is.
std::chrono::milliseconds server_time(tsn::Deadline deadline);

/// Down to a multiple of `step`.
std::int64_t floor_to(std::int64_t value, std::int64_t step);

}  // namespace tocsin_plugins::elasticsearch
