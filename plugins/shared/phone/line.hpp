// The line to a provider: sends, asks for states, takes callbacks and replies. deliver and timers come one at a time,
// requests on any thread beside them: the book has a lock, which is held over no call to the host's feedback and over
// no request.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "http_client/http_client.hpp"
#include "phone/book.hpp"
#include "phone/lua_adapter.hpp"
#include "phone/provider.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

/// What a reply asks for.
struct Wish {
  tsn_answer_kind kind = TSN_ANSWER_ACKNOWLEDGE;
  bool whole_service = false;
  std::string incident;  ///< its number
};

struct LineKind {
  const char* name = "";  ///< "sms", "ivr": begins messages
  bool calls = false;
  Words words;  ///< where the configuration gives none
  std::function<std::optional<Wish>(std::string_view)> read_reply;
};

class PhoneLine {
 public:
  PhoneLine(const tsn::Context& ctx, LineKind kind);

  tsn::Status start();
  void stop();
  tsn::Status send(const tsn::Message& message, std::string text, tsn::Delivered& delivered, tsn::Deadline deadline);
  void handle(const tsn::Request& request, tsn::Response& response);
  bool takes_replies() const { return provider_.reply.has_value(); }
  bool takes_digits() const {
    return provider_.callback && (!provider_.callback->digits.empty() || (adapter_ && adapter_->has_callback()));
  }

 private:
  struct Told {
    tsn::Status status = tsn::ok;
    bool final = false, again = false;  ///< again: nobody answered, call once more
  };
  static Provider provider_of(const tsn::Config& config, const LineKind& kind, const LuaAdapter* adapter);
  bool can_send() const { return provider_.send || adapter_; }
  tsn::Status hand_over(const NamedTexts& fields, tsn::Deadline deadline, std::string& id);
  tsn::Status post(const NamedTexts& fields, tsn::Deadline deadline, std::string& id);
  HttpRequest request_of(const RequestPattern& pattern, const Fields& fields) const;
  void note(SentMessage message);

  void handle_callback(const tsn::Request& request, tsn::Response& response);
  void handle_reply(const tsn::Request& request, tsn::Response& response);
  void handle_by_adapter(const tsn::Request& request, tsn::Response& response);
  void take_word(EarlyWord word, tsn::Response& response);
  void take_reply(const CalledBack& reply, tsn::Response& response);
  tsn::Status apply(const EarlyWord& word);
  Told tell_state(const SentMessage& message, const std::string& state, tsn::Time at);
  tsn::Status tell_digits(const SentMessage& message, const std::string& digits, tsn::Time at);
  tsn::Status without_service(tsn::Status status);

  void tick();
  bool apply_early();
  void poll(SentMessage message);
  std::optional<std::string> ask_state(const SentMessage& message);
  void call_again(SentMessage message);
  void give_up(const SentMessage& message, const std::string& why);
  tsn::Time next_due();
  void arm();

  const tsn::Context& ctx_;
  LineKind kind_;
  HttpClient client_;
  std::unique_ptr<LuaAdapter> adapter_;  ///< null: the tables describe the provider
  Provider provider_;
  int retries_ = 0;
  std::chrono::nanoseconds retry_after_{};
  std::mutex mutex_;  ///< book_, timer_
  Book book_;
  std::optional<tsn_timer> timer_;
  bool stopped_ = false;
  std::atomic<bool> said_no_service_ = false;
};

}  // namespace tocsin_plugins
