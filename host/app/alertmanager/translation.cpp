#include "alertmanager/translation.hpp"

#include <algorithm>

#include "alertmanager/receivers.hpp"
#include "alertmanager/times.hpp"
#include "alertmanager/words.hpp"
#include "base/text.hpp"

namespace tocsin::alertmanager {
namespace {

using base::Place;
using base::Value;

class Translator {
 public:
  Translator(const Value& document, Secrets& secrets, bool readable)
      : document_(document), readable_(readable), receivers_(document, secrets, out_) {
    out_.root = Value(Value::Table());
    out_.root.place = document.place;
  }

  Translation run() {
    // Matchers compare the label as it was sent; what an incident's severity is, is mapped all the same.
    Value severity{Value::Table()};
    put(severity, "compare", "received", document_.place);
    put(out_.root, "severity", std::move(severity), document_.place);
    intervals();
    receivers_.run();
    if (const Value* route = object_of(document_, "route")) put(out_.root, "route", root(*route), route->place);
    inhibit_rules();
    templates();
    return std::move(out_);
  }

 private:
  Value texts(const std::vector<std::string>& list, const Place& place) const {
    Value::Array items;
    for (const std::string& text : list) {
      Value item(text);
      item.place = place;
      items.push_back(std::move(item));
    }
    return Value(std::move(items));
  }

  Value matchers(const model::Matchers& matchers, const Place& place) const {
    std::vector<std::string> list;
    for (const model::Matcher& matcher : matchers) list.push_back(matcher.text());
    return texts(list, place);
  }

  // --- time intervals ---

  void intervals() {
    Value sections{Value::Table()};
    for (const char* key : {"mute_time_intervals", "time_intervals"}) {
      for (const Value* each : objects_of(document_, key))
        put(sections, text_of(*each, "name"), interval(*each), each->place);
    }
    if (!sections.table()->empty()) put(out_.root, "time_interval", std::move(sections), document_.place);
  }

  Value interval(const Value& theirs) {
    const auto spans = objects_of(theirs, "time_intervals");
    for (const Value* span : spans) {
      if (text_of(*span, "location") != "Local") continue;
      config::warn_at(out_.diagnostics, place_of(*span, "location"),
                      "time interval \"" + text_of(theirs, "name") + "\": location Local counts as UTC; name the zone");
    }
    if (spans.size() == 1) return span_table(*spans.front());
    Value::Array list;
    for (const Value* span : spans) list.push_back(span_table(*span));
    Value out{Value::Table()};
    out.place = theirs.place;
    put(out, "spans", Value(std::move(list)), place_of(theirs, "time_intervals"));
    return out;
  }

  void interval_names(Value& table, const Value& route, const char* key) const {
    const auto names = texts_of(route, key);
    if (!names.empty()) put(table, key, texts(names, place_of(route, key)), place_of(route, key));
  }

  // --- routes ---

  Value root(const Value& route) {
    Value table{Value::Table()};
    table.place = route.place;
    settings(table, route, true);
    // Alertmanager puts everything into one group where nobody says otherwise.
    if (!table.find("group_by")) put(table, "group_by", Value(Value::Array()), route.place);
    put(table, "tier", false, route.place);
    if (!readable_) {
      put(table, "reload_timers", "restart", route.place);
      put(table, "storm_after", Value(std::int64_t{0}), route.place);
    }
    std::vector<std::string> names;
    for (const Value* receiver : objects_of(document_, "receivers")) names.push_back(text_of(*receiver, "name"));
    put(table, "receivers", texts(names, route.place), place_of(document_, "receivers"));
    const Value* global = object_of(document_, "global");
    if (global && duration_of(*global, "resolve_timeout"))
      put(table, "resolve_timeout", base::format_duration(*duration_of(*global, "resolve_timeout")),
          place_of(*global, "resolve_timeout"));
    children(table, route, "");
    return table;
  }

  void children(Value& table, const Value& route, const std::string& key) {
    Value::Array list;
    for (const Value* child : objects_of(route, "routes")) list.push_back(this->child(*child, key));
    if (!list.empty()) put(table, "routes", Value(std::move(list)), place_of(route, "routes"));
  }

  Value child(const Value& route, const std::string& parent_key) {
    Value table{Value::Table()};
    table.place = route.place;
    const model::Matchers found = matchers_of(route, "");
    std::string key = "{";
    for (const model::Matcher& m : found) key += (key.size() > 1 ? "," : "") + m.text();
    key += "}";
    const std::string whole = parent_key.empty() ? key : parent_key + "/" + key;
    put(table, "name", name_of(route, key, whole), route.place);
    put(table, "matchers", matchers(found, route.place), route.place);
    if (flag_of(route, "continue", false)) put(table, "continue", true, place_of(route, "continue"));
    settings(table, route, false);
    interval_names(table, route, "active_time_intervals");
    interval_names(table, route, "mute_time_intervals");
    children(table, route, whole);
    return table;
  }

  std::string name_of(const Value& route, const std::string& key, const std::string& whole) {
    std::string name = key;
    if (readable_) {
      const std::string receiver = text_of(route, "receiver");
      name = receiver.empty() ? "route" : receiver;
    } else if (names_.contains(name)) {
      name = whole;
    }
    const std::string wanted = name;
    for (int i = 2; !names_.insert(name).second; ++i) name = wanted + " " + std::to_string(i);
    return name;
  }

  /// What a child that does not give it inherits.
  void settings(Value& table, const Value& route, bool is_root) {
    if (const std::string name = text_of(route, "receiver"); !name.empty()) {
      const Place place = place_of(route, "receiver");
      put(table, "receiver", name, place);
      put(table, "notify", texts(receivers_.targets(name), place), place);
    } else if (is_root) {
      put(table, "notify", Value(Value::Array()), route.place);
    }
    if (const auto labels = texts_of(route, "group_by"); !labels.empty())
      put(table, "group_by", texts(labels, place_of(route, "group_by")), place_of(route, "group_by"));
    for (const char* key : {"group_wait", "group_interval", "repeat_interval"}) {
      if (const auto given = duration_of(route, key))
        put(table, key, base::format_duration(*given), place_of(route, key));
    }
  }

  // --- the rest ---

  void inhibit_rules() {
    Value::Array list;
    for (const Value* rule : objects_of(document_, "inhibit_rules")) {
      Value table{Value::Table()};
      table.place = rule->place;
      put(table, "source_matchers", matchers(matchers_of(*rule, "source_"), rule->place), rule->place);
      put(table, "target_matchers", matchers(matchers_of(*rule, "target_"), rule->place), rule->place);
      if (const auto equal = texts_of(*rule, "equal"); !equal.empty())
        put(table, "equal", texts(equal, place_of(*rule, "equal")), place_of(*rule, "equal"));
      list.push_back(std::move(table));
    }
    if (!list.empty()) put(out_.root, "inhibit_rules", Value(std::move(list)), place_of(document_, "inhibit_rules"));
  }

  void templates() {
    const auto files = texts_of(document_, "templates");
    if (files.empty()) return;
    const std::string message = "templates are not rendered: the notifiers write their own messages";
    config::warn_at(out_.diagnostics, place_of(document_, "templates"), message);
    out_.remarks[""].push_back(message);
  }

  const Value& document_;
  const bool readable_;
  Translation out_;
  Receivers receivers_;
  std::set<std::string> names_{"root"};
};

}  // namespace

Translation translate(const Value& document, Secrets& secrets, bool readable) {
  return Translator(document, secrets, readable).run();
}

}  // namespace tocsin::alertmanager
