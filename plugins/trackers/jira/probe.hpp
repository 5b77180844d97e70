// For `tocsin check --online` and `tocsin jira test`: whether Jira has what the configuration names, and what would be
// sent.
#pragma once

#include <string>

#include "api.hpp"
#include "state.hpp"
#include "tocsin/incident.hpp"

namespace tocsin_plugins::jira {

/// Lines that begin with "ok: ", "warning: " or "error: ". Reads only. Throws tsn::Failure where Jira cannot be asked
/// at all.
class Probe {
 public:
  Probe(const Settings& settings, tsn::Context ctx, Api& api, std::string& report, tsn::Deadline deadline)
      : settings_(settings), ctx_(ctx), api_(api), report_(report), deadline_(deadline) {}

  /// False: it could not sign in, so there is nothing more to look at.
  bool sign_in();
  void project(const Project& project);
  void directions();
  /// What upsert() would send for the change.
  void dry_run(const tsn::Upsert& change);

 private:
  void ok(const std::string& text) { report_ += "ok: " + text + "\n"; }
  void warning(const std::string& text) { report_ += "warning: " + text + "\n"; }
  void error(const std::string& text) { report_ += "error: " + text + "\n"; }
  template <class Look>
  void look(const std::string& what, Look&& at);
  void permissions(const Project& project);
  void create_screen(const Project& project);
  void fields(const Project& project, const nlohmann::json& screen);
  void priorities(const Project& project, const nlohmann::json& screen);
  void statuses(const Project& project);

  const Settings& settings_;
  tsn::Context ctx_;
  Api& api_;
  std::string& report_;
  tsn::Deadline deadline_;
};

/// All of it: the projects, and with `change` what would be sent for it instead of looking at every project.
tsn::Status probe_jira(const Settings& settings, tsn::Context ctx, Api& api, const tsn::Upsert* change,
                       std::string& report, tsn::Deadline deadline);

}  // namespace tocsin_plugins::jira
