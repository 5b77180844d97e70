#include "incidents/people.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace tocsin::incidents {
namespace {

using model::Channel;
using model::Contact;
using model::Routing;

// Tried in this order for a contact that names no preference.
constexpr std::array<std::string_view, 4> plugins_by_default = {"email", "slack", "sms", "ivr"};

/// Slack is told alone (its webhook or configured channel) and can tell a person too.
bool takes_no_person(const Channel& channel) {
  return channel.no_recipient && channel.address_field.empty();
}

std::string in_quotes(std::string_view text) {
  return "\"" + std::string(text) + "\"";
}

/// "contact", "group", "rotation" and the name behind the dot.
struct Person {
  std::string_view kind, name;
};

std::optional<Person> parse_person(std::string_view text) {
  for (std::string_view kind : {"contact", "group", "rotation"}) {
    if (text.size() > kind.size() + 1 && text.starts_with(kind) && text[kind.size()] == '.') {
      return Person{kind, text.substr(kind.size() + 1)};
    }
  }
  return std::nullopt;
}

class Search {
 public:
  Search(const Routing& routing, OnCallAt when) : routing_(routing), when_(when) {}

  Found run(const std::string& target) {
    const std::size_t colon = target.find(':');
    if (colon == std::string::npos) {
      if (auto person = parse_person(target))
        by_preference(*person);
      else
        alone(target);
    } else {
      through(target.substr(0, colon), target.substr(colon + 1));
    }
    return std::move(found_);
  }

 private:
  const Channel* notifier(const std::string& instance) {
    auto it = routing_.channels.find(instance);
    if (it == routing_.channels.end()) {
      problem("there is no notifier " + in_quotes(instance) + did_you_mean(instance, names_of(routing_.channels)));
      return nullptr;
    }
    if (it->second.tracker) {
      problem(in_quotes(instance) + " is a tracker: tickets open by severity (open_for), not by a route");
      return nullptr;
    }
    return &it->second;
  }

  void alone(const std::string& instance) {
    const Channel* channel = notifier(instance);
    if (!channel) return;
    if (channel->no_recipient) return add(*channel, "", "");
    if (!channel->default_recipient.empty()) {
      return add(*channel, channel->default_recipient, channel->default_recipient, instance);
    }
    problem(in_quotes(instance) + " needs a recipient: write \"" + instance + ":contact.NAME\" or \"" + instance +
            ":group.NAME\"");
  }

  void through(const std::string& instance, const std::string& whom) {
    const Channel* channel = notifier(instance);
    if (!channel) return;
    if (whom.starts_with('#')) {
      if (channel->takes_channels && whom.size() > 1) return add(*channel, whom, whom);
      return problem(in_quotes(instance) + " takes no channels such as " + in_quotes(whom));
    }
    auto person = parse_person(whom);
    if (!person) {
      return problem(in_quotes(whom) +
                     " is not a recipient: expected contact.NAME, group.NAME, rotation.NAME or #channel");
    }
    if (takes_no_person(*channel)) {
      return problem(in_quotes(instance) + " has no recipients: write \"" + instance + "\" alone");
    }
    for (const Contact* contact : people(*person)) {
      std::string address = address_of(*contact, channel->address_field);
      if (address.empty() && !channel->address_field.empty()) {
        problem("contact " + in_quotes(contact->name) + " has no " + channel->address_field + ", which " +
                in_quotes(instance) + " needs");
        continue;
      }
      add(*channel, contact->name, address);
    }
  }

  void by_preference(const Person& person) {
    for (const Contact* contact : people(person)) {
      const Channel* channel = preferred(*contact);
      if (channel) {
        add(*channel, contact->name, address_of(*contact, channel->address_field));
        add_later(*contact, *channel);
      } else {
        problem("contact " + in_quotes(contact->name) + " has no address that any notifier here takes");
      }
    }
    std::ranges::stable_sort(found_.later, {}, &Later::after);
  }

  /// A preference without `after` is there for whoever has no earlier one.
  void add_later(const Contact& contact, const Channel& first) {
    for (const auto& preference : contact.prefer) {
      if (preference.after <= base::Duration::zero()) continue;
      const Channel* channel = usable(contact, preference.by);
      if (!channel || channel == &first) continue;
      const std::string exact = channel->instance + ":contact." + contact.name;
      const auto same = [&](const Later& one) { return one.recipient.exact == exact; };
      if (std::ranges::any_of(found_.later, same)) continue;
      const std::string address = address_of(contact, channel->address_field);
      found_.later.push_back({{channel->instance, contact.name, address, exact}, preference.after});
    }
  }

