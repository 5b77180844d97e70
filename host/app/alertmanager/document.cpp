#include "alertmanager/document.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "alertmanager/shape.hpp"
#include "alertmanager/times.hpp"
#include "alertmanager/words.hpp"
#include "alertmanager/yaml.hpp"
#include "base/text.hpp"

namespace tocsin::alertmanager {
namespace {

using base::Place;
using base::Value;
using config::Diagnostics;

bool given(const Value& table, std::string_view key) {
  const Value* value = table.find(key);
  return value && value->string() && !value->string()->empty();
}

/// What the parts of a file whose shape is right must say of themselves and of each other.
class Checker {
 public:
  Checker(const Value& root, Diagnostics& diagnostics) : root_(root), diagnostics_(diagnostics) {}

  void run() {
    if (const Value* global = object_of(root_, "global")) global_ = global;
    one_of(*global_, "global", "slack_api_url", "slack_api_url_file");
    one_of(*global_, "global", "opsgenie_api_key", "opsgenie_api_key_file");
    one_of(*global_, "global", "victorops_api_key", "victorops_api_key_file");
    one_of(*global_, "global", "smtp_auth_password", "smtp_auth_password_file");
    http_config(*global_, "global");
    const auto receivers = objects_of(root_, "receivers");
    for (std::size_t i = 0; i < receivers.size(); ++i) receiver(*receivers[i], "receivers" + at(i));
    intervals("mute_time_intervals");
    intervals("time_intervals");
    const Value* route = object_of(root_, "route");
    if (!route) return error(root_.place, "route", "there is none: it says who is told of what nothing else catches");
    root_route(*route);
    this->route(*route, "route");
  }

 private:
  static std::string at(std::size_t index) { return "[" + std::to_string(index) + "]"; }

  void error(const Place& place, const std::string& path, const std::string& message) {
    config::error_at(diagnostics_, place, path + ": " + message);
  }

  void one_of(const Value& table, const std::string& path, const char* a, const char* b) {
    if (!given(table, a) || !given(table, b)) return;
    error(place_of(table, b), path, std::string(a) + " and " + b + " say the same thing: give one of them");
  }

  void need(const Value& table, const std::string& path, const char* key) {
    if (!given(table, key)) error(table.place, path, std::string("needs ") + key);
  }

  /// The key here, or the global one.
  void need_or_global(const Value& table, const std::string& path, std::initializer_list<const char*> keys,
                      std::initializer_list<const char*> globals) {
    const auto in = [](const Value& where) { return [&where](const char* key) { return given(where, key); }; };
    if (std::ranges::any_of(keys, in(table)) || std::ranges::any_of(globals, in(*global_))) return;
    error(table.place, path, std::string("needs ") + *keys.begin() + ", here or as global " + *globals.begin());
  }

  void http_config(const Value& table, const std::string& path) {
    const Value* http = object_of(table, "http_config");
    if (!http) return;
    const std::string where = path + ".http_config";
    one_of(*http, where, "bearer_token", "bearer_token_file");
    std::vector<std::string> ways;
    for (const char* way : {"basic_auth", "authorization", "oauth2", "bearer_token", "bearer_token_file"}) {
      const Value* value = http->find(way);
      if (value && !value->is_null()) ways.push_back(way);
    }
    if (ways.size() > 1 && !(ways[0] == "bearer_token" && ways.size() == 2))
      error(place_of(*http, ways[1]), where,
            ways[0] + " and " + ways[1] + " are two ways to authenticate: give one of them");
    if (const Value* basic = object_of(*http, "basic_auth"))
      one_of(*basic, where + ".basic_auth", "password", "password_file");
    if (const Value* authorization = object_of(*http, "authorization"))
      one_of(*authorization, where + ".authorization", "credentials", "credentials_file");
  }

  // --- receivers ---

  void receiver(const Value& receiver, const std::string& path) {
    const std::string name = text_of(receiver, "name");
    if (name.empty())
      error(receiver.place, path, "needs a name");
    else if (!receivers_.insert(name).second)
      error(place_of(receiver, "name"), path, "there is another receiver \"" + name + "\"");
    struct Integration {
      const char* key;
      void (Checker::*check)(const Value&, const std::string&);
    };
    static constexpr std::array<Integration, 12> integrations = {Integration{"discord_configs", &Checker::discord},
                                                                 {"email_configs", &Checker::email},
                                                                 {"pagerduty_configs", &Checker::pagerduty},
                                                                 {"slack_configs", &Checker::slack},
                                                                 {"webhook_configs", &Checker::webhook},
                                                                 {"opsgenie_configs", &Checker::opsgenie},
                                                                 {"wechat_configs", &Checker::wechat},
                                                                 {"pushover_configs", &Checker::pushover},
                                                                 {"victorops_configs", &Checker::victorops},
                                                                 {"sns_configs", &Checker::sns},
                                                                 {"telegram_configs", &Checker::telegram},
                                                                 {"webex_configs", &Checker::webex}};
    for (const auto& [key, check] : integrations) {
      const auto configs = objects_of(receiver, key);
      for (std::size_t i = 0; i < configs.size(); ++i) {
        const std::string where = path + "." + key + at(i);
        http_config(*configs[i], where);
        (this->*check)(*configs[i], where);
      }
    }
  }

