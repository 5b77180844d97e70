// An answer that is not 200, as a status with its remedy. The ABI carries 240 bytes of it.
#pragma once

#include <string>

#include "http_client/http_client.hpp"

namespace tocsin_plugins::elasticsearch {

/// What was asked, for the text of its failure.
struct Asked {
  std::string host;            ///< "https://es.corp:9200"
  std::string index;           ///< empty: the request is of no index
  std::string_view body = {};  ///< what was sent: the place of a mistake is quoted from it
};

/// TSN_INVALID: can never succeed as it stands. TSN_DENIED: who asks may not. TSN_RETRY: overloaded, after a wait.
/// TSN_FAILED: not now.
tsn::Status failure_of(const HttpAnswer& answer, const Asked& asked, tsn::Time now);

/// The server cannot serve now, another of its cluster may.
bool is_another_turn(const HttpAnswer& answer);

}  // namespace tocsin_plugins::elasticsearch
