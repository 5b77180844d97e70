// Action links: what a message's recipient may do about its incident by opening an address, without an account. A link
// is signed for one incident, one action and one recipient, ends, and counts once. Opening it shows a page; only the
// page's button, a POST, does anything.
//
// The key is made when the first link is, by the agent that decides, and kept in the store for all agents that share
// it. It is in no log, no configuration and no answer.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "api/backend.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/delivery.hpp"
#include "model/feedback.hpp"
#include "model/link_token.hpp"
#include "pipeline/pipeline.hpp"
#include "plugin_host/session.hpp"
#include "telemetry/metrics.hpp"

namespace tocsin::app {

/// What somebody may do who gets this message, in the order of their buttons; none: there is nothing to do.
std::vector<model::AnswerKind> offered(const model::Delivery& delivery);

/// Counts what one remote address tries in vain; beyond a few in a minute it gets short answers, and nothing is logged
/// of it. A link that is good is never held up: behind a proxy all people share one address. One thread at a time.
class VainTries {
 public:
  static constexpr std::size_t most = 20, most_addresses = 1000;
  static constexpr base::Duration window = std::chrono::minutes(1);
  /// One more; true: too many by now.
  bool add(std::string_view address, base::Time now);

 private:
  struct Tries {
    base::Time since{};
    std::size_t count = 0;
  };
  std::map<std::string, Tries, std::less<>> by_address_;
};

/// Any thread.
class ActionLinks {
 public:
  struct Parts {
    pipeline::Pipeline* pipeline = nullptr;
    const base::Clock* clock = nullptr;
    telemetry::Metrics* metrics = nullptr;
    std::string external_url;  ///< empty: nobody knows where the agent is reached, and no links are made
    base::Duration lifetime = std::chrono::hours(24);
    /// Takes an answer as one that came through `instance` (Feedback::answer).
    std::function<base::Result<model::Answered>(const std::string& instance, model::Answer answer)> answer;
  };
  explicit ActionLinks(Parts parts);

  /// For this message; `address_field`: what the notifier tells people by ("email", "phone"). The same at every
  /// attempt. None where something is amiss: a message without buttons is better than none. May wait for the store.
  std::vector<plugin_host::Action> of(const model::Delivery& delivery, std::string_view address_field);

  /// What the link's page shows; changes nothing. Fault::unavailable: the store cannot be asked.
  base::Result<api::LinkView> view(std::string_view token, std::string_view remote);
  /// Does what the link says, once. Fault::unavailable: not here or not now.
  base::Result<api::LinkView> follow(std::string_view token, std::string_view remote);

 private:
  base::Result<std::string> key();
  base::Result<std::string> key_for_signing();
  base::Result<plugin_host::Action> action(const model::Delivery& delivery, model::AnswerKind kind, model::LinkWay way);
  base::Result<api::LinkView> opened(std::string_view token, std::string_view remote, model::LinkToken& out);
  api::LinkView refused(std::string_view remote);
  void count(std::string_view result, double by = 1);

  const Parts parts_;
  std::mutex making_;  ///< held while a key is made
  std::mutex mutex_;   ///< of all below
  std::string key_;    ///< empty: not read yet
  VainTries tries_;
  bool complained_ = false;  ///< it was logged that links cannot be made
};

}  // namespace tocsin::app
