// Questions of rules: whom they can go to, and what they may hold.
#include <algorithm>

#include "config/schema.hpp"
#include "settings/rules.hpp"
#include "settings/values.hpp"

namespace tocsin::settings {
namespace {

using base::Value;
using config::Diagnostics;

/// What the store can be asked.
const model::PluginType& store_type() {
  static const model::PluginType type = [] {
    model::PluginType out;
    out.id = Answerers::store;
    out.source_features = model::source_queries;
    out.query_options = {
        {.key = "sql",
         .type = base::OptionType::string,
         .required = true,
         .doc = "One SELECT; `value`, or else the first column of numbers, is judged, the others are labels."}};
    return out;
  }();
  return type;
}

}  // namespace

Answerers::Answerers(const std::vector<Instance>& instances, std::span<const KnownPlugin> known, const Agent& agent)
    : postgres_(agent.storage.url.starts_with("postgres")) {
  sources_.push_back({store, store, &store_type()});
  for (const Instance& instance : instances) {
    if (instance.kind != "source" || !instance.enabled) continue;
    sources_.push_back({instance.name, instance.plugin, find_type(known, instance.plugin)});
  }
}

std::string Answerers::instance_of(std::string_view plugin) const {
  if (plugin == store && !postgres_) return {};
  for (const Source& source : sources_) {
    const bool answers = source.type && (source.type->source_features & model::source_queries);
    if (source.plugin == plugin && answers) return source.name;
  }
  return {};
}

Value Answerers::checked(const Value& question, const model::PluginType& type, const std::string& where,
                         Diagnostics& diagnostics) {
  return config::validate(question, type.query_options, where, diagnostics);
}

/// The last of a name is the configured one: a source of one's own may be called "store".
const Answerers::Source* Answerers::find(const std::string& source) const {
  const auto at = std::ranges::find(sources_.rbegin(), sources_.rend(), source, &Source::name);
  return at == sources_.rend() ? nullptr : &*at;
}

std::string Answerers::plugin_of(const std::string& source) const {
  const Source* at = find(source);
  return at ? at->plugin : "";
}

bool Answerers::check(model::Rule& rule, Diagnostics& diagnostics) const {
  if (rule.query_source.empty()) return true;
  const Value* query = rule.table.find("query");
  return check(rule.query_source, rule.query, query ? place_of(*query, "source") : rule.place,
               "[[rule]] \"" + rule.name + "\" query", diagnostics);
}

bool Answerers::check(const std::string& source, Value& question, const base::Place& place, const std::string& where,
                      Diagnostics& diagnostics) const {
  const Source* at = find(source);
  if (!at) {
    std::vector<std::string> names;
    for (const Source& each : sources_) names.push_back(each.name);
    config::error_at(diagnostics, place,
                     where + ": there is no [source." + source + "]" + config::did_you_mean(source, names));
    return false;
  }
  if (!at->type) {
    config::warn_at(diagnostics, place,
                    where + ": waits for the plugin \"" + at->plugin + "\" of [source." + source + "]");
    return true;
  }
  if (!(at->type->source_features & model::source_queries)) {
    config::error_at(diagnostics, place,
                     where + ": [source." + source + "] is of the plugin \"" + at->plugin +
                         "\", which answers no questions; judge its signals with `signal` instead");
    return false;
  }
  Diagnostics found;
  question = checked(question, *at->type, where, found);
  const bool failed = config::has_errors(found);
  std::ranges::move(found, std::back_inserter(diagnostics));
  return !failed;
}

}  // namespace tocsin::settings
