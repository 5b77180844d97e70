// A provider for tests: gives each connection the next of its answers and keeps what came.
#pragma once

#include "tocsin/testing/scripted_server.hpp"

namespace tocsin_plugins {

using ScriptedProvider = tsn::testing::ScriptedServer;

inline std::string body_in(const std::string& request) {
  return tsn::testing::body_of(request);
}

}  // namespace tocsin_plugins
