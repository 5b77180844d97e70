#include "alertmanager/receivers.hpp"

#include <algorithm>
#include <filesystem>

#include "alertmanager/words.hpp"
#include "base/text.hpp"

namespace tocsin::alertmanager {

using base::Place;
using base::Value;

namespace {

const Value& nothing() {
  static const Value empty{Value::Table()};
  return empty;
}

std::string in_quotes(std::string_view text) {
  return "\"" + std::string(text) + "\"";
}

/// Files are seen from the working directory, as Alertmanager sees them; settings see them from the file's folder.
std::string absolute(const std::string& path) {
  std::error_code problem;
  const auto whole = std::filesystem::absolute(path, problem);
  return problem ? path : whole.lexically_normal().string();
}

/// The addresses of a list of mailboxes: `a@b, "Doe, J" <c@d>`.
std::vector<std::string> addresses_of(std::string_view list) {
  std::vector<std::string> out;
  std::string one;
  bool quoted = false;
  const auto take = [&] {
    std::string_view text = base::trim(one);
    const std::size_t open = text.rfind('<');
    if (open != text.npos && text.ends_with('>')) text = text.substr(open + 1, text.size() - open - 2);
    if (!base::trim(text).empty()) out.emplace_back(base::trim(text));
    one.clear();
  };
  for (char c : list) {
    if (c == '"') quoted = !quoted;
    if (c == ',' && !quoted)
      take();
    else
      one += c;
  }
  take();
  return out;
}

}  // namespace

std::string plain_name(std::string_view text) {
  std::string out;
  for (unsigned char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    if (plain)
      out += static_cast<char>(c);
    else if (!out.empty() && out.back() != '-')
      out += '-';
  }
  while (out.ends_with('-')) out.pop_back();
  return out.empty() ? "x" : out;
}

std::string literal(std::string text) {
  for (std::size_t at = 0; (at = text.find("${file:", at)) != text.npos; at += 8) text.insert(at, "$");
  return text;
}

/// One entry of `<kind>_configs` on its way to becoming a notifier.
struct Receivers::Integration {
  std::string receiver;  ///< its name
  std::string kind;      ///< "webhook"
  std::string path;      ///< `receiver "oncall" webhook_configs[0]`: what messages call it
  const Value& config;
  std::string name{};  ///< of the notifier
  Value table{Value::Table()};
  std::vector<std::string> targets{};
  bool told = true;                    ///< false: there is no notifier for it
  std::vector<std::string> remarks{};  ///< what was warned of

