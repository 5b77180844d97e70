#include "people.hpp"

#include <algorithm>

#include "json.hpp"

namespace tocsin_plugins::jira {
namespace {

constexpr std::size_t most_people = 500;
constexpr tsn::Time kept_for = std::chrono::nanoseconds(std::chrono::hours(1)).count();

/// ASCII only: addresses.
std::string lower_case(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  return out;
}

}  // namespace

bool People::is_self(const Account& account, tsn::Deadline deadline) {
  if (!self_) {
    try {
      self_ = api_.myself(deadline);
    } catch (const tsn::Failure& why) {
      if (why.status().value() != TSN_INVALID) throw;
      ctx_.warn(std::string("it is not known which changes in Jira are our own: ") + why.what());
      self_ = Account{};
    }
  }
  return self_->known() && same_account(*self_, account);
}

std::optional<std::string> People::search(std::string_view email, tsn::Deadline deadline) {
  auto found = api_.users(email, deadline);
  std::erase_if(found, [](const Account& each) { return !each.active || each.handle().empty(); });
  const auto wanted = lower_case(email);
  const auto exact = std::ranges::find_if(found, [&](const Account& each) { return lower_case(each.email) == wanted; });
  if (exact != found.end()) return exact->handle();
  // Cloud hides addresses: the only one that is found by it has it.
  if (found.size() == 1 && found.front().email.empty()) return found.front().handle();
  return std::nullopt;
}

std::optional<std::string> People::account_for(std::string_view owner, std::string_view email, tsn::Deadline deadline) {
  if (owner.empty()) return std::nullopt;
  if (const auto named = settings_.users.find(std::string(owner)); named != settings_.users.end()) return named->second;
  const std::string key(owner);
  if (const auto known = by_owner_.find(key); known != by_owner_.end() && ctx_.now() - known->second.at < kept_for)
    return known->second.account.empty() ? std::nullopt : std::optional(known->second.account);
  std::optional<std::string> found;
  try {
    if (!email.empty()) found = search(email, deadline);
  } catch (const tsn::Failure& why) {
    if (why.status().value() != TSN_INVALID && why.status().value() != TSN_DENIED) throw;
    ctx_.warn("cannot look for the account of " + key + ": " + why.what());
  }
  if (by_owner_.size() >= most_people) by_owner_.clear();
  const bool first = by_owner_.insert_or_assign(key, Found{found.value_or(""), ctx_.now()}).second;
  if (found)
    remember(*found, owner);
  else if (first)
    ctx_.warn("Jira has no account for the owner " + key + ": write it in [tracker." + ctx_.name() + ".users]");
  return found;
}

void People::load() {
  if (std::exchange(loaded_, true)) return;
  const auto kept = parsed(state_.get("users").value_or("{}"));
  if (!kept.is_object()) return;
  for (const auto& [account, owner] : kept.items())
    if (owner.is_string()) owners_[account] = owner.get<std::string>();
}

void People::remember(const std::string& account, std::string_view owner) {
  load();
  if (owners_[account] == owner) return;
  if (owners_.size() > most_people) owners_.clear();
  owners_[account] = owner;
  state_.put("users", printed(nlohmann::json(owners_)));
}

std::string People::name_here(const Account& account) {
  for (const auto& [ours, theirs] : settings_.users)
    if (account.is(theirs)) return ours;
  load();
  for (const auto* handle : {&account.id, &account.name, &account.key})
    if (const auto found = owners_.find(*handle); !handle->empty() && found != owners_.end()) return found->second;
  return {};
}

std::string People::owner_of(const Account& assignee) {
  if (auto name = name_here(assignee); !name.empty()) return name;
  if (!assignee.email.empty()) return assignee.email;
  return assignee.display.empty() ? assignee.handle() : assignee.display;
}

}  // namespace tocsin_plugins::jira
