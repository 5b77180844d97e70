// What is pressed under a message: taken at `interactions.path`, done through the host's feedback, and answered to the
// one who pressed.
//
// Slack waits three seconds for its 200. The answer is handed in on a thread of its own, in the order of the presses,
// and the request waits for it, but not longer than 2.5 s: then Slack has its 200, and the one who pressed reads what
// became of it a little later. What Slack is told afterwards goes out on a second thread, so that a slow Slack keeps no
// press waiting.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "errands.hpp"
#include "http_client/http_client.hpp"
#include "interaction.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

/// The table `interactions`. An empty path: there is none.
struct PressSettings {
  std::string path, signing_secret;
  std::vector<std::string> users;  ///< who alone may press; empty: everybody who sees the message
};
/// Throws a Failure that names the key.
PressSettings read_press_settings(const tsn::Config& config);

class Presses {
 public:
  Presses(const tsn::Context& ctx, PressSettings settings, HttpSettings http, std::string api_url);

  bool on() const { return !settings_.path.empty(); }
  void start();
  void stop();
  /// [any]
  void handle(const tsn::Request& request, tsn::Response& response, tsn::Deadline deadline);

 private:
  void refuse(const std::string& why, const tsn::Request& request, tsn::Response& response);
  bool may_press(const std::string& user) const;
  void take(const Press& press);
  tsn::Status hand_in(const Press& press, tsn::Answered& became);
  /// Two people who look at the same message both mean the same next step.
  tsn::Status escalated_just_now(const Press& press) const;
  void note_escalation(const Press& press);
  /// On the second thread: to the one who pressed.
  void tell(const Press& press, const std::string& sentence, tsn_incident_status status);
  void respond(const Press& press, const std::string& body);

  const tsn::Context& ctx_;
  const PressSettings settings_;
  const std::string api_url_;
  HttpClient client_;  ///< of the second thread
  Errands answers_, replies_;
  struct Escalation {
    tsn::Time at = 0;
    std::string by;
  };
  std::map<std::string, Escalation> escalations_;  ///< by incident; of the answers' thread
  std::mutex mutex_;                               ///< said_refused_
  tsn::Time said_refused_ = 0;
};

}  // namespace tocsin_plugins