  void set(std::string key, Value value, const char* from = "") {
    put(table, std::move(key), std::move(value), place_of(config, from));
  }
};

Receivers::Receivers(const Value& document, Secrets& secrets, Translation& out)
    : document_(document),
      global_(object_of(document, "global") ? *object_of(document, "global") : nothing()),
      secrets_(secrets),
      out_(out) {}

void Receivers::run() {
  for (const Value* each : objects_of(document_, "receivers")) receiver(*each);
  if (!notifiers_.table()->empty()) put(out_.root, "notifier", std::move(notifiers_), document_.place);
  if (!contacts_.table()->empty()) put(out_.root, "contact", std::move(contacts_), document_.place);
}

std::vector<std::string> Receivers::targets(const std::string& receiver) const {
  auto found = targets_.find(receiver);
  return found == targets_.end() ? std::vector<std::string>() : found->second;
}

void Receivers::receiver(const Value& receiver) {
  const std::string name = text_of(receiver, "name");
  auto& targets = targets_[name];
  for (const Value::Member& member : *receiver.table()) {
    if (!member.key.ends_with("_configs")) continue;
    const std::string kind = member.key.substr(0, member.key.size() - 8);
    const auto configs = objects_of(receiver, member.key);
    for (std::size_t i = 0; i < configs.size(); ++i) {
      Integration in{.receiver = name,
                     .kind = kind,
                     .path = "receiver " + in_quotes(name) + " " + member.key + "[" + std::to_string(i) + "]",
                     .config = *configs[i]};
      in.name = plain_name(name) + "-" + kind + (configs.size() > 1 ? "-" + std::to_string(i) : "");
      in.table.place = configs[i]->place;
      if (kind == "webhook") {
        webhook(in);
      } else if (kind == "slack") {
        slack(in);
      } else if (kind == "email") {
        email(in);
      } else {
        warn(in, member.key_place, "there is no " + kind + " notifier in this version: nobody is told by it");
        in.told = false;
      }
      if (!in.told) {
        for (std::string& each : in.remarks) out_.remarks["route"].push_back(std::move(each));
        continue;
      }
      if (!in.remarks.empty()) out_.remarks["notifier." + in.name] = std::move(in.remarks);
      targets.insert(targets.end(), in.targets.begin(), in.targets.end());
      put(notifiers_, in.name, std::move(in.table), configs[i]->place);
    }
  }
}

std::string Receivers::unused(std::set<std::string>& names, const std::string& wanted) const {
  std::string name = wanted;
  for (int i = 2; !names.insert(name).second; ++i) name = wanted + "-" + std::to_string(i);
  return name;
}

void Receivers::warn(Integration& in, const Place& place, const std::string& message) {
  config::warn_at(out_.diagnostics, place, in.path + ": " + message);
  in.remarks.push_back(in.path + ": " + message);
}

/// The secret under the key as a reference: its file's, or one for its text. Empty: neither is given.
std::string Receivers::secret(Integration& in, const Value& from, const char* key) {
  const std::string file = text_of(from, std::string(key) + "_file"), text = text_of(from, key);
  if (!file.empty()) return "file:" + absolute(file);
  return text.empty() ? std::string() : secrets_.whole(in.name + "-" + plain_name(key), text);
}

std::string Receivers::inherited(const Integration& in, const char* key, const char* global) const {
  const std::string own = text_of(in.config, key);
  return own.empty() ? text_of(global_, global) : own;
}

void Receivers::webhook(Integration& in) {
  in.name = unused(notifier_names_, in.name);
  in.set("plugin", "webhook");
  const auto url = parse_url(text_of(in.config, "url"));
  if (!url) return;  // refused before
  // A webhook's URL often holds a token, so the notifier treats it as a secret; a password in it goes its own way.
  in.set("url", secrets_.whole(in.name + "-url", url->without_user), "url");
  if (url->has_user) {
    in.set("username", literal(url->user), "url");
    if (!url->password.empty()) in.set("password", secrets_.whole(in.name + "-password", url->password), "url");
  }
  if (const std::string most = text_of(in.config, "max_alerts"); !most.empty() && most != "0")
    in.set("max_alerts", Value(static_cast<std::int64_t>(std::stoll(most))), "max_alerts");
  http_config(in, {"basic_auth", "authorization", "bearer_token"});
  if (!flag_of(in.config, "send_resolved", true)) in.set("send_resolved", false, "send_resolved");
  in.targets = {in.name};
}

void Receivers::slack(Integration& in) {
  in.name = unused(notifier_names_, in.name);
  in.set("plugin", "slack");
  std::string url = secret(in, in.config, "api_url");
  std::string text = text_of(in.config, "api_url");
  if (url.empty()) {
    const std::string file = text_of(global_, "slack_api_url_file");
    text = text_of(global_, "slack_api_url");
    url = !file.empty() ? "file:" + absolute(file) : secrets_.whole("slack-api-url", text);
  }
  const Value* http = object_of(in.config, "http_config");
  const Value* authorization = http ? object_of(*http, "authorization") : nullptr;
  if (const std::size_t method = text.find("/chat.postMessage"); authorization && method != text.npos) {
    in.set("token", secret(in, *authorization, "credentials"), "http_config");
    in.set("api_url", literal(text.substr(0, method)), "api_url");
    http_config(in, {"authorization"});
  } else {
    in.set("webhook_url", url, "api_url");
    http_config(in, {});
  }
  if (const std::string channel = text_of(in.config, "channel"); !channel.empty()) {
    if (channel.find("{{") != channel.npos)
      warn(in, place_of(in.config, "channel"),
           "channel is a template, which is not rendered: the webhook's own channel is told");
    else
      in.set("channel", literal(channel), "channel");
  }
  not_rendered(in, {"username", "color", "title", "title_link", "pretext", "text", "fields", "footer", "fallback",
                    "callback_id", "icon_emoji", "icon_url", "image_url", "thumb_url", "actions"});
  if (!flag_of(in.config, "send_resolved", false)) in.set("send_resolved", false, "send_resolved");
  in.targets = {in.name};
}

void Receivers::email(Integration& in) {
  in.name = unused(notifier_names_, in.name);
  in.set("plugin", "email");
  const std::string host = inherited(in, "smarthost", "smtp_smarthost");
  in.set("url", (host.ends_with(":465") ? "smtps://" : "smtp://") + host, "smarthost");
  in.set("from", literal(inherited(in, "from", "smtp_from")), "from");
  const std::string hello = inherited(in, "hello", "smtp_hello");
  in.set("helo", hello.empty() ? "localhost" : hello, "hello");
  if (const std::string user = inherited(in, "auth_username", "smtp_auth_username"); !user.empty()) {
    in.set("username", literal(user), "auth_username");
    std::string password = secret(in, in.config, "auth_password");
    if (password.empty()) {
      const std::string file = text_of(global_, "smtp_auth_password_file"),
                        text = text_of(global_, "smtp_auth_password");
      if (!file.empty()) password = "file:" + absolute(file);
      if (!text.empty()) password = secrets_.whole("smtp-auth-password", text);
    }
    if (!password.empty()) in.set("password", password, "auth_password");
  }
  const bool global_tls = flag_of(global_, "smtp_require_tls", true);
  if (!flag_of(in.config, "require_tls", global_tls) && !host.ends_with(":465"))
    in.set("starttls", "never", "require_tls");
  if (!inherited(in, "auth_secret", "smtp_auth_secret").empty())
    warn(in, place_of(in.config, "auth_secret"),
         "auth_secret (CRAM-MD5) is not used: the notifier authenticates with username and password");
  if (!inherited(in, "auth_identity", "smtp_auth_identity").empty())
    warn(in, place_of(in.config, "auth_identity"), "auth_identity is not used");
  if (const Value* tls = object_of(in.config, "tls_config")) this->tls(in, *tls, "tls_config");
  if (const Value* headers = object_of(in.config, "headers")) {
    for (const Value::Member& header : *headers->table()) {
      if (base::equal_without_case(header.key, "reply-to") && header.value.string())
        put(in.table, "reply_to", literal(*header.value.string()), header.key_place);
      else
        warn(in, header.key_place, "headers: " + header.key + " is not carried over: the notifier writes its own");
    }
  }
  not_rendered(in, {"html", "text"});
  if (!flag_of(in.config, "send_resolved", false)) in.set("send_resolved", false, "send_resolved");
  const Place to = place_of(in.config, "to");
  for (const std::string& address : addresses_of(text_of(in.config, "to"))) {
    if (address.find("{{") != address.npos || address.find('@') == address.npos)
      warn(in, to, "to: " + in_quotes(address) + " is no address: nobody is told by it");
    else
      in.targets.push_back(in.name + ":contact." + contact(address, to));
  }
  if (in.targets.empty()) in.told = false;
}

/// The contact of a mail address; people that several receivers tell are one.
std::string Receivers::contact(const std::string& address, const Place& place) {
  auto& name = contact_of_[address];
  if (!name.empty()) return name;
  name = unused(contact_names_, plain_name(address));
  Value table{Value::Table()};
  table.place = place;
  put(table, "email", literal(address), place);
  put(contacts_, name, std::move(table), place);
  return name;
}

/// `handled`: the ways to authenticate that the notifier has.
void Receivers::http_config(Integration& in, std::initializer_list<const char*> handled) {
  const Value* own = object_of(in.config, "http_config");
  const Value* http = own ? own : object_of(global_, "http_config");
  if (!http) return;
  for (const char* way : {"basic_auth", "authorization", "oauth2", "bearer_token", "bearer_token_file"}) {
    const Value* value = http->find(way);
    const bool can = std::ranges::any_of(handled, [&](const char* h) { return std::string_view(way).starts_with(h); });
    if (value && !value->is_null() && !can)
      warn(in, value->place, std::string("http_config.") + way + " is not available: requests go without it");
  }
  if (handled.size() > 1) authenticate(in, *http);
  if (const Value* tls = object_of(*http, "tls_config")) this->tls(in, *tls, "http_config.tls_config");
  proxy(in, *http);
}

void Receivers::authenticate(Integration& in, const Value& http) {
  if (const Value* basic = object_of(http, "basic_auth")) {
    put(in.table, "username", literal(text_of(*basic, "username")), place_of(*basic, "username"));
    if (const std::string password = secret(in, *basic, "password"); !password.empty())
      put(in.table, "password", password, place_of(*basic, "password"));
  }
  std::string scheme = "Bearer", file = text_of(http, "bearer_token_file"), text = text_of(http, "bearer_token");
  if (const Value* authorization = object_of(http, "authorization")) {
    if (const std::string type = text_of(*authorization, "type"); !type.empty()) scheme = type;
    file = text_of(*authorization, "credentials_file");
    text = text_of(*authorization, "credentials");
  }
  if (file.empty() && text.empty()) return;
  const std::string reference =
      file.empty() ? secrets_.inside(in.name + "-token", text) : "${file:" + absolute(file) + "}";
  Value headers{Value::Table()};
  put(headers, "Authorization", literal(scheme) + " " + reference, http.place);
  put(in.table, "headers", std::move(headers), http.place);
}

void Receivers::tls(Integration& in, const Value& tls, const std::string& path) {
  if (const std::string file = text_of(tls, "ca_file"); !file.empty())
    put(in.table, "ca_file", absolute(file), place_of(tls, "ca_file"));
  for (const char* key : {"cert_file", "key_file", "server_name", "min_version"}) {
    if (!text_of(tls, key).empty()) warn(in, place_of(tls, key), path + "." + key + " is not available");
  }
  if (flag_of(tls, "insecure_skip_verify", false))
    warn(in, place_of(tls, "insecure_skip_verify"),
         path + ".insecure_skip_verify is not available: certificates are always verified; name the root in ca_file");
}

void Receivers::proxy(Integration& in, const Value& http) {
  const std::string text = text_of(http, "proxy_url");
  if (text.empty()) return;
  const auto url = parse_url(text);
  if (url && url->has_user)
    warn(in, place_of(http, "proxy_url"), "proxy_url: user and password are left out, the proxy is asked without them");
  put(in.table, "proxy_url", url && url->has_user ? url->without_user : literal(text), place_of(http, "proxy_url"));
}

void Receivers::not_rendered(Integration& in, std::initializer_list<const char*> keys) {
  std::string named;
  Place place = in.config.place;
  for (const char* key : keys) {
    const Value* value = in.config.find(key);
    if (!value || value->is_null()) continue;
    if (named.empty()) place = value->place;
    named += (named.empty() ? "" : ", ") + std::string(key);
  }
  if (!named.empty()) warn(in, place, named + ": templates are not rendered, the notifier writes its own message");
}

}  // namespace tocsin::alertmanager
