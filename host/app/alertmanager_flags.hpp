// Alertmanager's command line, as 0.25 has it.
#pragma once

#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace CLI {
class App;
}

namespace tocsin::app {

struct AlertmanagerFlags {
  std::string config_file = "alertmanager.yml";
  std::string storage_path = "data/";
  std::string retention = "120h", maintenance_interval = "15m", gc_interval = "30m";
  std::vector<std::string> listen = {":9093"};
  bool systemd_socket = false;
  std::string web_config_file, external_url, route_prefix, ui_path, web_timeout = "0";
  int get_concurrency = 0;
  std::string cluster_listen = "0.0.0.0:9094", cluster_advertise;
  std::vector<std::string> peers;
  std::string peer_timeout = "15s", gossip_interval = "200ms", pushpull_interval = "1m", tcp_timeout = "10s",
              probe_timeout = "500ms", probe_interval = "1s", settle_timeout = "1m", reconnect_interval = "10s",
              reconnect_timeout = "6h", cluster_tls_config;
  bool insecure_advertise = false;
  std::string log_level = "info", log_format = "logfmt";
};

/// Declares every flag on the command. `flags` must outlive it.
void add_alertmanager_flags(CLI::App& command, AlertmanagerFlags& flags);

/// What no single flag can say is wrong: durations, URLs, flags whose meaning this version has not.
base::Result<void> check_flags(const AlertmanagerFlags& flags);

/// Flags that are taken and change nothing here, among those given on the command line: one sentence each.
std::vector<std::string> unused_flags(const CLI::App& command);

/// Where this instance and others meet: the sorted set of --cluster.peer and its own address. Empty: it is alone.
std::vector<std::string> cluster_of(const AlertmanagerFlags& flags);
/// Its own address in the cluster; empty where none is known (0.0.0.0 is nobody's) or clustering is off.
std::string own_address(const AlertmanagerFlags& flags);
/// The schema in PostgreSQL that the instances of a cluster share; of one that is alone, its own by --storage.path.
std::string schema_of(const AlertmanagerFlags& flags);

/// What stands before every path, "/x"; empty: nothing.
std::string route_prefix_of(const AlertmanagerFlags& flags);

}  // namespace tocsin::app
