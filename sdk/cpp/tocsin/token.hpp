// An asynchronous call: taken over by moving its Token, completed exactly once, on any thread.
//
// deliver(), upsert() and handle() may take a `tsn::Token&`. Who moves it out (`auto kept = std::move(token)`) answers
// later with complete(); who leaves it answers with the returned Status. A Token that dies without an answer completes
// itself as failed, so the host never waits for ever.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "tocsin/context.hpp"

namespace tsn {

/// What a notifier's provider said: an id (at most 256 bytes) that comes back with later messages of the incident.
struct Delivered {
  std::string provider_id;
};

/// The ticket of an incident. key: at most 64 bytes, url: 512, status: 64.
struct Ticket {
  bool created = false;  ///< this call made it
  std::string key, url, status;
};

namespace detail {

template <std::size_t N>
std::uint32_t put_text(char (&to)[N], std::string_view text, const char* what) {
  if (text.size() > N) throw Failure(invalid(std::string(what) + " is longer than " + std::to_string(N) + " bytes"));
  if (!text.empty()) std::memcpy(to, text.data(), text.size());
  return static_cast<std::uint32_t>(text.size());
}
inline tsn_delivered to_abi(const Delivered& from) {
  tsn_delivered out{};
  out.size = sizeof out;
  out.id_n = put_text(out.id, from.provider_id, "the provider id");
  return out;
}
inline tsn_ticket to_abi(const Ticket& from) {
  tsn_ticket out{};
  out.size = sizeof out;
  out.created = from.created;
  out.key_n = put_text(out.key, from.key, "the ticket's key");
  out.url_n = put_text(out.url, from.url, "the ticket's URL");
  out.status_n = put_text(out.status, from.status, "the ticket's status");
  return out;
}
/// Writes min(size, own size) bytes of a struct into the caller's, whose `size` stays.
template <class Struct>
void write_struct(Struct* to, const Struct& from) noexcept {
  if (!to) return;
  const auto size = to->size;
  std::memcpy(static_cast<void*>(to), &from, size < sizeof from ? size : sizeof from);
  to->size = size;
}

}  // namespace detail

class Token {
 public:
  Token(detail::Session* session, tsn_token id) noexcept : session_(session), id_(id) {}
  Token(Token&& from) noexcept : session_(from.session_), id_(std::exchange(from.id_, 0)) {}
  Token& operator=(Token&& from) noexcept {
    if (this != &from) {
      abandon();
      session_ = from.session_;
      id_ = std::exchange(from.id_, 0);
    }
    return *this;
  }
  ~Token() { abandon(); }

  /// It is to be completed by its holder. False: moved from, or completed.
  explicit operator bool() const noexcept { return id_ != 0; }
  /// What cancel() is called with.
  tsn_token id() const noexcept { return id_; }

  /// The answer. Completing twice throws std::logic_error.
  void complete(const Status& status) { send(status, nullptr); }
  void complete(const Status& status, const Delivered& result) {
    const auto out = detail::to_abi(result);
    send(status, &out);
  }
  void complete(const Status& status, const Ticket& result) {
    const auto out = detail::to_abi(result);
    send(status, &out);
  }
  /// For the trampolines: the call is answered by its status.
  void release() noexcept { id_ = 0; }

 private:
  void send(const Status& status, const void* result) {
    if (!id_) throw std::logic_error("a token is completed exactly once");
    tsn_err err = detail::empty_err();
    detail::report(status, &err);
    session_->table.complete(session_->host, session_->instance, std::exchange(id_, 0), status.value(), result,
                             status.is_ok() ? nullptr : &err);
  }
  void abandon() noexcept {
    if (!id_) return;
    tsn_err err = detail::empty_err();
    detail::write_error(&err, "the plugin dropped the call without an answer", 0, 0);
    session_->table.complete(session_->host, session_->instance, std::exchange(id_, 0), TSN_FAILED, nullptr, &err);
  }

  detail::Session* session_;
  tsn_token id_;
};

}  // namespace tsn