  void discord(const Value& config, const std::string& path) { need(config, path, "webhook_url"); }
  void webhook(const Value& config, const std::string& path) {
    need(config, path, "url");
    if (text_of(config, "max_alerts").starts_with('-'))
      error(place_of(config, "max_alerts"), path, "max_alerts must not be negative; 0 means all");
  }
  void email(const Value& config, const std::string& path) {
    need(config, path, "to");
    need_or_global(config, path, {"smarthost"}, {"smtp_smarthost"});
    need_or_global(config, path, {"from"}, {"smtp_from"});
    const Value* headers = object_of(config, "headers");
    std::set<std::string> names;
    for (const auto& header : headers ? *headers->table() : Value::Table()) {
      if (!names.insert(base::lower(header.key)).second)
        error(header.key_place, path, "the header " + header.key + " stands here twice; capitals make no difference");
    }
  }
  void slack(const Value& config, const std::string& path) {
    one_of(config, path, "api_url", "api_url_file");
    need_or_global(config, path, {"api_url", "api_url_file"}, {"slack_api_url", "slack_api_url_file"});
    for (const Value* action : objects_of(config, "actions")) {
      need(*action, path + ".actions", "type");
      need(*action, path + ".actions", "text");
      if (!given(*action, "url") && !given(*action, "name"))
        error(action->place, path + ".actions", "needs url or name");
    }
    for (const Value* field : objects_of(config, "fields")) {
      need(*field, path + ".fields", "title");
      need(*field, path + ".fields", "value");
    }
  }
  void pagerduty(const Value& config, const std::string& path) {
    one_of(config, path, "routing_key", "routing_key_file");
    one_of(config, path, "service_key", "service_key_file");
    for (const char* key : {"routing_key", "routing_key_file", "service_key", "service_key_file"}) {
      if (given(config, key)) return;
    }
    error(config.place, path, "needs routing_key or service_key");
  }
  void opsgenie(const Value& config, const std::string& path) {
    one_of(config, path, "api_key", "api_key_file");
    need_or_global(config, path, {"api_key", "api_key_file"}, {"opsgenie_api_key", "opsgenie_api_key_file"});
    for (const Value* responder : objects_of(config, "responders")) {
      if (!given(*responder, "id") && !given(*responder, "name") && !given(*responder, "username"))
        error(responder->place, path + ".responders", "needs id, name or username");
      const std::string type = base::lower(text_of(*responder, "type"));
      static const std::set<std::string> types = {"team", "teams", "user", "escalation", "schedule"};
      if (type.find("{{") == type.npos && !types.contains(type))
        error(place_of(*responder, "type"), path + ".responders",
              "type must be team, teams, user, escalation or schedule");
    }
  }
  void wechat(const Value& config, const std::string& path) {
    need_or_global(config, path, {"api_secret"}, {"wechat_api_secret"});
    need_or_global(config, path, {"corp_id"}, {"wechat_api_corp_id"});
    const std::string type = text_of(config, "message_type");
    if (!type.empty() && type != "text" && type != "markdown")
      error(place_of(config, "message_type"), path, "message_type must be text or markdown");
  }
  void pushover(const Value& config, const std::string& path) {
    need(config, path, "user_key");
    need(config, path, "token");
  }
  void victorops(const Value& config, const std::string& path) {
    need(config, path, "routing_key");
    one_of(config, path, "api_key", "api_key_file");
    need_or_global(config, path, {"api_key", "api_key_file"}, {"victorops_api_key", "victorops_api_key_file"});
    const Value* custom = object_of(config, "custom_fields");
    for (const char* taken : {"routing_key", "message_type", "state_message", "entity_display_name", "monitoring_tool",
                              "entity_id", "entity_state"}) {
      if (custom && custom->find(taken))
        error(place_of(*custom, taken), path + ".custom_fields", std::string(taken) + " is a field of its own");
    }
  }
  void sns(const Value& config, const std::string& path) {
    // As Alertmanager has it: an odd number of the three.
    const bool odd = (given(config, "target_arn") != given(config, "topic_arn")) != given(config, "phone_number");
    if (!odd) error(config.place, path, "needs one of topic_arn, target_arn and phone_number");
  }
  void telegram(const Value& config, const std::string& path) {
    need(config, path, "bot_token");
    if (const std::string chat = text_of(config, "chat_id"); chat.empty() || chat == "0")
      error(config.place, path, "needs chat_id");
    const std::string mode = text_of(config, "parse_mode");
    if (!mode.empty() && mode != "Markdown" && mode != "MarkdownV2" && mode != "HTML")
      error(place_of(config, "parse_mode"), path, "parse_mode must be Markdown, MarkdownV2 or HTML");
  }
  void webex(const Value& config, const std::string& path) {
    need(config, path, "room_id");
    const Value* http = object_of(config, "http_config");
    if (!http) http = object_of(*global_, "http_config");
    if (!http || !object_of(*http, "authorization")) error(config.place, path, "needs http_config.authorization");
  }

