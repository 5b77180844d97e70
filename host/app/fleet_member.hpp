// One name of the fleet: what is wanted of it, and who serves. Internal to fleet.cpp and fleet_exchange.cpp.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/fleet.hpp"
#include "app/ledger.hpp"
#include "app/poller.hpp"
#include "app/route_guard.hpp"
#include "app/seat.hpp"
#include "plugin_host/sequence.hpp"

namespace tocsin::app {

constexpr base::Duration default_timeout = std::chrono::seconds(30);

struct Fleet::Member {
  explicit Member(const std::string& name) : guard(std::make_shared<RouteGuard>(name)) {}

  Wanted wanted;
  std::shared_ptr<plugin_host::Instance> instance;
  std::shared_ptr<Poller> poller;
  const std::shared_ptr<Seat> seat = std::make_shared<Seat>();
  const std::shared_ptr<RouteGuard> guard;
  const std::shared_ptr<Ledger> ledger = std::make_shared<Ledger>();
  std::shared_ptr<plugin_host::Sequence> sequence;  ///< of its rows; the same for every instance of the name
  std::uint64_t identity = 0;
  std::string path, version, config_text, error;
  std::vector<model::RouteDoc> routes;  ///< what the instance serves, with the paths its configuration gives
  /// A successor that could not take over: the same file with the same options is not tried again while another serves,
  /// since each trial may cost a pause.
  std::uint64_t refused_identity = 0;
  std::string refused_config, refused_why;
};

}  // namespace tocsin::app
