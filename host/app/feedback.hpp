// What comes back from outside through plugins ("tsn.feedback/1"): receipts go into the notification log, answers of
// people become decisions of the desk. Called on plugins' threads, which wait until it is durable: the control strand
// and the committer, whose threads are their own, do the work.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/feedback.hpp"
#include "model/routing.hpp"
#include "pipeline/pipeline.hpp"

namespace tocsin::app {

/// Ids of answers that were taken, the newest thousand of an instance: the same id again changes nothing.
class SeenAnswers {
 public:
  static constexpr std::size_t most = 1000;
  /// As text() gave it.
  explicit SeenAnswers(const std::string& text = {});
  bool contains(const std::string& id) const { return ids_.contains(id); }
  void add(const std::string& id);
  void remove(const std::string& id);
  std::string text() const;  ///< one a line, oldest first

 private:
  std::deque<std::string> order_;
  std::set<std::string> ids_;
};

/// The contact with this address: where the instance's contacts are told by one field, that field, else phone, mailbox
/// or Slack id. Phone numbers are compared by their digits, the others without case. Null: nobody has it.
const model::Contact* contact_with(const model::Routing& routing, const std::string& instance,
                                   const std::string& address);

class Feedback {
 public:
  struct Parts {
    pipeline::Pipeline* pipeline = nullptr;
    const base::Clock* clock = nullptr;
    std::function<model::Routing()> routing;
    std::function<base::Result<std::string>()> decider;  ///< address of the agent that decides; empty: this one
  };
  explicit Feedback(Parts parts) : parts_(std::move(parts)) {}

  /// `instance` is the plugin's full name, "notifier.sms".
  base::Result<void> receipt(const std::string& instance, model::Receipt receipt);
  base::Result<model::Answered> answer(const std::string& instance, model::Answer answer);
  /// Another agent may have decided meanwhile: what it took stands in the store, and is read there again.
  void forget_seen();

 private:
  /// What an answer is about and who gave it.
  struct Meant {
    std::string incident;  ///< correlation id
    std::string who, contact;
    std::string tracker;              ///< instance whose ticket the answer names
    std::vector<std::string> others;  ///< correlation ids: of the whole service
  };
  base::Result<void> decides_here() const;
  base::Result<Meant> meant(const std::string& instance, const model::Answer& answer);
  base::Result<std::string> incident_of_message(const std::string& instance, const model::Answer& answer);
  base::Result<std::vector<std::string>> others_of_service(const std::string& correlation_id);
  base::Result<std::vector<model::Attempt>> attempts(const std::string& instance, const std::string& key,
                                                     const std::string& provider_id);
  base::Error unknown_message(const std::string& named);
  base::Result<void> load_seen(const std::string& instance);
  base::Result<model::Changes> decide(const std::string& instance, const model::Answer& answer, const Meant& meant,
                                      incidents::Desk& desk, base::Time now, model::Answered& became);

  const Parts parts_;
  std::mutex mutex_;
  std::map<std::string, SeenAnswers> seen_;  ///< by instance
  std::map<std::string, base::Time> early_;  ///< messages that are not in the log (yet), since when they are asked for
};

}  // namespace tocsin::app
