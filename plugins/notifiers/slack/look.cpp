#include "look.hpp"

#include <nlohmann/json.hpp>

#include "message_text/text.hpp"

namespace tocsin_plugins {
namespace {

std::string named_text(const nlohmann::json& answer, const char* key) {
  const auto found = answer.find(key);
  if (found == answer.end() || !found->is_string()) return {};
  return cut(one_line(found->get<std::string>()), 80);
}

std::string error_line(const std::string& what, const SlackAccess& access) {
  return "error: slack: auth.test: " + what + "; check token and api_url of " + access.section;
}

}  // namespace

std::string look_at_slack(HttpClient& client, const SlackAccess& access, tsn::Deadline deadline) {
  if (!access.webhook_url.empty())
    return "warning: an incoming webhook cannot be checked without a message; `tocsin notify test` sends one";
  HttpRequest request;
  request.url = access.api_url + "/auth.test";
  request.headers = {"Content-Type: application/x-www-form-urlencoded", "Authorization: Bearer " + access.token};
  HttpAnswer answer;
  if (auto status = client.perform(request, deadline, answer); !status)
    return "error: slack: " + std::string(status.text());
  if (answer.status != 200) return error_line("HTTP " + std::to_string(answer.status), access);
  const auto said = nlohmann::json::parse(answer.body, nullptr, false);
  if (!said.is_object()) return error_line("the answer is no JSON object", access);
  const auto good = said.find("ok");
  if (good == said.end() || !good->is_boolean() || !good->get<bool>()) {
    const std::string word = named_text(said, "error");
    return error_line(word.empty() ? "refused without a word" : word, access);
  }
  const std::string team = named_text(said, "team"), user = named_text(said, "user");
  return "ok: signed in to " + (team.empty() ? "Slack" : team) + " as " + (user.empty() ? "the token's user" : user);
}

}  // namespace tocsin_plugins
