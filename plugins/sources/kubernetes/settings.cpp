#include "settings.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "kubeconfig.hpp"

namespace tocsin_plugins::kube {
namespace {

constexpr std::size_t most_namespaces = 64;  // each has connections of its own

[[noreturn]] void wrong(std::string text) {
  throw tsn::Failure(tsn::invalid(std::move(text)));
}

/// A DNS label or, with dots, a DNS subdomain (RFC 1123), as names of namespaces and nodes are.
bool is_name(std::string_view text, bool dots) {
  if (text.empty() || text.size() > (dots ? 253u : 63u)) return false;
  return std::all_of(text.begin(), text.end(), [&](unsigned char c) {
    return std::islower(c) || std::isdigit(c) || c == '-' || (dots && c == '.');
  });
}

/// The value, or that of an environment variable for "env:NAME".
std::string from_environment(std::string_view key, std::string_view text) {
  if (!text.starts_with("env:")) return std::string(text);
  const std::string name(text.substr(4));
  const char* value = std::getenv(name.c_str());
  if (!value || !*value)
    wrong(std::string(key) + ": the environment has no " + name +
          "; in a DaemonSet set it from fieldRef spec.nodeName");
  return value;
}

Access read_access(const tsn::Config& config) {
  if (config.has("token") && config.has("token_file")) wrong("token and token_file: set one of the two");
  Access made;
  if (!config.has("kubeconfig")) {
    made = of_table(config);
  } else {
    if (config.has("url")) wrong("url and kubeconfig: set one of the two");
    made = of_kubeconfig(std::string(config.str("kubeconfig")), std::string(config.str("context")));
    if (config.has("token_file")) made.token_file = config.str("token_file");
    if (config.has("ca_file")) made.ca = {std::string(config.str("ca_file")), {}};
  }
  if (config.has("token")) made.token = config.str("token"), made.token_file.clear();
  if (made.token.find_first_of("\r\n") != made.token.npos) wrong("token: it has more than one line");
  if (config.has("cert_file")) made.cert = {std::string(config.str("cert_file")), {}};
  if (config.has("key_file")) made.key = {std::string(config.str("key_file")), {}};
  if (static_cast<bool>(made.cert) != static_cast<bool>(made.key)) wrong("cert_file and key_file belong together");
  made.settle("url", config.boolean("insecure_token"));
  if (config.has("proxy_url")) made.proxy_url = config.str("proxy_url");
  for (const auto& host : config.strings("no_proxy")) made.no_proxy += (made.no_proxy.empty() ? "" : ",") + host;
  return made;
}

void read_watched(const tsn::Config& config, Settings& made) {
  auto words = config.strings("watch");
  if (words.empty())
    words = made.node.empty() ? std::vector<std::string>{"pods", "events", "nodes", "volumes", "jobs", "deployments"}
                              : std::vector<std::string>{"pods", "nodes", "volumes"};
  constexpr std::pair<std::string_view, Kind> kinds[] = {{"pods", Kind::pods},
                                                         {"events", Kind::events},
                                                         {"nodes", Kind::nodes},
                                                         {"jobs", Kind::jobs},
                                                         {"deployments", Kind::deployments}};
  for (const auto& word : words) {
    if (word == "volumes") {
      made.volumes = true;
      continue;
    }
    const auto known = std::find_if(std::begin(kinds), std::end(kinds), [&](auto& one) { return one.first == word; });
    if (known == std::end(kinds))
      wrong("watch: \"" + word + "\" is none of pods, events, nodes, volumes, jobs, deployments");
    if (!made.node.empty() && known->second != Kind::pods && known->second != Kind::nodes)
      wrong("watch: " + word +
            " are not of one node, and every agent of a DaemonSet would tell all of them: let one "
            "agent without node watch them");
    if (std::find(made.kinds.begin(), made.kinds.end(), known->second) == made.kinds.end())
      made.kinds.push_back(known->second);
  }
  // Whose summaries are to be asked for is known from the nodes.
  const bool nodes = std::find(made.kinds.begin(), made.kinds.end(), Kind::nodes) != made.kinds.end();
  if (made.volumes && made.node.empty() && !nodes)
    wrong("watch: volumes need nodes besides, to know which kubelets to ask");
}

}  // namespace

bool Settings::watches(std::string_view space) const {
  return namespaces.empty() || std::find(namespaces.begin(), namespaces.end(), space) != namespaces.end();
}

Settings read_settings(const tsn::Config& config) {
  Settings made;
  made.access = read_access(config);
  made.node = from_environment("node", config.str("node"));
  if (!made.node.empty() && !is_name(made.node, true)) wrong("node: \"" + made.node + "\" is no name of a node");
  for (auto name : config.strings("namespaces")) {
    if (name == "." && made.access.name.empty())
      wrong(
          "namespaces: \".\" is the namespace of the service account or of the kubeconfig's context, and there is "
          "none");
    if (name == ".") name = made.access.name;
    if (!is_name(name, false)) wrong("namespaces: \"" + name + "\" is no name of a namespace");
    if (!made.watches(name) || made.namespaces.empty()) made.namespaces.push_back(name);
  }
  if (made.namespaces.size() > most_namespaces)
    wrong("namespaces: more than 64; leave the option out to watch all over few connections");
  read_watched(config, made);
  made.label_selector = config.str("label_selector");
  made.field_selector = config.str("field_selector");
  made.only_warnings = config.str("events", "warning") != "all";
  made.max_object = static_cast<std::size_t>(config.size("max_object", 1u << 20));
  return made;
}

}  // namespace tocsin_plugins::kube
