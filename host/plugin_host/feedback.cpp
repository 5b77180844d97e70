// "tsn.feedback/1": receipts and people's answers, copied out of the plugin's memory and checked. The port makes them
// durable; the calling thread waits for that, as with "tsn.kv/1".
#include "plugin_host/feedback.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "base/text.hpp"
#include "plugin_host/instance_core.hpp"

namespace tocsin::plugin_host {
namespace {

using base::fail;
using base::Fault;
using base::Result;

constexpr std::size_t max_name = 1024, max_text = 64 * 1024;

Result<void> check_texts(std::string_view what, std::size_t most,
                         std::initializer_list<std::pair<const char*, const std::string*>> texts) {
  for (const auto& [name, text] : texts) {
    if (text->size() > most) {
      return fail(Fault::invalid, std::string(what) + ": " + name + " has at most " + std::to_string(most) + " bytes");
    }
    if (!base::valid_utf8(*text)) return fail(Fault::invalid, std::string(what) + ": " + name + " is not UTF-8");
  }
  return {};
}

bool holds_control(const std::string& text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

/// Texts of the plugin's as they are copied: one with a length and no bytes, or beyond every limit, spoils them all.
class Copied {
 public:
  std::string operator()(tsn_str s) {
    good_ = good_ && sound(s) && s.n <= max_text;
    return good_ ? std::string(view(s)) : std::string();
  }
  std::string operator()(tsn_bytes b) {
    good_ = good_ && b.n <= max_name && (b.p != nullptr || b.n == 0);
    return good_ && b.n > 0 ? std::string(static_cast<const char*>(b.p), b.n) : std::string();
  }
  bool good() const { return good_; }

 private:
  bool good_ = true;
};

constexpr const char* unsound = "a text has a length and no bytes, or is longer than 64 KiB (a provider_id: 1 KiB)";

/// What is not there, or not so any more, is for the plugin a request that cannot succeed as it stands.
tsn_status status_of_feedback(Fault fault) {
  return fault == Fault::not_found || fault == Fault::conflict ? TSN_INVALID : status_of(fault);
}

/// As much of the sentence as there is room for, whole characters.
std::uint32_t fill(char* to, std::size_t room, std::string_view text) {
  std::size_t n = std::min(text.size(), room);
  if (n < text.size()) {
    while (n > 0 && (static_cast<unsigned char>(text[n]) & 0xC0) == 0x80) --n;
  }
  std::memcpy(to, text.data(), n);
  return static_cast<std::uint32_t>(n);
}

model::Answer to_answer(const tsn_answer& from, Copied& copied) {
  model::Answer out;
  out.kind = static_cast<model::AnswerKind>(from.kind);
  out.whole_service = (from.flags & TSN_ANSWER_WHOLE_SERVICE) != 0;
  out.status = static_cast<model::IncidentStatus>(from.status);
  out.id = copied(from.id);
  out.incident = copied(from.incident);
  out.key = copied(from.key);
  out.provider_id = copied(from.provider_id);
  out.ticket = copied(from.ticket);
  out.ticket_url = copied(from.ticket_url);
  out.ticket_status = copied(from.ticket_status);
  out.address = copied(from.address);
  out.actor = copied(from.actor);
  out.way = copied(from.way);
  out.text = copied(from.text);
  out.lasts = base::Duration(from.lasts);
  out.at = base::from_ns(from.at);
  return out;
}

}  // namespace

Result<void> check_receipt(const model::Receipt& receipt) {
  if (receipt.state < model::ReceiptState::on_its_way || receipt.state > model::ReceiptState::failed) {
    return fail(Fault::invalid, "receipt: its state is one that this host does not know");
  }
  if (receipt.key.empty() && receipt.provider_id.empty()) {
    return fail(Fault::invalid, "receipt: it names no message; give its key, or the provider_id deliver() returned");
  }
  if (base::to_ns(receipt.at) < 0) return fail(Fault::invalid, "receipt: its time is before 1970");
  return check_texts("receipt", max_name,
                     {{"key", &receipt.key}, {"provider_id", &receipt.provider_id}, {"detail", &receipt.detail}});
}

Result<void> check_answer(const model::Answer& answer) {
  using model::AnswerKind;
  if (answer.kind < AnswerKind::acknowledge || answer.kind > AnswerKind::ticket) {
    return fail(Fault::invalid, "answer: its kind is one that this host does not know");
  }
  const bool status = answer.kind == AnswerKind::status;
  if (status && (answer.status < model::IncidentStatus::open || answer.status > model::IncidentStatus::closed)) {
    return fail(Fault::invalid, "answer: its status is none");
  }
  if (answer.incident.empty() && answer.key.empty() && answer.provider_id.empty() && answer.ticket.empty()) {
    return fail(Fault::invalid, "answer: it names no incident; give its number, a message of it, or its ticket");
  }
  if (answer.lasts < base::Duration::zero() || base::to_ns(answer.at) < 0) {
    return fail(Fault::invalid, "answer: a time is before 1970, or lasts less than nothing");
  }
  TRY_VOID(check_texts("answer", max_name,
                       {{"id", &answer.id},
                        {"incident", &answer.incident},
                        {"key", &answer.key},
                        {"provider_id", &answer.provider_id},
                        {"ticket", &answer.ticket},
                        {"ticket_status", &answer.ticket_status},
                        {"address", &answer.address},
                        {"actor", &answer.actor},
                        {"way", &answer.way}}));
  TRY_VOID(check_texts("answer", 2000, {{"ticket_url", &answer.ticket_url}}));
  const std::string scheme = base::lower(answer.ticket_url.substr(0, 8));
  if (!answer.ticket_url.empty() && !scheme.starts_with("http://") && !scheme.starts_with("https://")) {
    return fail(Fault::invalid, "answer: ticket_url is no http:// or https:// address");
  }
  TRY_VOID(check_texts("answer", max_text, {{"text", &answer.text}}));
  if (answer.id.size() > 256 || holds_control(answer.id)) {
    return fail(Fault::invalid, "answer: id has at most 256 bytes and no control characters");
  }
  if (holds_control(answer.actor) || holds_control(answer.address) || holds_control(answer.way)) {
    return fail(Fault::invalid, "answer: actor, address and way hold no control characters");
  }
  return {};
}

Result<void> Port::receipt(const std::string&, model::Receipt) {
  return fail(Fault::unsupported, "receipts are not taken here");
}

Result<model::Answered> Port::answer(const std::string&, model::Answer) {
  return fail(Fault::unsupported, "answers are not taken here");
}

tsn_status InstanceCore::receipt(const tsn_receipt* in, tsn_err* err) {
  if (in == nullptr || in->size < offsetof(tsn_receipt, detail)) {
    return refuse(err, TSN_INVALID, "receipt: the struct is missing or too small");
  }
  if (left_behind()) return refuse(err, TSN_CANCELLED, "receipt: the instance hung and was left behind");
  const tsn_receipt from = copy_sized(in);
  if (from.state > TSN_RECEIPT_FAILED) return refuse(err, TSN_INVALID, "receipt: this host does not know its state");
  Copied copied;
  model::Receipt receipt;
  receipt.state = static_cast<model::ReceiptState>(from.state);
  receipt.key = copied(from.key);
  receipt.provider_id = copied(from.provider_id);
  receipt.detail = copied(from.detail);
  receipt.at = base::from_ns(from.at);
  if (!copied.good()) return refuse(err, TSN_INVALID, std::string("receipt: ") + unsound);
  if (auto good = check_receipt(receipt); !good) return refuse(err, TSN_INVALID, good.error().message());
  auto taken = port_.receipt(settings_.name, std::move(receipt));
  return taken ? TSN_OK : refuse(err, status_of_feedback(taken.error().fault()), taken.error().message());
}

tsn_status InstanceCore::answer(const tsn_answer* in, tsn_answered* out, tsn_err* err) {
  if (in == nullptr || in->size < offsetof(tsn_answer, key)) {
    return refuse(err, TSN_INVALID, "answer: the struct is missing or too small");
  }
  if (out != nullptr && out->size < offsetof(tsn_answered, text)) {
    return refuse(err, TSN_INVALID, "answer: the place for what became of it is too small");
  }
  if (left_behind()) return refuse(err, TSN_CANCELLED, "answer: the instance hung and was left behind");
  const tsn_answer from = copy_sized(in);
  // Before they become the host's own smaller numbers.
  if (from.kind > TSN_ANSWER_TICKET) return refuse(err, TSN_INVALID, "answer: this host does not know its kind");
  if ((from.flags & ~TSN_ANSWER_WHOLE_SERVICE) != 0) {
    return refuse(err, TSN_INVALID, "answer: this host does not know one of its flags");
  }
  if (from.status > 255) return refuse(err, TSN_INVALID, "answer: its status is none");
  Copied copied;
  model::Answer answer = to_answer(from, copied);
  if (!copied.good()) return refuse(err, TSN_INVALID, std::string("answer: ") + unsound);
  if (auto good = check_answer(answer); !good) return refuse(err, TSN_INVALID, good.error().message());
  auto became = port_.answer(settings_.name, std::move(answer));
  if (!became) return refuse(err, status_of_feedback(became.error().fault()), became.error().message());
  if (out == nullptr) return TSN_OK;
  out->status = static_cast<tsn_incident_status>(became->status);
  out->number = became->number;
  out->changed = became->changed ? 1 : 0;
  out->text_n = fill(out->text, std::min(out->size - offsetof(tsn_answered, text), sizeof out->text), became->text);
  return TSN_OK;
}

}  // namespace tocsin::plugin_host
