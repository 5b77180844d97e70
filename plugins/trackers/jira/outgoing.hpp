// From a change of an incident to its issue.
#pragma once

#include <map>
#include <set>
#include <string>

#include "collecting.hpp"
#include "doubts.hpp"
#include "mapping.hpp"
#include "people.hpp"
#include "seen.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins::jira {

/// [seq]
class Outgoing {
 public:
  struct Parts {
    const Settings& settings;
    tsn::Context ctx;
    Api& api;
    People& people;
    StatusMap& statuses;
    Collecting& collecting;
    Brought& brought;
    Doubts& doubts;
  };
  explicit Outgoing(Parts parts) : p_(parts) {}

  tsn::Status upsert(const tsn::Upsert& change, tsn::Ticket& out, tsn::Deadline deadline);

 private:
  Issue ticket_of(const tsn::Upsert& change, const Project& project, bool& created, tsn::Deadline deadline);
  Issue find(const tsn::Incident& incident, const Project& project, tsn::Deadline deadline);
  void wait_for_proof(const std::string& what, const std::string& whose);
  std::string create(const tsn::Upsert& change, const Project& project, tsn::Deadline deadline);
  /// Without the optional fields that Jira refuses.
  std::string create_doubting(const std::string& doubted, const Project& project, nlohmann::json fields,
                              tsn::Deadline deadline);
  void remember_doubt(const std::string& doubted) noexcept;
  bool leave_out(const Refusal& refusal, const Project& project, nlohmann::json& fields);
  void add_configured(const tsn::Upsert& change, const Project& project, nlohmann::json& fields,
                      tsn::Deadline deadline);

  Issue collect(const tsn::Upsert& change, const Project& project, const std::string& label, bool& created,
                tsn::Deadline deadline);
  void follow_collected(const tsn::Upsert& change, const std::string& key, tsn::Deadline deadline);

  void follow(const tsn::Upsert& change, const Project& project, Issue& issue, tsn::Deadline deadline);
  void comment(const tsn::Upsert& change, const std::string& key, const Document& text, tsn::Deadline deadline);
  void update(const tsn::Upsert& change, const Project& project, Issue& issue, tsn::Deadline deadline);
  void assign(const tsn::Upsert& change, const Issue& issue, tsn::Deadline deadline);
  void reopen(const Project& project, Issue& issue, tsn::Deadline deadline);
  /// By the name of the transition, or else of the status it leads to. `ending`: any finished status will do where the
  /// transition is not offered.
  void move(const tsn::Incident& incident, Issue& issue, const std::string& target, bool ending,
            tsn::Deadline deadline);
  void walk(Issue& issue, const std::string& target, bool ending, tsn::Deadline deadline);
  bool overtaken(const tsn::Incident& incident, const Issue& issue, bool ending, tsn::Deadline deadline);
  /// When the change that is being made was met first.
  tsn::Time first_met(const tsn::Upsert& change);
  std::string status_of_new(const std::string& key, tsn::Deadline deadline);
  std::optional<std::string> account_of_owner(const tsn::Upsert& change, tsn::Deadline deadline);

  Parts p_;
  std::map<std::string, tsn::Time> met_;  ///< key of a change → its first attempt
  tsn::Time made_ = 0;                    ///< first_met() of the change that is being made
  std::set<std::string> warned_;          ///< project and field that was refused
};

}  // namespace tocsin_plugins::jira
