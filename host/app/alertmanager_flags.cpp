#include "app/alertmanager_flags.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <filesystem>

#include "alertmanager/words.hpp"
#include "base/id.hpp"
#include "settings/agent.hpp"

namespace tocsin::app {

using base::fail;
using base::Fault;
using base::Result;

namespace {

/// Kept by us in other ways, or of no matter to us. Named in the log when somebody gives them.
struct Unused {
  const char* flag;
  const char* why;
};
constexpr const char* gossip = "instances meet in the database (TOCSIN_STORAGE_URL), there is no gossip";
constexpr std::array<Unused, 16> unused = {
    Unused{"--data.maintenance-interval", "every change is written when it is made, there is nothing to snapshot"},
    {"--alerts.gc-interval", "what is over is let go of at once"},
    {"--web.get-concurrency", "requests are bounded by connections and by a queue"},
    {"--web.timeout", "requests have deadlines of their own"},
    {"--web.ui-path", "Alertmanager's web page is not part of this program"},
    {"--cluster.peer-timeout", gossip},
    {"--cluster.gossip-interval", gossip},
    {"--cluster.pushpull-interval", gossip},
    {"--cluster.tcp-timeout", gossip},
    {"--cluster.probe-timeout", gossip},
    {"--cluster.probe-interval", gossip},
    {"--cluster.settle-timeout", gossip},
    {"--cluster.reconnect-interval", gossip},
    {"--cluster.reconnect-timeout", gossip},
    {"--cluster.tls-config", gossip},
    {"--cluster.allow-insecure-public-advertise-address-discovery", gossip},
};

void add_web(CLI::App& command, AlertmanagerFlags& f) {
  command.add_option("--web.listen-address", f.listen, "where to listen; may be repeated")->allow_extra_args(false);
  command.add_flag("--web.systemd-socket,!--no-web.systemd-socket", f.systemd_socket, "not available");
  command.add_option("--web.config.file", f.web_config_file, "TLS of the listener, in Prometheus' form");
  command.add_option("--web.external-url", f.external_url, "how others reach this instance; in messages");
  command.add_option("--web.route-prefix", f.route_prefix,
                     "before every path; default: the path of --web.external-url");
  command.add_option("--web.get-concurrency", f.get_concurrency, "taken and not used");
  command.add_option("--web.timeout", f.web_timeout, "taken and not used");
  command.add_option("--web.ui-path", f.ui_path, "taken and not used");
}

void add_cluster(CLI::App& command, AlertmanagerFlags& f) {
  command.add_option("--cluster.listen-address", f.cluster_listen,
                     "this instance's address among its peers; empty: it is alone. Nothing listens there");
  command.add_option("--cluster.advertise-address", f.cluster_advertise, "the same, as others see it");
  command
      .add_option("--cluster.peer", f.peers,
                  "another instance; instances that name the same ones share a database schema")
      ->allow_extra_args(false);
  const std::pair<const char*, std::string*> durations[] = {
      {"--cluster.peer-timeout", &f.peer_timeout},           {"--cluster.gossip-interval", &f.gossip_interval},
      {"--cluster.pushpull-interval", &f.pushpull_interval}, {"--cluster.tcp-timeout", &f.tcp_timeout},
      {"--cluster.probe-timeout", &f.probe_timeout},         {"--cluster.probe-interval", &f.probe_interval},
      {"--cluster.settle-timeout", &f.settle_timeout},       {"--cluster.reconnect-interval", &f.reconnect_interval},
      {"--cluster.reconnect-timeout", &f.reconnect_timeout}, {"--cluster.tls-config", &f.cluster_tls_config}};
  for (const auto& [name, value] : durations) command.add_option(name, *value, "taken and not used");
  command.add_flag(
      "--cluster.allow-insecure-public-advertise-address-discovery,!--no-cluster.allow-insecure-public-advertise-"
      "address-"
      "discovery",
      f.insecure_advertise, "taken and not used");
}

std::string path_of_url(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::size_t path = url.find('/', scheme == url.npos ? 0 : scheme + 3);
  return path == url.npos ? "" : url.substr(path, url.find_first_of("?#", path) - path);
}

}  // namespace

void add_alertmanager_flags(CLI::App& command, AlertmanagerFlags& f) {
  command.add_option("--config.file", f.config_file, "alertmanager.yml")->capture_default_str();
  command.add_option("--storage.path", f.storage_path, "the data directory")->capture_default_str();
  command.add_option("--data.retention", f.retention, "how long to keep data")->capture_default_str();
  command.add_option("--data.maintenance-interval", f.maintenance_interval, "taken and not used");
  command.add_option("--alerts.gc-interval", f.gc_interval, "taken and not used");
  add_web(command, f);
  add_cluster(command, f);
  command.add_option("--log.level", f.log_level, "debug, info, warn or error")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
      ->capture_default_str();
  command.add_option("--log.format", f.log_format, "logfmt or json")
      ->check(CLI::IsMember({"logfmt", "json"}))
      ->capture_default_str();
}

Result<void> check_flags(const AlertmanagerFlags& f) {
  const std::pair<const char*, const std::string*> durations[] = {
      {"--data.retention", &f.retention},
      {"--data.maintenance-interval", &f.maintenance_interval},
      {"--alerts.gc-interval", &f.gc_interval},
      {"--web.timeout", &f.web_timeout},
      {"--cluster.peer-timeout", &f.peer_timeout},
      {"--cluster.gossip-interval", &f.gossip_interval},
      {"--cluster.pushpull-interval", &f.pushpull_interval},
      {"--cluster.tcp-timeout", &f.tcp_timeout},
      {"--cluster.probe-timeout", &f.probe_timeout},
      {"--cluster.probe-interval", &f.probe_interval},
      {"--cluster.settle-timeout", &f.settle_timeout},
      {"--cluster.reconnect-interval", &f.reconnect_interval},
      {"--cluster.reconnect-timeout", &f.reconnect_timeout},
  };
  for (const auto& [flag, value] : durations) {
    if (auto parsed = alertmanager::parse_go_duration(*value); !parsed) return fail(parsed.error().in(flag));
  }
  if (f.systemd_socket)
    return fail(Fault::unsupported, "--web.systemd-socket is not available; name an address with --web.listen-address");
  for (const std::string& address : f.listen) {
    if (auto endpoint = settings::parse_endpoint(address); !endpoint)
      return fail(endpoint.error().in("--web.listen-address"));
  }
  if (f.external_url.empty()) return {};
  if (auto url = alertmanager::parse_url(f.external_url); !url) return fail(url.error().in("--web.external-url"));
  return {};
}

std::vector<std::string> unused_flags(const CLI::App& command) {
  std::vector<std::string> out;
  for (const auto& [flag, why] : unused) {
    if (command.count(flag) > 0) out.push_back(std::string(flag) + " changes nothing: " + why);
  }
  return out;
}

std::string own_address(const AlertmanagerFlags& f) {
  if (f.cluster_listen.empty()) return {};
  if (!f.cluster_advertise.empty()) return f.cluster_advertise;
  for (const char* anyone : {"0.0.0.0:", "[::]:", ":"}) {
    if (f.cluster_listen.starts_with(anyone)) return {};
  }
  return f.cluster_listen;
}

std::vector<std::string> cluster_of(const AlertmanagerFlags& f) {
  if (f.cluster_listen.empty()) return {};
  std::vector<std::string> all = f.peers;
  if (const std::string own = own_address(f); !own.empty()) all.push_back(own);
  std::ranges::sort(all);
  const auto doubled = std::ranges::unique(all);
  all.erase(doubled.begin(), doubled.end());
  return f.peers.empty() || (all.size() == 1 && all.front() == own_address(f)) ? std::vector<std::string>() : all;
}

std::string schema_of(const AlertmanagerFlags& f) {
  base::Fnv1a hash;
  const auto cluster = cluster_of(f);
  for (const std::string& address : cluster) hash.add(address).add("\n");
  if (cluster.empty()) {
    std::error_code problem;
    auto path = std::filesystem::absolute(f.storage_path, problem).lexically_normal();
    if (!path.has_filename()) path = path.parent_path();  // "/a/" is "/a"
    hash.add("alone\n").add(path.string());
  }
  return "tocsin_am_" + base::hex16(hash.value());
}

std::string route_prefix_of(const AlertmanagerFlags& f) {
  std::string prefix = f.route_prefix.empty() ? path_of_url(f.external_url) : f.route_prefix;
  while (prefix.ends_with('/')) prefix.pop_back();
  while (prefix.starts_with('/')) prefix.erase(0, 1);
  return prefix.empty() ? prefix : "/" + prefix;
}

}  // namespace tocsin::app