  const Channel* preferred(const Contact& contact) {
    if (contact.prefer.empty()) {
      for (std::string_view plugin : plugins_by_default) {
        if (const Channel* channel = usable(contact, plugin)) return channel;
      }
    }
    for (const auto& preference : contact.prefer) {
      if (const Channel* channel = usable(contact, preference.by)) return channel;
    }
    return nullptr;
  }

  /// An instance of that name or plugin for which the contact has an address.
  const Channel* usable(const Contact& contact, std::string_view by) {
    const Channel* found = nullptr;
    for (const auto& [name, channel] : routing_.channels) {
      if (channel.tracker || takes_no_person(channel) || address_of(contact, channel.address_field).empty()) continue;
      if (name == by) return &channel;
      if (channel.plugin == by && !found) found = &channel;
    }
    return found;
  }

  std::vector<const Contact*> people(const Person& person) {
    std::vector<const Contact*> out;
    if (person.kind == "rotation") {
      for (const std::string& name : on_call(std::string(person.name))) {
        if (const Contact* contact = contact_named(name)) out.push_back(contact);
      }
    } else if (person.kind == "contact") {
      if (const Contact* contact = contact_named(std::string(person.name))) out.push_back(contact);
    } else {
      auto it = routing_.groups.find(std::string(person.name));
      if (it == routing_.groups.end()) {
        problem("there is no group " + in_quotes(person.name) + did_you_mean(person.name, names_of(routing_.groups)));
        return out;
      }
      if (it->second.members.empty()) problem("group " + in_quotes(person.name) + " has no members");
      for (const std::string& member : it->second.members) {
        if (const Contact* contact = contact_named(member)) out.push_back(contact);
      }
    }
    return out;
  }

  /// Who has the shift at the instant that is asked about, or everybody who may have it.
  std::vector<std::string> on_call(const std::string& rotation) {
    const auto it = routing_.rotations.find(rotation);
    if (it == routing_.rotations.end()) {
      problem("there is no rotation " + in_quotes(rotation) + did_you_mean(rotation, names_of(routing_.rotations)));
      return {};
    }
    if (!when_.roster) {
      std::vector<std::string> all = it->second.members;
      if (!it->second.fallback.empty()) all.push_back(it->second.fallback);
      if (all.empty()) problem("rotation " + in_quotes(rotation) + " has no members");
      return all;
    }
    const std::optional<OnCall> found = when_.roster->at(rotation, when_.at);
    if (found && !found->contact.empty()) return {found->contact};
    problem("nobody of rotation " + in_quotes(rotation) + " is on call at " + base::format_rfc3339(when_.at) +
            ", and it has no fallback");
    return {};
  }

  const Contact* contact_named(const std::string& name) {
    auto it = routing_.contacts.find(name);
    if (it != routing_.contacts.end()) return &it->second;
    problem("there is no contact " + in_quotes(name) + did_you_mean(name, names_of(routing_.contacts)));
    return nullptr;
  }

  void add(const Channel& channel, const std::string& name, const std::string& address, std::string exact = "") {
    if (exact.empty()) {
      if (name.empty())
        exact = channel.instance;
      else
        exact = channel.instance + (name.starts_with('#') ? ":" : ":contact.") + name;
    }
    const bool there = std::ranges::any_of(found_.recipients, [&](const Recipient& r) { return r.exact == exact; });
    if (!there) found_.recipients.push_back({channel.instance, name, address, std::move(exact)});
  }
  void problem(std::string text) { found_.problems.push_back(std::move(text)); }

  const Routing& routing_;
  const OnCallAt when_;
  Found found_;
};

}  // namespace

std::string did_you_mean(std::string_view word, const std::vector<std::string>& known) {
  std::string near = base::nearest(word, known);
  return near.empty() ? std::string() : " (did you mean " + in_quotes(near) + "?)";
}

std::string address_of(const Contact& contact, const std::string& field) {
  if (field == "email") return contact.email;
  if (field == "phone") return contact.phone;
  if (field == "slack") return contact.slack;
  auto it = contact.fields.find(field);
  return it == contact.fields.end() ? std::string() : it->second;
}

Found find_people(const Routing& routing, const std::string& target, OnCallAt when) {
  return Search(routing, when).run(target);
}

}  // namespace tocsin::incidents
