#include "presses.hpp"

#include <algorithm>
#include <condition_variable>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "message_text/text.hpp"
#include "state.hpp"

namespace tocsin_plugins {
namespace {

using nlohmann::json;

constexpr tsn::Time a_minute = 60'000'000'000, three_seconds = 3'000'000'000, one_escalation = 30'000'000'000;
constexpr std::chrono::milliseconds patience_of_slack(2500), for_the_way_back(50);
constexpr std::size_t most_sentence = 2000;

/// Said once, waited for by another thread for a bounded time.
class Done {
 public:
  void say() {
    {
      const std::lock_guard lock(mutex_);
      done_ = true;
    }
    changed_.notify_all();
  }
  bool within(std::chrono::nanoseconds time) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, time, [&] { return done_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
};

std::string json_body(const json& body) {
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string sentence_for(const tsn::Status& status, const tsn::Answered& became) {
  if (status) return became.text.empty() ? "Done." : became.text;
  if (status.value() == TSN_UNSUPPORTED) return "Nothing was done: this agent takes no answers.";
  return "Nothing was done: " + status.text();
}

/// Only seen by the one who pressed.
std::string ephemeral(std::string_view sentence) {
  return json_body({{"response_type", "ephemeral"},
                    {"replace_original", false},
                    {"text", mrkdwn(one_line(sentence), most_sentence)}});
}

/// The message itself, as it is after the press; empty where its blocks are not known.
std::string replaced(const Press& press, std::string_view sentence, tsn_incident_status status) {
  if (press.blocks.empty()) return {};
  auto blocks = answered_blocks(json::parse(press.blocks, nullptr, false), status, one_line(sentence));
  if (blocks.is_null()) return {};
  return json_body(
      {{"replace_original", true}, {"text", mrkdwn(one_line(sentence), most_sentence)}, {"blocks", std::move(blocks)}});
}

}  // namespace

PressSettings read_press_settings(const tsn::Config& config) {
  PressSettings out;
  const auto table = config.table("interactions");
  if (table.count() == 0) return out;
  for (std::uint32_t i = 0; i < table.count(); ++i)
    if (const auto key = table.key(i); key != "path" && key != "signing_secret" && key != "users")
      table.at(i).wrong("one of the keys path, signing_secret, users");
  out.path = table.str("path"), out.signing_secret = table.str("signing_secret"), out.users = table.strings("users");
  if (!out.path.starts_with('/')) table["path"].wrong("a path that begins with /, such as \"/callbacks/slack\"");
  if (out.signing_secret.empty())
    table["signing_secret"].wrong("the app's signing secret (Basic Information, App Credentials)");
  for (const auto& user : out.users)
    if (!user.starts_with('U') && !user.starts_with('W')) table["users"].wrong("member ids, such as [\"U0000001\"]");
  return out;
}

Presses::Presses(const tsn::Context& ctx, PressSettings settings, HttpSettings http, std::string api_url)
    : ctx_(ctx),
      settings_(std::move(settings)),
      api_url_(std::move(api_url)),
      client_(std::move(http)),
      answers_(ctx, "slack-answers", Errands::AtStop::finish),
      replies_(ctx, "slack-replies", Errands::AtStop::drop) {}

void Presses::start() {
  if (!on()) return;
  replies_.start();
  answers_.start();
}

void Presses::stop() {
  answers_.stop();
  replies_.stop();
}

void Presses::handle(const tsn::Request& request, tsn::Response& response, tsn::Deadline deadline) {
  if (!on() || request.path() != settings_.path) {
    response.json(404, R"({"text": "nothing is served here"})");
    return;
  }
  const Shown shown{request.header("x-slack-request-timestamp"), request.header("x-slack-signature")};
  const auto why_not = refusal_of(settings_.signing_secret, shown, request.body(), ctx_.now());
  if (!why_not.empty()) return refuse(why_not, request, response);
  auto press = std::make_shared<Press>();
  std::string why;
  const auto reading = read_interaction(request.body(), *press, why);
  if (reading == Reading::help) {
    response.json(200, ephemeral(command_help()));
    return;
  }
  if (reading != Reading::press) {
    ctx_.count("interactions_ignored");
    ctx_.info("an interaction from Slack is ignored: " + why);
    response.status(reading == Reading::ignored ? 200 : 400);
    return;
  }
  ctx_.count("interactions");
  const auto done = std::make_shared<Done>();
  const bool queued = answers_.push([this, press, done] {
    take(*press);
    done->say();
  });
  if (!queued) {
    ctx_.warn("a press in Slack was refused: too many wait, or this instance is stopping");
    response.header("Retry-After", "5").status(503);
    return;
  }
  const auto left = std::max(deadline.remaining() - for_the_way_back, std::chrono::nanoseconds(0));
  done->within(std::min<std::chrono::nanoseconds>(patience_of_slack, left));
  response.status(200);
}

void Presses::refuse(const std::string& why, const tsn::Request& request, tsn::Response& response) {
  ctx_.count("interactions_refused");
  response.json(401, R"({"text": "not authenticated"})");
  {
    const std::lock_guard lock(mutex_);
    if (said_refused_ != 0 && ctx_.now() - said_refused_ < a_minute) return;  // a flood is one line a minute
    said_refused_ = ctx_.now();
  }
  ctx_.warn("a request at " + settings_.path + " from " + cut(one_line(request.remote()), 60) + " was refused: " + why +
            " ([notifier." + ctx_.name() + "] interactions)");
}

bool Presses::may_press(const std::string& user) const {
  return settings_.users.empty() ||
         std::find(settings_.users.begin(), settings_.users.end(), user) != settings_.users.end();
}

void Presses::take(const Press& press) {
  tsn::Answered became;
  const auto status = hand_in(press, became);
  if (!status) ctx_.info("a press by " + press.user + " changed nothing: " + status.text());
  const auto sentence = sentence_for(status, became);
  const auto now_is = status ? became.status : tsn_incident_status{0};
  if (!replies_.push([this, press, sentence, now_is] { tell(press, sentence, now_is); })) ctx_.count("replies_dropped");
}

tsn::Status Presses::hand_in(const Press& press, tsn::Answered& became) {
  if (!may_press(press.user)) {
    ctx_.count("interactions_not_allowed");
    return tsn::denied("you are not among those who may do this here; see users of interactions in [notifier." +
                       ctx_.name() + "]");
  }
  if (auto status = escalated_just_now(press); !status) return status;
  const std::string message = press.is_command() ? std::string() : press.channel + ":" + press.ts;
  tsn::PersonAnswer answer;
  answer.kind = press.meaning.kind, answer.incident = press.meaning.incident, answer.lasts = press.meaning.lasts;
  answer.id = press.id, answer.provider_id = message, answer.text = press.meaning.text;
  answer.address = press.user, answer.actor = press.shown_name();
  answer.way = press.is_command() ? "Slack command" : "Slack button";
  auto status = ctx_.feedback().answer(answer, &became);
  if (status) note_escalation(press);
  return status;
}

tsn::Status Presses::escalated_just_now(const Press& press) const {
  const auto at = escalations_.find(press.meaning.incident);
  if (press.meaning.kind != TSN_ANSWER_ESCALATE || at == escalations_.end()) return tsn::ok;
  const auto ago = ctx_.now() - at->second.at;
  if (ago >= one_escalation) return tsn::ok;
  return tsn::invalid(at->second.by + " escalated it " + std::to_string(ago / 1'000'000'000) +
                      " s ago; do it again in a while if it is to go one step further");
}

void Presses::note_escalation(const Press& press) {
  if (press.meaning.kind != TSN_ANSWER_ESCALATE) return;
  const auto now = ctx_.now();
  std::erase_if(escalations_, [&](const auto& each) { return now - each.second.at >= one_escalation; });
  escalations_[press.meaning.incident] = {now, press.shown_name()};
}

/// The host tells nobody of what they did themselves, so in a direct message this is what changes it.
void Presses::tell(const Press& press, const std::string& sentence, tsn_incident_status status) {
  if (press.direct() && status != 0) {
    if (const auto body = replaced(press, sentence, status); !body.empty()) return respond(press, body);
  }
  respond(press, ephemeral(sentence));
}

void Presses::respond(const Press& press, const std::string& body) {
  if (!is_response_url(press.response_url, api_url_)) {
    ctx_.count("replies_dropped");
    return ctx_.warn("a press is not answered in Slack: its response_url is not one of Slack's");
  }
  HttpRequest request;
  request.url = press.response_url;
  request.body = body;
  request.headers = {"Content-Type: application/json; charset=utf-8"};
  HttpAnswer answer;
  auto status = client_.perform(request, tsn::Deadline{ctx_.now() + three_seconds}, answer);
  if (status && answer.status / 100 == 2) return;
  ctx_.count("replies_dropped");
  ctx_.warn("a press could not be answered in Slack: " +
            (status ? "HTTP " + std::to_string(answer.status) : status.text()));
}

}  // namespace tocsin_plugins
