#include "app/alertmanager_mode.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "alertmanager/document.hpp"
#include "alertmanager/receivers.hpp"
#include "alertmanager/web_config.hpp"
#include "alertmanager/words.hpp"
#include "base/id.hpp"
#include "base/text.hpp"

namespace tocsin::app {
namespace {

using alertmanager::put;
using base::Place;
using base::Value;

/// Where the settings stand that flags made.
const Place& command_line() {
  static const Place place{std::make_shared<const std::string>("command line"), 0, 0};
  return place;
}

Value table() {
  Value out{Value::Table()};
  out.place = command_line();
  return out;
}

void set(Value& into, const char* key, Value value) {
  put(into, key, std::move(value), command_line());
}

Value texts(const std::vector<std::string>& list) {
  Value::Array items;
  for (const std::string& each : list) {
    Value item(each);
    item.place = command_line();
    items.push_back(std::move(item));
  }
  return Value(std::move(items));
}

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 && *name ? name : "localhost";
}

std::string absolute(const std::string& path) {
  std::error_code problem;
  const auto whole = std::filesystem::absolute(path, problem);
  return problem ? path : whole.lexically_normal().string();
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

}  // namespace

AgentOptions AlertmanagerMode::options() {
  AgentOptions out;
  auto self = shared_from_this();
  out.read_tree = [self] { return self->read(); };
  out.environment = [self](const std::string& name) { return self->variable(name); };
  out.cluster.peers = cluster_of(flags_);
  out.cluster.name = own_address(flags_);
  if (!flags_.cluster_listen.empty() && out.cluster.name.empty()) out.cluster.name = host_name();
  if (out.cluster.peers.empty() && !out.cluster.name.empty()) out.cluster.peers = {out.cluster.name};
  return out;
}

settings::ForeignTree AlertmanagerMode::read() {
  settings::ForeignTree out;
  auto& diagnostics = out.tree.diagnostics;
  out.tree.files = {flags_.config_file};
  out.tree.root = own_sections(diagnostics);
  const auto text = config::read_text(flags_.config_file);
  if (!text) {
    const Place place{std::make_shared<const std::string>(flags_.config_file), 0, 0};
    config::error_at(diagnostics, place, text.error().message());
    return out;
  }
  config::Diagnostics findings;
  const Value document = alertmanager::read_document(*text, flags_.config_file, findings);
  const bool usable = !config::has_errors(findings);
  std::ranges::move(findings, std::back_inserter(diagnostics));
  if (!usable) return out;
  alertmanager::Translation translation = alertmanager::translate(document, *this, false);
  std::ranges::move(translation.diagnostics, std::back_inserter(diagnostics));
  for (Value::Member& member : *translation.root.table()) out.tree.root.table()->push_back(std::move(member));
  out.shown = alertmanager::masked(document);
  return out;
}

/// What agent.toml would say of the agent itself: no rules, no source but Alertmanager's API.
Value AlertmanagerMode::own_sections(config::Diagnostics& diagnostics) {
  Value root = table();
  Value agent = table();
  const std::string own = own_address(flags_);
  set(agent, "name", own.empty() ? host_name() : own);
  set(agent, "data_dir", absolute(flags_.storage_path));
  set(root, "agent", std::move(agent));
  set(root, "http", http(diagnostics));
  set(root, "storage", storage(diagnostics));
  Value rules = table();
  set(rules, "pack", "none");
  set(root, "rules", std::move(rules));
  Value log = table();
  set(log, "level", flags_.log_level);
  set(log, "format", flags_.log_format == "json" ? "json" : "text");
  set(root, "log", std::move(log));
  Value push = table(), sources = table();
  set(push, "enabled", false);
  set(sources, "http", std::move(push));
  set(sources, "alertmanager", table());
  set(root, "source", std::move(sources));
  return root;
}

Value AlertmanagerMode::http(config::Diagnostics& diagnostics) const {
  Value out = table();
  set(out, "listen", flags_.listen.front());
  if (flags_.listen.size() > 1)
    set(out, "also_listen", texts(std::vector<std::string>(flags_.listen.begin() + 1, flags_.listen.end())));
  set(out, "insecure", true);  // as Alertmanager listens
  const std::string prefix = route_prefix_of(flags_);
  if (!prefix.empty()) set(out, "route_prefix", prefix);
  const std::string port = flags_.listen.front().substr(flags_.listen.front().rfind(':'));
  set(out, "external_url", flags_.external_url.empty() ? "http://" + host_name() + port + prefix : flags_.external_url);
  if (flags_.web_config_file.empty()) return out;
  const Place file{std::make_shared<const std::string>(flags_.web_config_file), 0, 0};
  const auto text = config::read_text(flags_.web_config_file);
  if (!text) {
    config::error_at(diagnostics, file, text.error().message());
    return out;
  }
  Value tls = alertmanager::read_web_config(*text, flags_.web_config_file, diagnostics);
  if (tls.is_null()) return out;
  const Place place = tls.place;
  put(out, "tls", std::move(tls), place);
  return out;
}

/// The embedded store in --storage.path; or the database that TOCSIN_STORAGE_URL names.
Value AlertmanagerMode::storage(config::Diagnostics& diagnostics) {
  Value out = table(), retention = table();
  const auto kept = alertmanager::parse_go_duration(flags_.retention);
  // An hour is the least that signals can be kept for.
  const base::Duration least = std::chrono::hours(1);
  set(retention, "raw", base::format_duration(kept ? std::max(*kept, least) : least));
  set(out, "retention", std::move(retention));
  std::string url = environment("TOCSIN_STORAGE_URL"), password = environment("TOCSIN_STORAGE_PASSWORD");
  if (url.empty()) {
    if (!cluster_of(flags_).empty())
      config::warn_at(diagnostics, command_line(),
                      "--cluster.peer: instances meet in a database, and TOCSIN_STORAGE_URL names none: this one works "
                      "alone, and what it shares with its peers is nothing");
    return out;
  }
  // A password in a URL of the environment stays out of logs like one that is given alone.
  const std::size_t scheme = url.find("://"), at = url.rfind('@', url.find_first_of("?#"));
  if (scheme != url.npos && at != url.npos && at > scheme) {
    const std::size_t colon = url.find(':', scheme + 3);
    if (colon < at) {
      if (password.empty()) password = alertmanager::percent_decoded(url.substr(colon + 1, at - colon - 1));
      url.erase(colon, at - colon);
    }
  }
  set(out, "url", url);
  if (!password.empty()) set(out, "password", whole("storage-password", password));
  if (!url.starts_with("sqlite:")) set(out, "schema", schema_of(flags_));
  return out;
}

std::string AlertmanagerMode::whole(const std::string& name, const std::string& value) {
  const std::string key = name + "-" + base::hex16(base::Fnv1a().add(value).value());
  std::lock_guard lock(mutex_);
  secrets_[key] = value;
  return "env:" + key;
}

std::string AlertmanagerMode::inside(const std::string&, const std::string& value) {
  return alertmanager::literal(value);
}

std::optional<std::string> AlertmanagerMode::variable(const std::string& name) const {
  {
    std::lock_guard lock(mutex_);
    if (auto known = secrets_.find(name); known != secrets_.end()) return known->second;
  }
  return config::process_environment()(name);
}

}  // namespace tocsin::app
