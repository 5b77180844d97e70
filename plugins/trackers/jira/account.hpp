// A user of Jira. Cloud knows an accountId and mostly hides addresses; Data Center knows a name and a key.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace tocsin_plugins::jira {

struct Account {
  std::string id;       ///< accountId; empty on Data Center
  std::string name;     ///< Data Center's user name
  std::string key;      ///< Data Center's key, which stays when a user is renamed
  std::string display;  ///< what people see
  std::string email;    ///< empty: Jira does not say
  bool active = true;

  bool known() const noexcept { return !id.empty() || !name.empty() || !key.empty(); }
  /// What Jira calls it: the accountId, else the name, else the key.
  const std::string& handle() const noexcept { return !id.empty() ? id : !name.empty() ? name : key; }
  /// `text` is one of the three.
  bool is(const std::string& text) const noexcept {
    return !text.empty() && (text == id || text == name || text == key);
  }
};

/// Of a user's JSON; what is missing is empty.
Account account_of(const nlohmann::json& user);
nlohmann::json json_of_account(const Account& account);

/// By accountId where both have one, else by name or key.
bool same_account(const Account& a, const Account& b);

}  // namespace tocsin_plugins::jira
