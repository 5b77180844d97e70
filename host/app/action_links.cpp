#include "app/action_links.hpp"

#include <algorithm>
#include <utility>

#include "app/link_seal.hpp"
#include "base/id.hpp"
#include "incidents/reasons.hpp"
#include "plugin_host/keyed_hash.hpp"
#include "telemetry/log.hpp"

namespace tocsin::app {
namespace {

using api::LinkView;
using base::Fault;
using base::Result;
using model::AnswerKind;
using model::LinkToken;
using model::LinkWay;

constexpr const char* link_key_name = "fleet/action_link_key";
constexpr const char* link_instance = "link";
constexpr std::size_t link_id_size = 12;  ///< characters at the end of a token, of its signature

LinkWay way_of(std::string_view address_field) {
  return address_field == "email" ? LinkWay::mail : address_field == "phone" ? LinkWay::sms : LinkWay::other;
}

std::string button_text(AnswerKind kind) {
  return kind == AnswerKind::escalate ? "Escalate" : "Acknowledge";
}

std::string_view counted_as(LinkView::State state) {
  switch (state) {
    case LinkView::State::good:
      return "shown";
    case LinkView::State::expired:
      return "expired";
    case LinkView::State::gone:
      return "unknown";
    case LinkView::State::limited:
      return "limited";
    case LinkView::State::forged:
      break;
  }
  return "forged";
}

}  // namespace

std::vector<AnswerKind> offered(const model::Delivery& delivery) {
  const bool live = delivery.kind == model::MessageKind::firing || delivery.kind == model::MessageKind::update;
  if (!live || delivery.tracker || delivery.proof || delivery.correlation_id.empty()) return {};
  if (delivery.incident.status != model::IncidentStatus::open) return {};
  std::vector<AnswerKind> out{AnswerKind::acknowledge};
  if (delivery.reason.starts_with(incidents::ladder_step)) out.push_back(AnswerKind::escalate);
  return out;
}

bool VainTries::add(std::string_view address, base::Time now) {
  if (const auto known = by_address_.find(address); known != by_address_.end()) {
    if (now - known->second.since >= window) known->second = {now, 0};
    return ++known->second.count > most;
  }
  if (by_address_.size() >= most_addresses) {
    std::erase_if(by_address_, [&](const auto& entry) { return now - entry.second.since >= window; });
  }
  // As many addresses within a minute are one attacker's: what is not known by then counts as too many.
  if (by_address_.size() >= most_addresses) return true;
  by_address_.emplace(address, Tries{now, 1});
  return false;
}

ActionLinks::ActionLinks(Parts parts) : parts_(std::move(parts)) {
  for (const char* result : {"done", "forged"}) count(result, 0);  // what alerts are made of is there from the start
}

void ActionLinks::count(std::string_view result, double by) {
  parts_.metrics
      ->counter("tocsin_action_links_total",
                "Action links of messages that were opened or followed, by what came of it",
                {{"result", std::string(result)}})
      .add(by);
}

// --- the key ---------------------------------------------------------------------------------------------------------

/// Fault::not_found: none was made yet.
Result<std::string> ActionLinks::key() {
  {
    const std::lock_guard lock(mutex_);
    if (!key_.empty()) return key_;
  }
  TRY(const auto kept, parts_.pipeline->store().kv(link_key_name));
  if (!kept) return base::fail(Fault::not_found, "no action link was made yet");
  if (kept->size() != link_key_size) {
    return base::fail(Fault::corrupt, "the key of action links in the store has a wrong size; delete the row \"" +
                                          std::string(link_key_name) + "\" of table kv and start the agents again");
  }
  const std::lock_guard lock(mutex_);
  return key_ = *kept;
}

/// Made by the agent that decides, within its lease: of several that begin at once one alone makes it.
Result<std::string> ActionLinks::key_for_signing() {
  const std::lock_guard one(making_);
  auto known = key();
  if (known || known.error().fault() != Fault::not_found) return known;
  if (!parts_.pipeline->decides()) return base::fail(Fault::unavailable, "another agent decides");
  TRY(auto made, plugin_host::random_bytes(link_key_size));
  model::Changes changes;
  changes.decided = true;
  changes.kv.emplace_back(link_key_name, std::move(made));
  TRY_VOID(parts_.pipeline->keep(std::move(changes)));
  return key();
}

// --- links out -------------------------------------------------------------------------------------------------------

Result<plugin_host::Action> ActionLinks::action(const model::Delivery& delivery, AnswerKind kind, LinkWay way) {
  LinkToken token;
  token.kind = kind;
  token.way = way;
  token.incident = delivery.correlation_id;
  // From what the delivery was made with, so that another attempt has the same link.
  token.expires = std::chrono::floor<std::chrono::seconds>(delivery.created_at + parts_.lifetime);
  token.nonce = base::Fnv1a().add(delivery.key).value() & 0xffff'ffff'ffff;
  token.recipient = delivery.recipient.empty() ? delivery.target : delivery.recipient;
  if (token.expires <= parts_.clock->now()) return base::fail(Fault::deadline, "the link would be over already");
  TRY(const std::string signing, key_for_signing());
  TRY(const std::string text, sealed(signing, token));
  return plugin_host::Action{kind, button_text(kind), parts_.external_url + "/a/" + text};
}

std::vector<plugin_host::Action> ActionLinks::of(const model::Delivery& delivery, std::string_view address_field) {
  std::vector<plugin_host::Action> out;
  if (parts_.external_url.empty()) return out;
  for (const AnswerKind kind : offered(delivery)) {
    auto made = action(delivery, kind, way_of(address_field));
    if (made) {
      out.push_back(std::move(*made));
      continue;
    }
    if (made.error().fault() == Fault::deadline) continue;
    const std::lock_guard lock(mutex_);
    if (!std::exchange(complained_, true))
      telemetry::log_warn("links", "messages go out without action links: " + made.error().message());
  }
  return out;
}

// --- links in --------------------------------------------------------------------------------------------------------

/// One that was not made here.
LinkView ActionLinks::refused(std::string_view remote) {
  LinkView view;
  const std::lock_guard lock(mutex_);
  if (tries_.add(remote, parts_.clock->now())) {
    view.state = LinkView::State::limited;
    return view;
  }
  telemetry::log_warn("links", "an action link was opened that was not made here, or was altered",
                      {{"remote", std::string(remote)}});
  return view;
}

Result<LinkView> ActionLinks::opened(std::string_view token, std::string_view remote, LinkToken& out) {
  const auto signing = key();
  if (!signing && signing.error().fault() != Fault::not_found) return base::fail(signing.error());
  auto read = unsealed(signing ? *signing : std::string(), token);
  if (!read && read.error().fault() != Fault::denied) return base::fail(read.error());
  if (!read) return refused(remote);
  out = std::move(*read);
  LinkView view;
  view.kind = out.kind;
  view.who = out.recipient;
  view.expires = out.expires;
  TRY(auto incident, parts_.pipeline->store().incident(out.incident));
  const bool over = out.expires <= parts_.clock->now();
  view.state = !incident ? LinkView::State::gone : over ? LinkView::State::expired : LinkView::State::good;
  if (incident) view.incident = std::move(*incident);
  if (view.state != LinkView::State::good) {
    telemetry::log_info("links",
                        over ? "an action link was opened after its end" : "an action link's incident is not there",
                        {{"correlation_id", out.incident}, {"who", out.recipient}, {"remote", std::string(remote)}});
  }
  return view;
}

Result<LinkView> ActionLinks::view(std::string_view token, std::string_view remote) {
  LinkToken link;
  TRY(LinkView out, opened(token, remote, link));
  count(counted_as(out.state));
  return out;
}

Result<LinkView> ActionLinks::follow(std::string_view token, std::string_view remote) {
  LinkToken link;
  TRY(LinkView out, opened(token, remote, link));
  if (out.state != LinkView::State::good) {
    count(counted_as(out.state));
    return out;
  }
  model::Answer answer;
  answer.kind = link.kind;
  answer.incident = link.incident;
  answer.actor = link.recipient;
  answer.way = model::to_string(link.way);
  // The same link again changes nothing, one of a later message counts anew: the end of its signature names it.
  answer.id = token.substr(token.size() - std::min(token.size(), link_id_size));
  auto answered = parts_.answer(link_instance, std::move(answer));
  if (!answered) {
    const Fault fault = answered.error().fault();
    if (fault != Fault::conflict && fault != Fault::invalid) return base::fail(answered.error());
    out.refusal = answered.error().message();
    count("refused");
    return out;
  }
  out.answered = std::move(*answered);
  count(out.answered.changed ? "done" : "unchanged");
  TRY(auto now, parts_.pipeline->store().incident(link.incident));
  if (now) out.incident = std::move(*now);
  return out;
}

}  // namespace tocsin::app
