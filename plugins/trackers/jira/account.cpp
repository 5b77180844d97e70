#include "account.hpp"

#include "document.hpp"
#include "json.hpp"

namespace tocsin_plugins::jira {

Account account_of(const nlohmann::json& user) {
  Account out;
  const auto text = [&](const char* key) { return shortened(text_at(user, {key}), 200); };
  out.id = text("accountId");
  out.name = text("name");
  out.key = text("key");
  out.display = text("displayName");
  out.email = text("emailAddress");
  if (out.email.find('@') == out.email.npos) out.email.clear();  // Cloud writes "?" for one that is hidden
  out.active = !member(user, {"active"}).is_boolean() || member(user, {"active"}).get<bool>();
  return out;
}

nlohmann::json json_of_account(const Account& account) {
  return {{"accountId", account.id},
          {"name", account.name},
          {"key", account.key},
          {"displayName", account.display},
          {"emailAddress", account.email}};
}

bool same_account(const Account& a, const Account& b) {
  if (!a.id.empty() && !b.id.empty()) return a.id == b.id;
  return (!a.name.empty() && a.name == b.name) || (!a.key.empty() && a.key == b.key);
}

}  // namespace tocsin_plugins::jira
