// Who is who: our own account, an owner's account in Jira, and an assignee's name here.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "api.hpp"
#include "state.hpp"

namespace tocsin_plugins::jira {

class People {
 public:
  People(const Settings& settings, tsn::Context ctx, Api& api, State& state)
      : settings_(settings), ctx_(ctx), api_(api), state_(state) {}

  /// It was us. Asks Jira once who we are; throws while it cannot say. A Jira that refuses to say is taken to be one in
  /// which we do nothing.
  bool is_self(const Account& account, tsn::Deadline deadline);

  /// What Jira calls the owner: by the table of users, else by the address, which is searched for and remembered for an
  /// hour. Nothing: Jira knows nobody; said once for each owner. Throws while Jira does not answer.
  std::optional<std::string> account_for(std::string_view owner, std::string_view email, tsn::Deadline deadline);

  /// Our name of an assignee: by the table, by what account_for() found, else the address, else the name that Jira
  /// shows.
  std::string owner_of(const Account& assignee);

  /// Our name of somebody who did something, by the table or by what was found; empty: none.
  std::string name_here(const Account& account);

 private:
  struct Found {
    std::string account;  ///< empty: nobody
    tsn::Time at = 0;
  };
  std::optional<std::string> search(std::string_view email, tsn::Deadline deadline);
  void remember(const std::string& account, std::string_view owner);
  void load();

  const Settings& settings_;
  tsn::Context ctx_;
  Api& api_;
  State& state_;
  std::optional<Account> self_;
  std::map<std::string, Found> by_owner_;
  std::map<std::string, std::string> owners_;  ///< account → our name; kept as "users"
  bool loaded_ = false;
};

}  // namespace tocsin_plugins::jira
