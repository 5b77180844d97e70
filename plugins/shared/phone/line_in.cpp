// What comes in on the line: callbacks and replies.
#include "phone/line.hpp"

#include <algorithm>

#include "message_text/text.hpp"
#include "phone/verdict.hpp"

namespace tocsin_plugins {
namespace {

std::string number_of(std::string_view from) {
  std::string out;
  for (const char c : from)
    if (c != ' ' && c != '-' && c != '(' && c != ')' && c != '.') out += c;
  return out.starts_with("00") ? "+" + out.substr(2) : out;
}

/// What an answer's text becomes in JSON for the provider.
std::string text_json(std::string_view text) {
  return "{\"text\": \"" + escaped(clean(text), Place::json) + "\"}";
}

bool passes(const tsn::Status& status) {
  return status.is_ok() || status.value() == TSN_INVALID || status.value() == TSN_DENIED;
}

}  // namespace

void PhoneLine::handle(const tsn::Request& request, tsn::Response& response) {
  const auto at = [&](const auto& table) { return table && table->path == request.path(); };
  if (!at(provider_.callback) && !at(provider_.reply)) {
    response.json(404, text_json("nothing is served here"));
    return;
  }
  const auto& auth = at(provider_.callback) ? provider_.callback->auth : provider_.reply->auth;
  if (!auth.admits(request)) {
    ctx_.count("callbacks_refused");
    response.json(401, text_json("not authenticated; see auth of [notifier." + ctx_.name() + "]"));
    return;
  }
  if (adapter_ && adapter_->has_callback())
    handle_by_adapter(request, response);
  else if (at(provider_.callback))
    handle_callback(request, response);
  else
    handle_reply(request, response);
}

void PhoneLine::handle_callback(const tsn::Request& request, tsn::Response& response) {
  const auto& table = *provider_.callback;
  const Document body(request.body(), request.header("content-type"));
  take_word({body.at(table.id).value_or(""), body.at(table.state).value_or(""), body.at(table.digits).value_or(""),
             ctx_.now(), 0},
            response);
}

void PhoneLine::take_word(EarlyWord word, tsn::Response& response) {
  if (word.id.empty() || word.id.size() > 256) {
    ctx_.count("callbacks_unread");
    response.json(400, text_json(adapter_ && adapter_->has_callback()
                                     ? "the adapter's callback returned no id"
                                     : "no id at callback.id = \"" + provider_.callback->id + "\""));
    return;
  }
  word.state = cut(one_line(word.state), 80);
  word.digits = word.digits.substr(0, 16);
  bool known = false;
  {
    std::lock_guard lock(mutex_);
    known = book_.find(word.id) != nullptr;
    if (!known) book_.keep_early(word), book_.save();
  }
  auto status = known ? apply(word) : tsn::Status(tsn::ok);
  if (!status) {  // the host may be about to note the message: once more a little later, also where nobody says it
                  // again
    std::lock_guard lock(mutex_);
    book_.keep_early(word);
    book_.save();
  }
  arm();
  if (passes(status))
    response.status(known ? 200 : 202);
  else
    response.header("Retry-After", "5").json(503, text_json(status.text()));
}

void PhoneLine::handle_reply(const tsn::Request& request, tsn::Response& response) {
  const auto& table = *provider_.reply;
  const Document body(request.body(), request.header("content-type"));
  take_reply(
      {body.at(table.id).value_or(""), "", "", body.at(table.from).value_or(""), body.at(table.text).value_or("")},
      response);
}

void PhoneLine::take_reply(const CalledBack& reply, tsn::Response& response) {
  const auto from = number_of(reply.from);
  const auto wish = kind_.read_reply ? kind_.read_reply(reply.text) : std::nullopt;
  if (from.empty() || !wish) {
    ctx_.count("replies_unread");
    response.status(200);
    return;
  }
  tsn::PersonAnswer answer;
  answer.kind = wish->kind, answer.whole_service = wish->whole_service;
  answer.id = reply.id, answer.incident = wish->incident, answer.address = from, answer.way = "SMS reply";
  if (wish->kind == TSN_ANSWER_RESOLVE) answer.text = "closed by SMS reply";
  tsn::Answered became;
  const auto status = without_service(ctx_.feedback().answer(answer, &became));
  if (!passes(status)) {
    response.header("Retry-After", "5").json(503, text_json(status.text()));
    return;
  }
  ctx_.count("replies");
  response.json(200, text_json(status ? became.text : status.text()));
}

/// What the script reads in it: a reply has a sender, everything else is about a message.
void PhoneLine::handle_by_adapter(const tsn::Request& request, tsn::Response& response) {
  std::optional<CalledBack> said;
  if (const auto status = adapter_->callback(request, said); !status) {
    ctx_.count("callbacks_unread");
    ctx_.warn(std::string(kind_.name) + ": " + status.text());
    response.json(400, text_json("the adapter could not read it; the agent's log says why"));
  } else if (!said) {
    response.status(200);
  } else if (!said->from.empty()) {
    take_reply(*said, response);
  } else {
    take_word({said->id, said->state, said->digits, ctx_.now(), 0}, response);
  }
}

/// A host without the service: said once, then as if all were well.
tsn::Status PhoneLine::without_service(tsn::Status status) {
  if (status.value() != TSN_UNSUPPORTED) return status;
  if (!said_no_service_.exchange(true))
    ctx_.warn("this host takes no receipts and answers (tsn.feedback/1): what is called back changes nothing");
  return tsn::ok;
}

tsn::Status PhoneLine::apply(const EarlyWord& word) {
  std::optional<SentMessage> message;
  {
    std::lock_guard lock(mutex_);
    if (const auto* found = book_.find(word.id)) message = *found;
  }
  if (!message) return tsn::ok;
  const auto pressed = word.digits.empty() ? tsn::Status(tsn::ok) : tell_digits(*message, word.digits, word.at);
  Told told;
  const bool news = !word.state.empty() && !message->final && word.state != message->word && message->repeat_at == 0;
  if (news) told = tell_state(*message, word.state, word.at);
  if (!told.status) return told.status;
  std::lock_guard lock(mutex_);
  auto* found = book_.find(word.id);
  if (!found) return pressed;
  if (news) found->word = word.state, found->final = found->final || told.final;
  if (told.again) found->repeat_at = ctx_.now() + retry_after_.count();
  if (!word.digits.empty()) found->repeat_at = 0, found->fields.clear();  // somebody was there
  if (found->final) found->poll_at = 0, found->fields.clear();
  book_.save();
  return pressed;
}

PhoneLine::Told PhoneLine::tell_state(const SentMessage& message, const std::string& state, tsn::Time at) {
  Told told;
  const auto outcome = provider_.words.outcome(state);
  told.again = outcome == Outcome::no_answer && message.repeats < retries_ && !message.fields.empty();
  told.final = outcome != Outcome::on_its_way && !told.again;
  const auto said = outcome == Outcome::delivered ? TSN_RECEIPT_DELIVERED
                    : told.final                  ? TSN_RECEIPT_FAILED
                                                  : TSN_RECEIPT_ON_ITS_WAY;
  const auto detail = told.again ? state + ", calling again" : state;
  told.status = without_service(ctx_.feedback().receipt({.state = static_cast<tsn_receipt_state>(said),
                                                         .key = message.key,
                                                         .provider_id = message.id,
                                                         .detail = detail,
                                                         .at = at}));
  return told;
}

tsn::Status PhoneLine::tell_digits(const SentMessage& message, const std::string& digits, tsn::Time at) {
  std::string pressed = digits;
  while (pressed.ends_with('#') || pressed.ends_with('*')) pressed.pop_back();
  tsn::PersonAnswer answer;
  if (pressed == "1")
    answer.kind = TSN_ANSWER_ACKNOWLEDGE;
  else if (pressed == "2")
    answer.kind = TSN_ANSWER_DETAILS;
  else if (pressed == "3")
    answer.kind = TSN_ANSWER_ESCALATE;
  else
    return ctx_.count("digits_unread"), tsn::ok;
  const std::string id = message.id + ":" + pressed;
  answer.id = id, answer.key = message.key, answer.provider_id = message.id;
  answer.address = message.address, answer.way = "call", answer.at = at;
  return without_service(ctx_.feedback().answer(answer));
}

}  // namespace tocsin_plugins