  // --- intervals and routes ---

  void intervals(const char* key) {
    const auto list = objects_of(root_, key);
    for (std::size_t i = 0; i < list.size(); ++i) {
      const std::string path = key + at(i);
      const std::string name = text_of(*list[i], "name");
      if (name.empty())
        error(list[i]->place, path, "needs a name");
      else if (!intervals_.insert(name).second)
        error(place_of(*list[i], "name"), path, "there is another time interval \"" + name + "\"");
      const auto spans = objects_of(*list[i], "time_intervals");
      for (std::size_t k = 0; k < spans.size(); ++k)
        check_span(*spans[k], path + ".time_intervals" + at(k), diagnostics_);
    }
  }

  void root_route(const Value& route) {
    if (!given(route, "receiver")) error(route.place, "route", "needs a receiver, for what no other route takes");
    for (const char* key : {"match", "match_re", "matchers", "mute_time_intervals", "active_time_intervals"}) {
      const Value* value = route.find(key);
      const bool empty =
          !value || (value->table() && value->table()->empty()) || (value->array() && value->array()->empty());
      if (!empty && !value->is_null())
        error(value->place, "route",
              std::string(key) + ": the root route takes every alert at all hours; put it into a route below");
    }
    if (flag_of(route, "continue", false))
      error(place_of(route, "continue"), "route", "continue: the root route has no siblings");
  }

  void route(const Value& route, const std::string& path) {
    if (const std::string name = text_of(route, "receiver"); !name.empty() && !receivers_.contains(name)) {
      error(place_of(route, "receiver"), path,
            "receiver: there is no receiver \"" + name + "\"" +
                config::did_you_mean(name, {receivers_.begin(), receivers_.end()}));
    }
    group_by(route, path);
    for (const char* key : {"group_interval", "repeat_interval"}) {
      if (duration_of(route, key) == base::Duration::zero())
        error(place_of(route, key), path, std::string(key) + ": must not be 0");
    }
    for (const char* key : {"mute_time_intervals", "active_time_intervals"}) {
      const Value* list = route.find(key);
      for (const Value& item : list && list->array() ? *list->array() : Value::Array()) {
        if (!item.string() || intervals_.contains(*item.string())) continue;
        error(item.place, path,
              std::string(key) + ": there is no time interval \"" + *item.string() + "\"" +
                  config::did_you_mean(*item.string(), {intervals_.begin(), intervals_.end()}));
      }
    }
    const auto routes = objects_of(route, "routes");
    for (std::size_t i = 0; i < routes.size(); ++i) this->route(*routes[i], path + ".routes" + at(i));
  }

  void group_by(const Value& route, const std::string& path) {
    const Value* list = route.find("group_by");
    if (!list || !list->array()) return;
    std::set<std::string> seen;
    for (const Value& item : *list->array()) {
      if (!item.string()) continue;
      const std::string& name = *item.string();
      if (name != "..." && !label_name(name)) error(item.place, path, "group_by: \"" + name + "\" is no label name");
      if (!seen.insert(name).second && name != "...")
        error(item.place, path, "group_by: \"" + name + "\" stands there twice");
    }
    if (seen.contains("...") && seen.size() > 1)
      error(list->place, path, "group_by: \"...\" means every label, so no other can stand beside it");
  }

  static const Value& nothing() {
    static const Value empty{Value::Table()};
    return empty;
  }

  const Value& root_;
  const Value* global_ = &nothing();
  Diagnostics& diagnostics_;
  std::set<std::string> receivers_, intervals_;
};

}  // namespace

Value read_document(std::string_view text, const std::string& file_name, Diagnostics& diagnostics) {
  auto root = parse_yaml(text, file_name, diagnostics);
  if (!root) return Value(Value::Table());
  check_shape(*root, diagnostics);
  if (root->is_null()) {
    const Place place = root->place;
    *root = Value(Value::Table());
    root->place = place;
  }
  if (root->table()) Checker(*root, diagnostics).run();
  const auto line = [](const config::Diagnostic& d) { return std::pair(d.place.line, d.place.column); };
  std::ranges::stable_sort(diagnostics, {}, line);
  return std::move(*root);
}

}  // namespace tocsin::alertmanager
