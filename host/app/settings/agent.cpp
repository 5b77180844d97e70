#include "settings/agent.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "base/text.hpp"
#include "config/schema.hpp"
#include "model/matcher.hpp"
#include "settings/values.hpp"

namespace tocsin::settings {
namespace {

namespace fs = std::filesystem;
using base::Value;
using config::Diagnostics;
using config::error_at;

class AgentReader {
 public:
  AgentReader(const Value& root, const config::Environment& environment, Diagnostics& diagnostics)
      : root_(root), environment_(environment), diagnostics_(diagnostics) {}

  Agent run() {
    agent();
    http();
    storage();
    rules();
    out_.shadow = text_of(section("delivery", delivery_options()), "mode") == "shadow";
    trust();
    const Value log = section("log", log_options());
    out_.log = {text_of(log, "level"), text_of(log, "format")};
    return std::move(out_);
  }

 private:
  Value section(const std::string& name, std::span<const base::Option> options) {
    const Value* table = root_.find(name);
    return config::validate(table ? *table : Value(), options, "[" + name + "]", diagnostics_);
  }

  void agent() {
    const Value table = section("agent", agent_options());
    out_.name = text_of(table, "name");
    if (out_.name.empty()) out_.name = host_name();
    out_.data_dir = beside(text_of(table, "data_dir"), place_of(table, "data_dir"));
    if (out_.data_dir.empty()) out_.data_dir = default_data_dir(environment_);
    out_.plugin_dirs = {bundled_plugin_dir()};
    for (const std::string& directory : list_of(table, "plugin_dirs")) {
      const std::string path = fs::path(beside(directory, place_of(table, "plugin_dirs"))).lexically_normal().string();
      if (std::ranges::find(out_.plugin_dirs, path) == out_.plugin_dirs.end()) out_.plugin_dirs.push_back(path);
    }
    out_.labels = labels_of(table, "labels", "[agent]", diagnostics_);
    out_.max_series = static_cast<std::uint32_t>(*table.find("max_series")->integer());
  }

  static std::string host_name() {
    char name[256] = {};
    return gethostname(name, sizeof name - 1) == 0 && *name ? name : "localhost";
  }

  void http() {
    const Value table = section("http", http_options());
    Http& http = out_.http;
    http.listen = text_of(table, "listen");
    http.health_listen = text_of(table, "health_listen");
    http.insecure = flag_of(table, "insecure");
    http.also_listen = list_of(table, "also_listen");
    http.route_prefix = text_of(table, "route_prefix");
    while (http.route_prefix.ends_with('/')) http.route_prefix.pop_back();
    if (!http.route_prefix.empty() && !http.route_prefix.starts_with('/'))
      error_at(diagnostics_, place_of(table, "route_prefix"),
               "[http] route_prefix: expected a path such as \"/tocsin\"");
    http.proxy_url = text_of(table, "proxy_url");
    http.no_proxy = list_of(table, "no_proxy");
    if (const Value* tls = table.find("tls")) http.tls = this->tls(*tls);
    no_password(table, "proxy_url", "[http]");
    listener(table, http);
    http.external_url = text_of(table, "external_url");
    http.external_url_given = !http.external_url.empty();
    http.link_lifetime = duration_of(table, "link_lifetime");
    if (http.external_url.empty())
      http.external_url = (http.tls ? "https://" : "http://") + http.listen;
    else if (!http.external_url.starts_with("http://") && !http.external_url.starts_with("https://")) {
      error_at(diagnostics_, place_of(table, "external_url"), "[http] external_url: expected http://… or https://…");
    }
    while (http.external_url.ends_with('/')) http.external_url.pop_back();
    advertise(table, http);
  }

  void advertise(const Value& table, Http& http) {
    http.advertise_url = text_of(table, "advertise_url");
    if (http.advertise_url.empty()) {
      http.advertise_url = (http.tls ? "https://" : "http://") + reachable(http.listen) + http.route_prefix;
    } else if (!http.advertise_url.starts_with("http://") && !http.advertise_url.starts_with("https://")) {
      error_at(diagnostics_, place_of(table, "advertise_url"), "[http] advertise_url: expected http://… or https://…");
    }
    while (http.advertise_url.ends_with('/')) http.advertise_url.pop_back();
  }

  /// "host:port" of a listen address: every address is this machine's name.
  std::string reachable(const std::string& listen) const {
    const auto colon = listen.rfind(':');
    const std::string host = listen.substr(0, colon);
    const bool every = host.empty() || host == "0.0.0.0" || host == "[::]" || host == "*";
    return every && colon != listen.npos ? host_name() + listen.substr(colon) : listen;
  }

  Tls tls(const Value& table) {
    Tls tls;
    for (auto [key, member] : {std::pair("cert", &Tls::cert), {"key", &Tls::key}, {"client_ca", &Tls::client_ca}}) {
      tls.*member = beside(text_of(table, key), place_of(table, key));
      if (tls.*member == "" || ::access((tls.*member).c_str(), R_OK) == 0) continue;
      error_at(diagnostics_, place_of(table, key),
               std::string("[http] tls.") + key + ": cannot read \"" + tls.*member + "\"");
    }
    return tls;
  }

