#include "alertmanager/shape.hpp"

#include <algorithm>

namespace tocsin::alertmanager {

namespace {

using enum Kind;

const Shape& tls() {
  static const Shape shape{
      {{"ca_file"}, {"cert_file"}, {"key_file"}, {"server_name"}, {"insecure_skip_verify", flag}, {"min_version"}}};
  return shape;
}

const Shape& http() {
  static const Shape basic{{{"username"}, {"password", secret}, {"password_file"}}};
  static const Shape authorization{{{"type"}, {"credentials", secret}, {"credentials_file"}}};
  static const Shape oauth2{{{"client_id"},
                             {"client_secret", secret},
                             {"client_secret_file"},
                             {"scopes", texts},
                             {"token_url"},
                             {"endpoint_params", text_map},
                             {"tls_config", object, &tls()},
                             {"proxy_url"}}};
  static const Shape shape{{{"basic_auth", object, &basic},
                            {"authorization", object, &authorization},
                            {"oauth2", object, &oauth2},
                            {"bearer_token", secret},
                            {"bearer_token_file"},
                            {"proxy_url"},
                            {"tls_config", object, &tls()},
                            {"follow_redirects", flag},
                            {"enable_http2", flag}}};
  return shape;
}

/// The keys every integration has, and its own.
Shape integration(std::vector<Key> own, bool with_http = true) {
  own.push_back({"send_resolved", flag});
  if (with_http) own.push_back({"http_config", object, &http()});
  return Shape{std::move(own)};
}

const Shape& email() {
  static const Shape shape = integration({{"to"},
                                          {"from"},
                                          {"hello"},
                                          {"smarthost", host_port},
                                          {"auth_username"},
                                          {"auth_password", secret},
                                          {"auth_password_file"},
                                          {"auth_secret", secret},
                                          {"auth_identity"},
                                          {"headers", text_map},
                                          {"html"},
                                          {"text"},
                                          {"require_tls", flag},
                                          {"tls_config", object, &tls()}},
                                         false);
  return shape;
}

const Shape& slack() {
  static const Shape confirm{{{"text"}, {"title"}, {"ok_text"}, {"dismiss_text"}}};
  static const Shape action{
      {{"type"}, {"text"}, {"url"}, {"style"}, {"name"}, {"value"}, {"confirm", object, &confirm}}};
  static const Shape field{{{"title"}, {"value"}, {"short", flag}}};
  static const Shape shape = integration({{"api_url", secret_url},
                                          {"api_url_file"},
                                          {"channel"},
                                          {"username"},
                                          {"color"},
                                          {"title"},
                                          {"title_link"},
                                          {"pretext"},
                                          {"text"},
                                          {"fields", objects, &field},
                                          {"short_fields", flag},
                                          {"footer"},
                                          {"fallback"},
                                          {"callback_id"},
                                          {"icon_emoji"},
                                          {"icon_url"},
                                          {"image_url"},
                                          {"thumb_url"},
                                          {"link_names", flag},
                                          {"mrkdwn_in", texts},
                                          {"actions", objects, &action}});
  return shape;
}

const Shape& pagerduty() {
  static const Shape image{{{"src"}, {"alt"}, {"href"}}};
  static const Shape link{{{"href"}, {"text"}}};
  static const Shape shape = integration({{"service_key", secret},
                                          {"service_key_file"},
                                          {"routing_key", secret},
                                          {"routing_key_file"},
                                          {"url", url},
                                          {"client"},
                                          {"client_url"},
                                          {"description"},
                                          {"details", text_map},
                                          {"images", objects, &image},
                                          {"links", objects, &link},
                                          {"source"},
                                          {"severity"},
                                          {"class"},
                                          {"component"},
                                          {"group"}});
  return shape;
}

const Shape& opsgenie() {
  static const Shape responder{{{"id"}, {"name"}, {"username"}, {"type"}}};
  static const Shape shape = integration({{"api_key", secret},
                                          {"api_key_file"},
                                          {"api_url", url},
                                          {"message"},
                                          {"description"},
                                          {"source"},
                                          {"details", text_map},
                                          {"entity"},
                                          {"responders", objects, &responder},
                                          {"actions"},
                                          {"tags"},
                                          {"note"},
                                          {"priority"},
                                          {"update_alerts", flag}});
  return shape;
}

const Shape& receiver() {
  static const Shape webhook = integration({{"url", url}, {"max_alerts", integer}});
  static const Shape discord = integration({{"webhook_url", secret_url}, {"title"}, {"message"}});
  static const Shape webex = integration({{"api_url", url}, {"message"}, {"room_id"}});
  static const Shape wechat = integration({{"api_secret", secret},
                                           {"corp_id"},
                                           {"message"},
                                           {"api_url", url},
                                           {"to_user"},
                                           {"to_party"},
                                           {"to_tag"},
                                           {"agent_id"},
                                           {"message_type"}});
  static const Shape victorops = integration({{"api_key", secret},
                                              {"api_key_file"},
                                              {"api_url", url},
                                              {"routing_key"},
                                              {"message_type"},
                                              {"state_message"},
                                              {"entity_display_name"},
                                              {"monitoring_tool"},
                                              {"custom_fields", text_map}});
  static const Shape pushover = integration({{"user_key", secret},
                                             {"token", secret},
                                             {"title"},
                                             {"message"},
                                             {"url"},
                                             {"url_title"},
                                             {"sound"},
                                             {"priority"},
                                             {"retry", go_duration},
                                             {"expire", go_duration},
                                             {"html", flag}});
  static const Shape sigv4{{{"region"}, {"access_key"}, {"secret_key", secret}, {"profile"}, {"role_arn"}}};
  static const Shape sns = integration({{"api_url"},
                                        {"sigv4", object, &sigv4},
                                        {"topic_arn"},
                                        {"phone_number"},
                                        {"target_arn"},
                                        {"subject"},
                                        {"message"},
                                        {"attributes", text_map}});
  static const Shape telegram = integration({{"api_url", url},
                                             {"bot_token", secret},
                                             {"chat_id", integer},
                                             {"message"},
                                             {"disable_notifications", flag},
                                             {"parse_mode"}});
  static const Shape shape{{{"name"},
                            {"discord_configs", objects, &discord},
                            {"email_configs", objects, &email()},
                            {"pagerduty_configs", objects, &pagerduty()},
                            {"slack_configs", objects, &slack()},
                            {"webhook_configs", objects, &webhook},
                            {"opsgenie_configs", objects, &opsgenie()},
                            {"wechat_configs", objects, &wechat},
                            {"pushover_configs", objects, &pushover},
                            {"victorops_configs", objects, &victorops},
                            {"sns_configs", objects, &sns},
                            {"telegram_configs", objects, &telegram},
                            {"webex_configs", objects, &webex}}};
  return shape;
}

const Shape& global() {
  static const Shape shape{{{"resolve_timeout", duration},
                            {"http_config", object, &http()},
                            {"smtp_from"},
                            {"smtp_hello"},
                            {"smtp_smarthost", host_port},
                            {"smtp_auth_username"},
                            {"smtp_auth_password", secret},
                            {"smtp_auth_password_file"},
                            {"smtp_auth_secret", secret},
                            {"smtp_auth_identity"},
                            {"smtp_require_tls", flag},
                            {"slack_api_url", secret_url},
                            {"slack_api_url_file"},
                            {"pagerduty_url", url},
                            {"opsgenie_api_url", url},
                            {"opsgenie_api_key", secret},
                            {"opsgenie_api_key_file"},
                            {"wechat_api_url", url},
                            {"wechat_api_secret", secret},
                            {"wechat_api_corp_id"},
                            {"victorops_api_url", url},
                            {"victorops_api_key", secret},
                            {"victorops_api_key_file"},
                            {"telegram_api_url", url},
                            {"webex_api_url", url}}};
  return shape;
}

const Shape& route() {
  static const Shape* const shape = [] {
    auto* made = new Shape;  // names itself, and lives as long as the program
    made->keys = {{"receiver"},
                  {"group_by", texts},
                  {"match", label_map},
                  {"match_re", regex_map},
                  {"matchers", matchers},
                  {"mute_time_intervals", texts},
                  {"active_time_intervals", texts},
                  {"continue", flag},
                  {"routes", objects, made},
                  {"group_wait", duration},
                  {"group_interval", duration},
                  {"repeat_interval", duration}};
    return made;
  }();
  return *shape;
}

}  // namespace

const Key* Shape::find(std::string_view name) const {
  auto found = std::ranges::find(keys, name, &Key::name);
  return found == keys.end() ? nullptr : &*found;
}

const Shape& file_shape() {
  static const Shape inhibit{{{"source_match", label_map},
                              {"source_match_re", regex_map},
                              {"source_matchers", matchers},
                              {"target_match", label_map},
                              {"target_match_re", regex_map},
                              {"target_matchers", matchers},
                              {"equal", labels}}};
  static const Shape time_range{{{"start_time"}, {"end_time"}}};
  static const Shape span{{{"times", objects, &time_range},
                           {"weekdays", texts},
                           {"days_of_month", texts},
                           {"months", texts},
                           {"years", texts},
                           {"location"}}};
  static const Shape interval{{{"name"}, {"time_intervals", objects, &span}}};
  static const Shape shape{{{"global", object, &global()},
                            {"route", object, &route()},
                            {"inhibit_rules", objects, &inhibit},
                            {"receivers", objects, &receiver()},
                            {"templates", texts},
                            {"mute_time_intervals", objects, &interval},
                            {"time_intervals", objects, &interval}}};
  return shape;
}

}  // namespace tocsin::alertmanager
