// Which signals the configured sources emit.
#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "settings/rules.hpp"
#include "settings/values.hpp"

namespace tocsin::settings {
namespace {

using base::Value;

bool names_match(std::string_view pattern, std::string_view name) {
  if (pattern.ends_with('*')) return name.starts_with(pattern.substr(0, pattern.size() - 1));
  if (name.ends_with('*')) return pattern.starts_with(name.substr(0, name.size() - 1));
  return pattern == name;
}

/// `(?<user>` and `(?P<user>` of a pattern.
std::vector<std::string> named_groups(std::string_view pattern) {
  std::vector<std::string> names;
  for (std::size_t at = 0; (at = pattern.find("(?", at)) != pattern.npos;) {
    at += 2;
    std::string_view rest = pattern.substr(at);
    if (rest.starts_with('P')) rest.remove_prefix(1);
    const std::size_t close = rest.find('>');
    if (rest.starts_with('<') && close != rest.npos && is_label_name(rest.substr(1, close - 1))) {
      names.emplace_back(rest.substr(1, close - 1));
    }
  }
  return names;
}

struct Configured {
  std::string signal;
  const Value* table;
};

/// Values of keys named `signal`, in the options and in the tables of their arrays.
std::vector<Configured> configured_signals(const Value& options) {
  std::vector<Configured> out;
  if (!options.table()) return out;
  for (const Value::Member& member : *options.table()) {
    if (member.key == "signal" && member.value.string()) out.push_back({*member.value.string(), &options});
    if (!member.value.array()) continue;
    for (const Value& item : *member.value.array()) {
      const Value* signal = item.find("signal");
      if (signal && signal->string()) out.push_back({*signal->string(), &item});
    }
  }
  return out;
}

/// The labels that a declared signal says it has; whether there may be further ones.
bool take_declared(const model::SignalDoc& doc, std::vector<std::string>& labels) {
  bool any = false;
  for (std::string_view label : base::split(doc.labels, ',')) {
    label = base::trim(label);
    if (label.ends_with('*'))
      any = true;
    else if (!label.empty())
      labels.emplace_back(label);
  }
  return any;
}

constexpr std::array<std::pair<std::string_view, model::Category>, 12> by_plugin = {{
    {"logtail", model::Category::log},
    {"syslog", model::Category::log},
    {"elasticsearch", model::Category::log},
    {"host", model::Category::infrastructure},
    {"kubernetes", model::Category::infrastructure},
    {"scrape", model::Category::infrastructure},
    {"statsd", model::Category::infrastructure},
    {"prometheus", model::Category::integration},
    {"probe", model::Category::integration},
    {"sql", model::Category::transaction},
    {"amqp", model::Category::transaction},
    {"otlp", model::Category::transaction},
}};

constexpr std::array<std::pair<std::string_view, model::Category>, 7> by_prefix = {{
    {"host.", model::Category::infrastructure},
    {"kube", model::Category::infrastructure},
    {"container_", model::Category::infrastructure},
    {"etl.", model::Category::transaction},
    {"log.", model::Category::log},
    {"auth.", model::Category::log},
    {"syslog", model::Category::log},
}};

}  // namespace

Emitters::Emitters(const std::vector<Instance>& instances, std::span<const KnownPlugin> known, const Agent& agent) {
  for (const auto& [name, value] : agent.labels) common_.push_back(name);
  for (const Instance& instance : instances) {
    const bool emits = instance.kind == "source" && instance.plugin != "alertmanager";
    if (emits && instance.enabled) add(instance, find_type(known, instance));
  }
}

void Emitters::add(const Instance& instance, const model::PluginType* type) {
  std::vector<std::string> own;
  for (const auto& [name, value] : instance.labels) own.push_back(name);
  const auto configured = configured_signals(instance.options);
  // What a type declares as `*` are the signals that its options name.
  const model::SignalDoc* star = nullptr;
  if (type) {
    const auto found = std::ranges::find(type->signals, "*", &model::SignalDoc::name);
    if (found != type->signals.end()) star = &*found;
  }
  for (const Configured& one : configured) {
    Signal signal{one.signal, instance.plugin, own, true};
    const std::string pattern = text_of(*one.table, "pattern");
    for (std::string& name : named_groups(pattern)) signal.labels.push_back(std::move(name));
    const Value* fixed = one.table->find("labels");
    if (fixed && fixed->table()) {
      for (const Value::Member& member : *fixed->table()) signal.labels.push_back(member.key);
    }
    signal.any_label = pattern.empty();  // labels of rows and fields are not known beforehand
    if (star && take_declared(*star, signal.labels)) signal.any_label = true;
    signals_.push_back(std::move(signal));
  }
  if (!type) {
    anything_ = anything_ || configured.empty();  // its plugin is not there yet: nobody knows
    return;
  }
  for (const model::SignalDoc& doc : type->signals) {
    if (doc.name == "*") {
      // Labels of any kind come with signals of any name: those that are sent, beside those that an option names.
      anything_ = anything_ || configured.empty() || doc.labels == "*";
      continue;
    }
    Signal signal{doc.name, instance.plugin, own, false};
    signal.any_label = take_declared(doc, signal.labels);
    signals_.push_back(std::move(signal));
  }
}

std::vector<const Emitters::Signal*> Emitters::matching(const std::string& name) const {
  std::vector<const Signal*> out;
  for (const Signal& signal : signals_) {
    if (names_match(signal.name, name)) out.push_back(&signal);
  }
  return out;
}

bool Emitters::emits(const model::Selector& selector) const {
  return !matching(selector.name()).empty();
}

model::Category Emitters::category(const std::string& signal) const {
  for (const auto& [prefix, category] : by_prefix) {
    if (signal.starts_with(prefix)) return category;
  }
  for (const Signal* emitted : matching(signal)) {
    for (const auto& [plugin, category] : by_plugin) {
      if (emitted->plugin == plugin) return category;
    }
  }
  return model::Category::none;
}

std::vector<std::string> Emitters::names() const {
  std::vector<std::string> out;
  for (const Signal& signal : signals_) out.push_back(signal.name);
  return out;
}

void Emitters::check(const model::Rule& rule, config::Diagnostics& diagnostics) const {
  const std::string& name = rule.signal.name();
  if (rule.signal_text.empty() || name.empty() || name.starts_with("tocsin.")) return;
  const base::Place place = place_of(rule.table, "signal");
  const std::string where = "[[rule]] \"" + rule.name + "\" ";
  const auto emitted = matching(name);
  if (emitted.empty()) {
    const std::string hint = config::did_you_mean(name, names());
    // Whatever is pushed may hold it; a name that is nearly one of ours is worth a word all the same.
    if (!anything_ || !hint.empty()) {
      config::warn_at(diagnostics, place, where + "signal: no configured source emits \"" + name + "\"" + hint);
    }
    return;
  }
  for (const std::string& label : rule.by) {
    const bool known = std::ranges::any_of(emitted, [&](const Signal* signal) {
      return signal->any_label || std::ranges::find(signal->labels, label) != signal->labels.end();
    });
    if (known || std::ranges::find(common_, label) != common_.end()) continue;
    std::vector<std::string> labels = emitted.front()->labels;
    config::warn_at(
        diagnostics, place_of(rule.table, "by"),
        where + "by: the signal \"" + name + "\" has no label \"" + label + "\"" + config::did_you_mean(label, labels));
  }
}

}  // namespace tocsin::settings
