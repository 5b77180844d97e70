#include "alertmanager/web_config.hpp"

#include <algorithm>
#include <array>

#include "alertmanager/words.hpp"
#include "alertmanager/yaml.hpp"

namespace tocsin::alertmanager {

using base::Value;
using config::error_at;

namespace {

constexpr std::array<std::string_view, 3> sections = {"tls_server_config", "http_server_config", "basic_auth_users"};
constexpr std::array<std::string_view, 9> tls_keys = {
    "cert_file",   "key_file",      "client_ca_file",    "client_auth_type",           "min_version",
    "max_version", "cipher_suites", "curve_preferences", "prefer_server_cipher_suites"};

template <class Names>
void known_only(const Value& table, const Names& names, const std::string& path, config::Diagnostics& diagnostics) {
  for (const Value::Member& member : *table.table()) {
    if (std::ranges::find(names, member.key) != names.end()) continue;
    error_at(diagnostics, member.key_place,
             path + "unknown key \"" + member.key + "\"" +
                 config::did_you_mean(member.key, std::vector<std::string>(names.begin(), names.end())));
  }
}

}  // namespace

Value read_web_config(std::string_view text, const std::string& file_name, config::Diagnostics& diagnostics) {
  const auto root = parse_yaml(text, file_name, diagnostics);
  if (!root || root->is_null()) return {};
  if (!root->table()) {
    error_at(diagnostics, root->place, "expected a map of keys and values");
    return {};
  }
  known_only(*root, sections, "", diagnostics);
  if (const Value* users = object_of(*root, "basic_auth_users"); users && !users->table()->empty())
    error_at(diagnostics, users->place,
             "basic_auth_users: passwords of the listener are not available in this version, and without them anybody "
             "would be served; use tls_server_config with client_ca_file, or a reverse proxy");
  const Value* tls = object_of(*root, "tls_server_config");
  if (!tls || tls->table()->empty()) return {};
  known_only(*tls, tls_keys, "tls_server_config: ", diagnostics);
  Value out{Value::Table()};
  out.place = tls->place;
  for (const auto& [theirs, ours] :
       {std::pair("cert_file", "cert"), {"key_file", "key"}, {"client_ca_file", "client_ca"}}) {
    if (const std::string file = text_of(*tls, theirs); !file.empty()) put(out, ours, file, place_of(*tls, theirs));
  }
  for (const char* needed : {"cert_file", "key_file"}) {
    if (text_of(*tls, needed).empty())
      error_at(diagnostics, tls->place, std::string("tls_server_config needs ") + needed);
  }
  const std::string demand = text_of(*tls, "client_auth_type");
  const bool demands = demand == "RequireAndVerifyClientCert", none = demand.empty() || demand == "NoClientCert";
  if (!demands && !none)
    error_at(diagnostics, place_of(*tls, "client_auth_type"),
             "tls_server_config.client_auth_type: \"" + demand +
                 "\" is not available; RequireAndVerifyClientCert or NoClientCert");
  if (demands != (out.find("client_ca") != nullptr))
    error_at(diagnostics, tls->place,
             "tls_server_config: client_ca_file and client_auth_type RequireAndVerifyClientCert go together");
  return out;
}

}  // namespace tocsin::alertmanager