  void listener(const Value& table, const Http& http) {
    std::vector<std::pair<std::string, std::string>> addresses = {{"listen", http.listen}};
    for (const std::string& more : http.also_listen) addresses.emplace_back("also_listen", more);
    if (!http.health_listen.empty()) addresses.emplace_back("health_listen", http.health_listen);
    for (const auto& [key, text] : addresses) {
      auto endpoint = parse_endpoint(text);
      const bool open = endpoint && !endpoint->loopback() && key != "health_listen" && !http.tls && !http.insecure;
      if (!endpoint) error_at(diagnostics_, place_of(table, key), "[http] " + key + ": " + endpoint.error().message());
      if (open) {
        error_at(diagnostics_, place_of(table, key),
                 "[http] " + key + ": " + text +
                     " can be reached by others; give tls = { cert = …, key = … }, listen on 127.0.0.1, or say "
                     "insecure = true");
      }
    }
  }

  void no_password(const Value& table, const char* key, const std::string& where) {
    if (!holds_password(text_of(table, key))) return;
    error_at(diagnostics_, place_of(table, key),
             where + " " + key + ": a password in a URL ends up in logs; take it out" +
                 (where == "[storage]" ? " and write password = \"file:PATH\" or \"env:NAME\"" : ""));
  }

  void storage() {
    const Value raw = section("storage", storage_options());
    const Value table = resolved(raw, storage_options(), "[storage]", environment_, diagnostics_);
    Storage& storage = out_.storage;
    storage.url = text_of(table, "url");
    storage.password = text_of(table, "password");
    storage.sync = flag_of(table, "sync");
    storage.schema = text_of(table, "schema");
    if (!storage.schema.empty() && !plain_schema(storage.schema)) {
      error_at(diagnostics_, place_of(table, "schema"),
               "[storage] schema: expected a name of small letters, digits and _, such as \"tocsin\"");
    }
    no_password(table, "url", "[storage]");
    const bool known = storage.url.starts_with("sqlite:") || storage.url.starts_with("postgres://") ||
                       storage.url.starts_with("postgresql://");
    if (!known) {
      error_at(diagnostics_, place_of(table, "url"),
               "[storage] url: expected sqlite:FILE or postgres://user@host/database");
    }
    if (const Value* retention = table.find("retention")) this->retention(*retention);
  }

  /// A name that needs no quotes, shorter than PostgreSQL's limit.
  static bool plain_schema(std::string_view name) {
    const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
    return name.size() < 64 && std::ranges::all_of(name, plain) && !(name[0] >= '0' && name[0] <= '9') &&
           !name.starts_with("pg_");
  }

  void retention(const Value& table) {
    Retention& out = out_.storage.retention;
    out.signals = kept(table, {}, "[storage] retention");
    if (const Value* classes = table.find("class")) {
      for (const Value& item : *classes->array()) {
        const std::string text = text_of(item, "match");
        auto match = model::Selector::parse(text);
        if (!match) {
          error_at(diagnostics_, place_of(item, "match"),
                   "[storage] retention.class match: " + match.error().message());
          continue;
        }
        out.classes.push_back(
            {std::move(*match), kept(item, out.signals, "[storage] retention.class \"" + text + "\"")});
      }
    }
    out.classes.push_back(statistics(out.signals));
  }

  /// What the agent itself captures (statistics.hpp) is kept for a month, or as long as the rest.
  static Retention::Class statistics(Kept kept) {
    kept.raw = std::max<base::Duration>(kept.raw, std::chrono::hours(24 * 30));
    return {model::Selector::parse("{loader=~\"STATS-.*\"}").value(), kept};
  }

  Kept kept(const Value& table, const Kept& fallback, const std::string& where) {
    const Kept out{duration_of(table, "raw", fallback.raw), duration_of(table, "5m", fallback.five_minutes),
                   duration_of(table, "1h", fallback.hours)};
    for (const auto& [key, length] : {std::pair{"5m", out.five_minutes}, {"1h", out.hours}}) {
      const Value* written = table.find(key);
      if (length >= out.raw || !written || !written->place.file) continue;
      config::warn_at(diagnostics_, written->place,
                      where + ": rollups (" + key + " = " + base::format_duration(length) +
                          ") would go before what they are made of (raw = " + base::format_duration(out.raw) +
                          "); they are kept as long as raw");
    }
    return out;
  }

  void rules() {
    const Value table = section("rules", rules_options());
    out_.rules.pack = text_of(table, "pack");
    if (const Value* paths = table.find("paths")) {
      for (const Value& path : *paths->array()) out_.rules.paths.push_back(beside(*path.string(), path.place));
    }
    for (const Value::Member* member : named_tables(root_, "pack", diagnostics_)) {
      if (member->key == "default") {
        pack(member->value);
        if (!table.find("pack")->place.file) {
          config::warn_at(
              diagnostics_, member->key_place,
              "[pack.default] changes nothing: the shipped rules run where [rules] says pack = \"default\"");
        }
      } else {
        error_at(diagnostics_, member->key_place,
                 "there is no shipped pack \"" + member->key + "\"; did you mean \"default\"?");
      }
    }
  }

