// What `tocsin check` says about routes and people.
#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "incidents/desk.hpp"
#include "incidents/people.hpp"

namespace tocsin::incidents {
namespace {

using model::Route;
using model::Routing;

class Check {
 public:
  explicit Check(const Routing& routing) : routing_(routing) {}

  std::vector<std::string> run() {
    people();
    for (const auto& [name, policy] : routing_.policies) policy_leads_somewhere(name, policy);
    if (routing_.root) route(*routing_.root);
    return std::move(reports_);
  }

 private:
  void people() {
    for (const auto& [name, group] : routing_.groups) {
      if (group.members.empty()) report("group \"" + name + "\" has no members");
      for (const std::string& member : group.members) {
        if (routing_.contacts.contains(member)) continue;
        report("group \"" + name + "\": there is no contact \"" + member + "\"" +
               did_you_mean(member, names_of(routing_.contacts)));
      }
    }
    for (const auto& [name, rotation] : routing_.rotations) rotation_names_contacts(name, rotation);
    for (const auto& [name, contact] : routing_.contacts) {
      for (const auto& preference : contact.prefer) prefers_known(name, preference.by);
    }
  }

  void rotation_names_contacts(const std::string& name, const model::Rotation& rotation) {
    std::vector<std::string> named = rotation.members;
    if (!rotation.fallback.empty()) named.push_back(rotation.fallback);
    const std::set<std::string> once(named.begin(), named.end());
    for (const std::string& contact : once) {
      if (routing_.contacts.contains(contact)) continue;
      report("rotation \"" + name + "\": there is no contact \"" + contact + "\"" +
             did_you_mean(contact, names_of(routing_.contacts)));
    }
  }

  void prefers_known(const std::string& contact, const std::string& by) {
    std::vector<std::string> known;
    for (const auto& [name, channel] : routing_.channels) {
      if (channel.tracker) continue;
      known.push_back(name);
      known.push_back(channel.plugin);
    }
    if (std::ranges::find(known, by) != known.end()) return;
    report("contact \"" + contact + "\": prefer names \"" + by + "\", which is no notifier" + did_you_mean(by, known));
  }

  void policy_leads_somewhere(const std::string& name, const model::Policy& policy) {
    const std::string where = "policy \"" + name + "\"";
    if (policy.steps.empty()) report(where + " has no steps");
    for (std::size_t i = 0; i < policy.steps.size(); ++i) {
      const std::string step = where + " step " + std::to_string(i + 1);
      if (policy.steps[i].notify.empty()) report(step + " tells nobody");
      targets(step, policy.steps[i].notify);
    }
    targets(where + " on_exhausted", policy.on_exhausted);
  }

  void route(const Route& route) {
    const std::string where = "route \"" + (route.name.empty() ? route.path : route.name) + "\"";
    if (!route.name.empty() && !names_.insert(route.name).second) {
      report(where + ": another route has the same name; names tell routes apart");
    }
    if (!route.policy.empty() && !routing_.policies.contains(route.policy)) {
      report(where + ": there is no policy \"" + route.policy + "\"" +
             did_you_mean(route.policy, names_of(routing_.policies)));
    }
    targets(where + " notify", route.notify);
    // Nobody to tell is worth a word only where a notifier exists at all.
    if (route.policy.empty() && route.notify.empty() && route.tier && has_notifier()) tier(where);
    for (const Route& child : route.routes) this->route(child);
  }

  bool has_notifier() const {
    return std::ranges::any_of(routing_.channels, [](const auto& entry) { return !entry.second.tracker; });
  }

  void tier(const std::string& where) {
    if (!tier_policy(routing_, model::Severity::critical).steps.empty()) return;
    report(where +
           " has neither policy nor notify, and the tiers reach nobody: no email, sms, ivr or slack notifier has "
           "somebody to tell; give the route a policy or notify, or a contact an address");
  }

  void targets(const std::string& where, const std::vector<std::string>& list) {
    for (const std::string& target : list) {
      Found found = find_people(routing_, target);
      const std::string at =
          where + ": target \"" + target + "\"" + (found.recipients.empty() ? " leads to nobody" : "");
      for (const std::string& problem : found.problems) report(at + ": " + problem);
      if (found.recipients.empty() && found.problems.empty()) report(at);
    }
  }

  void report(std::string text) { reports_.push_back(std::move(text)); }

  const Routing& routing_;
  std::vector<std::string> reports_;
  std::set<std::string> names_;
};

}  // namespace

std::vector<std::string> check_routing(const Routing& routing) {
  return Check(routing).run();
}

}  // namespace tocsin::incidents
