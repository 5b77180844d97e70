// The agent's own sections: [agent] [http] [storage] [rules] [pack] [delivery] [trust]
// [log]. Each option is declared once, for
// validation, defaults and the reference page.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/option.hpp"
#include "base/result.hpp"
#include "base/value.hpp"
#include "config/document.hpp"
#include "model/labels.hpp"
#include "model/matcher.hpp"
#include "model/public_key.hpp"

namespace tocsin::settings {

struct Tls {
  std::string cert, key, client_ca;  ///< PEM files
};

struct Http {
  std::string listen = "127.0.0.1:7676";
  std::string health_listen;  ///< empty: none
  std::string external_url;   ///< without a slash at its end; default: http(s)://LISTEN
  bool external_url_given = false;
  base::Duration link_lifetime = std::chrono::hours(24);  ///< of action links in messages
  std::string advertise_url;  ///< where agents of the same database reach this one, with the prefix
  std::vector<std::string> also_listen;
  std::string route_prefix;  ///< "/x", before every path; empty: none
  std::optional<Tls> tls;
  bool insecure = false;
  std::string proxy_url;
  std::vector<std::string> no_proxy;
};

/// How long signals are kept, as they came and in rollups of five minutes and an hour.
struct Kept {
  base::Duration raw = std::chrono::hours(24 * 7);
  base::Duration five_minutes = std::chrono::hours(24 * 35);
  base::Duration hours = std::chrono::hours(24 * 400);
};
struct Retention {
  Kept signals;
  struct Class {
    model::Selector match;
    Kept kept;
  };
  std::vector<Class> classes;  ///< as written, then the agent's own: loaders STATS-… raw for 30 days
};

struct Storage {
  std::string url = "sqlite:tocsin.db";
  std::string password;  ///< resolved
  std::string schema;    ///< PostgreSQL: where its tables are; empty: the connection's own search path
  bool sync = false;
  Retention retention;
};

struct Pack {
  std::string mode = "on";  ///< on, shadow, off
  std::vector<std::string> disable;
  base::Value overrides;  ///< rule name → table
  base::Value table;      ///< as written, for places
};

struct RuleFiles {
  std::string pack = "default";    ///< "none": no shipped rules
  std::vector<std::string> paths;  ///< globs, absolute or seen from the working directory
};

struct Trust {
  std::vector<model::PublicKey> keys;  ///< none: no signature is demanded
  bool allow_unsigned = false;         ///< unsigned = "warn"
  bool verify_bundled = false;         ///< bundled = "verify"
};

struct Log {
  std::string level = "info";
  std::string format = "auto";  ///< json, text, auto: text on a terminal
};

struct Agent {
  std::string name;
  std::string data_dir;
  std::vector<std::string> plugin_dirs;  ///< the bundled one first
  model::Labels labels;
  std::uint32_t max_series = 100'000;
  Http http;
  Storage storage;
  RuleFiles rules;
  Pack pack;
  bool shadow = false;  ///< [delivery] mode = "shadow"
  Trust trust;
  Log log;
};

/// Reads and checks the agent's sections of a whole tree; an empty tree gives the defaults.
Agent read_agent(const base::Value& root, const config::Environment& environment, config::Diagnostics& diagnostics);

/// $TOCSIN_DATA_DIR; else /var/lib/tocsin where this process can write it (or make it: root); else
/// $XDG_STATE_HOME/tocsin, ~/.local/state/tocsin, or ./tocsin-data where there is no home.
std::string default_data_dir(const config::Environment& environment);
/// `../plugins` from the program's own directory where that is there (a build), else `../lib/tocsin/plugins`.
std::string bundled_plugin_dir();

/// "127.0.0.1:7676", "[::1]:0", ":7676" (all addresses).
struct Endpoint {
  std::string host;
  std::uint16_t port = 0;
  bool loopback() const;
};
base::Result<Endpoint> parse_endpoint(std::string_view text);

/// Whether text is a URL that carries a password: scheme://user:password@host, or ?password=….
bool holds_password(std::string_view text);

/// A section of agent.toml and its options, for reference pages.
struct Section {
  std::string name, doc;
  std::span<const base::Option> options;
};
/// Every section the agent itself reads, in the order of the reference page.
std::vector<Section> sections();
/// Markdown, one table per section.
std::string reference_page();

std::span<const base::Option> agent_options();
std::span<const base::Option> http_options();
std::span<const base::Option> storage_options();
std::span<const base::Option> rules_options();
std::span<const base::Option> pack_options();
std::span<const base::Option> delivery_options();
std::span<const base::Option> trust_options();
std::span<const base::Option> log_options();

}  // namespace tocsin::settings
