// `tocsin demo`: the real agent in a data directory of its own, with an ETL day that goes wrong.
#pragma once

#include <chrono>
#include <string>

#include "base/result.hpp"

namespace tocsin::app {

struct DemoRequest {
  std::chrono::nanoseconds length = std::chrono::seconds(60);
  bool json = false;
};

/// Runs for `length` or until SIGINT; prints the summary. The exit code: 0, unless a fault raised no incident or an
/// incident no notification.
base::Result<int> demo(const DemoRequest& request);

}  // namespace tocsin::app
