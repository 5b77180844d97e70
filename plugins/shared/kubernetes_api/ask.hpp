// One GET, to its end.
#pragma once

#include <functional>
#include <string>

#include "kubernetes_api/transport.hpp"

namespace tocsin_plugins::kube {

struct Answer {
  Outcome outcome;
  std::string body;
  bool ok() const noexcept { return outcome.status == 200 && outcome.error.empty(); }
};

/// Waits for the answer, for as long as `question` says. Its error says so where the body is longer than `most_body`,
/// the token cannot be read, or `stopping()` became true. `transport` has no other requests. Never throws.
Answer ask(Transport& transport, const Question& question, std::size_t most_body,
           const std::function<bool()>& stopping);

}  // namespace tocsin_plugins::kube