  void trust() {
    const Value table = section("trust", trust_options());
    out_.trust.allow_unsigned = text_of(table, "unsigned") == "warn";
    out_.trust.verify_bundled = text_of(table, "bundled") == "verify";
    if (const Value* keys = table.find("keys")) {
      for (const Value& item : *keys->array()) key(*item.string(), item.place);
    }
    if (const Value* keys = table.find("keys"); keys && !keys->array()->empty()) return;
    // Who writes this counts on signatures, and none would be checked.
    for (const auto& [option, value] : {std::pair("unsigned", "refuse"), {"bundled", "verify"}}) {
      if (!table.find(option)->place.file || text_of(table, option) != value) continue;
      error_at(diagnostics_, place_of(table, option),
               std::string("[trust] ") + option + " = \"" + value +
                   "\" needs keys: without them no signature is checked; add keys = [\"file:PATH\"]");
    }
  }

  void key(const std::string& text, const base::Place& place) {
    const bool in_file = text.starts_with("file:");
    const std::string file = in_file ? beside(text.substr(5), place) : "";
    const std::string where = "[trust] keys: " + (in_file ? "\"" + file + "\" " : std::string("the text "));
    const auto content = in_file ? config::read_text(file) : base::Result<std::string>(text);
    if (!content) return error_at(diagnostics_, place, where + content.error().message());
    auto parsed = model::PublicKey::parse(*content);
    if (!parsed) return error_at(diagnostics_, place, where + parsed.error().message());
    out_.trust.keys.push_back(*parsed);
  }

  void pack(const Value& written) {
    const Value table = config::validate(written, pack_options(), "[pack.default]", diagnostics_);
    out_.pack.mode = text_of(table, "mode");
    out_.pack.disable = list_of(table, "disable");
    if (const Value* rules = table.find("rule")) out_.pack.overrides = *rules;
    out_.pack.table = table;
  }

  const Value& root_;
  const config::Environment& environment_;
  Diagnostics& diagnostics_;
  Agent out_;
};

bool writable_or_creatable(const fs::path& directory) {
  if (::access(directory.c_str(), F_OK) == 0) return ::access(directory.c_str(), W_OK | X_OK) == 0;
  return ::access(directory.parent_path().c_str(), W_OK | X_OK) == 0;
}

}  // namespace

Agent read_agent(const Value& root, const config::Environment& environment, Diagnostics& diagnostics) {
  return AgentReader(root, environment, diagnostics).run();
}

std::string default_data_dir(const config::Environment& environment) {
  const auto variable = [&](const char* name) { return environment ? environment(name).value_or("") : std::string(); };
  if (std::string given = variable("TOCSIN_DATA_DIR"); !given.empty()) return given;
  if (writable_or_creatable("/var/lib/tocsin")) return "/var/lib/tocsin";
  if (std::string state = variable("XDG_STATE_HOME"); !state.empty()) return state + "/tocsin";
  if (std::string home = variable("HOME"); !home.empty()) return home + "/.local/state/tocsin";
  return "tocsin-data";
}

std::string bundled_plugin_dir() {
  std::error_code problem;
  const fs::path program = fs::read_symlink("/proc/self/exe", problem);
  if (problem) return "plugins";
  const fs::path top = program.parent_path().parent_path();
  return (fs::is_directory(top / "plugins", problem) ? top / "plugins" : top / "lib/tocsin/plugins").string();
}

bool Endpoint::loopback() const {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

base::Result<Endpoint> parse_endpoint(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  Endpoint endpoint;
  std::string_view host = text.substr(0, colon), port = colon == text.npos ? "" : text.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']'))
    host = host.substr(1, host.size() - 2);
  else if (host.find(':') != host.npos)
    port = "";
  const auto [end, problem] = std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
  if (port.empty() || problem != std::errc() || end != port.data() + port.size()) {
    return base::fail(
        base::Fault::invalid,
        "expected ADDRESS:PORT such as \"127.0.0.1:7676\" or \"[::1]:7676\", got \"" + std::string(text) + "\"");
  }
  endpoint.host = host;
  return endpoint;
}

bool holds_password(std::string_view text) {
  const std::size_t scheme = text.find("://");
  if (scheme == text.npos || scheme > 32) return false;
  const std::string_view rest = text.substr(scheme + 3);
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  const std::size_t at = authority.rfind('@');
  const std::size_t colon = authority.find(':');
  if (at != authority.npos && colon < at && colon + 1 < at) return true;
  for (std::string_view key : {"?password=", "&password="}) {
    if (rest.find(key) != rest.npos) return true;
  }
  return false;
}

}  // namespace tocsin::settings
