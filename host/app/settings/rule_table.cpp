// One rule from its table.
#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "config/schema.hpp"
#include "settings/rules.hpp"
#include "settings/values.hpp"

namespace tocsin::settings {
namespace {

using base::Option;
using base::Value;
using config::Diagnostics;
using config::error_at;
using config::warn_at;
using model::Rule;

bool is_host_key(std::string_view key) {
  return std::ranges::find(rule_options(), key, &Option::key) != rule_options().end();
}

/// Values of scripts know no place: the rule's stands in, so that every message names a file.
void place_all(Value& value, const base::Place& place) {
  if (!value.place.file) value.place = place;
  if (Value::Array* items = value.array()) {
    for (Value& item : *items) place_all(item, value.place);
  }
  if (Value::Table* members = value.table()) {
    for (Value::Member& member : *members) {
      if (!member.key_place.file) member.key_place = value.place;
      place_all(member.value, member.key_place);
    }
  }
}

class Builder {
 public:
  Builder(Value table, const RuleOrigin& origin, const FindDetector& find, Diagnostics& diagnostics)
      : table_(std::move(table)), origin_(origin), find_(find), diagnostics_(diagnostics) {
    const std::string name = text_of(table_, "name");
    where_ = name.empty() ? "[[rule]]" : "[[rule]] \"" + name + "\"";
  }

  std::optional<Rule> build() {
    detector();
    validate();
    rule_.name = text_of(host_, "name");
    rule_.place = table_.place;
    rule_.script_file = origin_.script_file;
    rule_.script = origin_.script;
    words();
    signal();
    window();
    timing();
    texts();
    what_is_missing();
    std::ranges::move(found_, std::back_inserter(diagnostics_));
    if (failed() || !flag_of(host_, "enabled", true)) return std::nullopt;
    if (Value* all = &table_; all->table()) all->erase("enabled");
    rule_.table = std::move(table_);
    return std::move(rule_);
  }

 private:
  void error(std::string_view key, const std::string& what) {
    failed_ = true;
    error_at(found_, place_of(table_, key), where_ + " " + std::string(key) + ": " + what);
  }
  void warn(std::string_view key, const std::string& what) {
    warn_at(found_, place_of(table_, key), where_ + " " + std::string(key) + ": " + what);
  }
  bool failed() const { return failed_; }

  void detector() {
    rule_.detector = text_of(table_, "detector", origin_.detector);
    type_ = find_ ? find_(rule_.detector) : nullptr;
    if (type_ && !(type_->kinds & model::kind_detector)) {
      error("detector", "the plugin \"" + rule_.detector + "\" is no detector");
      type_ = nullptr;
    } else if (!type_) {
      warn("detector", "no plugin offers the detector \"" + rule_.detector + "\"; the rule waits for it");
    }
  }

  /// The host's keys strictly; the detector's by its declaration, or as they are while it is not there.
  void validate() {
    Value::Table host, own;
    for (const Value::Member& member : *table_.table()) (is_host_key(member.key) ? host : own).push_back(member);
    Value own_table(std::move(own));
    own_table.place = table_.place;
    host_ = Value(std::move(host));
    host_.place = table_.place;
    const std::size_t before = found_.size();
    host_ = config::validate(host_, rule_options(), where_, found_);
    if (type_) own_table = detector_keys(own_table);
    failed_ = failed_ || std::any_of(found_.begin() + static_cast<std::ptrdiff_t>(before), found_.end(),
                                     [](const auto& d) { return d.level == config::Diagnostic::Level::error; });
    Value::Table whole;
    for (const Value::Member& member : *table_.table()) {
      if (is_host_key(member.key)) whole.push_back(member);
    }
    for (Value::Member& member : *own_table.table()) whole.push_back(std::move(member));
    Value merged(std::move(whole));
    merged.place = table_.place;
    table_ = std::move(merged);
  }

  Value detector_keys(const Value& own) {
    std::vector<Option> options;
    for (const Option& option : type_->rule_options) {
      if (!is_host_key(option.key)) options.push_back(option);
    }
    // The host's keys make good hints too; they cannot be in this table.
    std::vector<Option> known = options;
    for (const Option& option : rule_options()) known.push_back({.key = option.key, .type = base::OptionType::any});
    return config::validate(own, known, where_, found_);
  }

  void words() {
    if (std::string text = text_of(host_, "severity"); !text.empty()) {
      auto severity = model::parse_severity(text);
      if (severity)
        rule_.severity = *severity;
      else
        error("severity", severity.error().message());
    }
    if (std::string text = text_of(host_, "category"); !text.empty()) {
      auto category = model::parse_category(text);
      if (category)
        rule_.category = *category;
      else
        error("category", category.error().message());
    }
    rule_.labels = labels_of(host_, "labels", where_, found_);
    rule_.by = list_of(host_, "by");
    for (const std::string& label : rule_.by) {
      if (!is_label_name(label)) error("by", "\"" + label + "\" is no label name");
      if (&*std::ranges::find(rule_.by, label) != &label) error("by", "\"" + label + "\" is there twice");
    }
    tier_severities();
  }

  void tier_severities() {
    const Value* tiers = table_.find("tiers");
    if (!tiers || !tiers->array()) return;
    for (const Value& tier : *tiers->array()) {
      const Value* word = tier.find("severity");
      if (!word || !word->string()) continue;
      auto severity = model::parse_severity(*word->string());
      if (severity) continue;
      failed_ = true;
      error_at(found_, word->place, where_ + " tiers: " + severity.error().message());
    }
  }

  void signal() {
    rule_.signal_text = text_of(host_, "signal");
    if (!rule_.signal_text.empty()) {
      auto selector = model::Selector::parse(rule_.signal_text);
      if (selector)
        rule_.signal = std::move(*selector);
      else
        error("signal", selector.error().message());
    }
    selectors("signals");
    if (const Value* divide_by = table_.find("divide_by"); divide_by && divide_by->string()) {
      auto selector = model::Selector::parse(*divide_by->string());
      if (!selector) error("divide_by", selector.error().message());
    }
  }

  void selectors(std::string_view key) {
    const Value* named = host_.find(key);
    if (!named || !named->table()) return;
    for (const Value::Member& member : *named->table()) {
      auto selector = model::Selector::parse(*member.value.string());
      if (!selector) error(key, member.key + ": " + selector.error().message());
    }
  }

  void window() {
    if (std::string text = text_of(host_, "aggregate"); !text.empty()) {
      auto aggregate = model::parse_aggregate(text);
      if (aggregate)
        rule_.aggregate = *aggregate;
      else
        error("aggregate", aggregate.error().message());
    }
    const Value* over = host_.find("over");
    if (!over) return needs_window();
    if (over->string() && *over->string() == "today") return today();
    if (!over->string() && !(over->integer() && *over->integer() == 0)) {
      return error("over", "expected a duration such as \"5m\", got " + std::string(over->type_name()));
    }
    auto parsed = base::parse_duration(over->string() ? *over->string() : "0");
    if (!parsed)
      error("over", "expected a duration such as \"5m\", got \"" + *over->string() + "\"");
    else
      rule_.over = *parsed;
  }

  void today() {
    const bool takes_it =
        type_ && std::ranges::find(type_->rule_options, "over", &Option::key) != type_->rule_options.end();
    if (type_ && !takes_it)
      error("over", "\"today\" is for detectors with calendar windows; " + rule_.detector +
                        " takes a duration such as \"24h\"");
  }

  void needs_window() {
    using enum model::Aggregate;
    static const std::set<model::Aggregate> windowed = {count, rate, delta, stddev, p50, p90, p95, p99};
    if (type_ && windowed.contains(rule_.aggregate)) {
      error("aggregate",
            std::string(model::to_string(rule_.aggregate)) + " needs a window: give `over`, such as \"5m\"");
    }
  }

  void timing() {
    rule_.for_ = duration_of(host_, "for");
    rule_.keep_firing_for = duration_of(host_, "keep_firing_for");
    if (host_.find("cooldown")) rule_.cooldown = duration_of(host_, "cooldown");
    rule_.every = duration_of(host_, "every");
    const std::string op = upper(text_of(table_, "op"));
    const char* usual = op == "ABSENT" ? "alert" : host_.find("query") ? "ok" : "keep";
    const std::string no_data = text_of(host_, "no_data", usual);
    rule_.no_data = no_data == "alert" ? model::NoData::alert
                    : no_data == "ok"  ? model::NoData::ok
                                       : model::NoData::keep;
    static const std::set<std::string> downwards = {"ABSENT", "<", "<=", "==", "LT", "LTE", "EQ"};
    rule_.also_timed = downwards.contains(op) || rule_.no_data == model::NoData::alert;
    if (host_.find("query")) return question();
    if (text_of(host_, "scope") == "fleet") {
      rule_.fleet = true;
      warn("scope", "fleets are not available in this version; the rule sees this agent's signals");
    }
    if (host_.find("unless"))
      warn("unless", "is not available in this version; the rule is not held back by other signals");
  }

  /// A rule that asks: one agent of the fleet does, and judges what is answered.
  void question() {
    const Value& query = *host_.find("query");
    rule_.query_source = text_of(query, "source");
    Value::Table keys;
    if (query.table()) {
      for (const Value::Member& member : *query.table())
        if (member.key != "source" && member.key != "timeout") keys.push_back(member);
    }
    rule_.query = Value(std::move(keys));
    rule_.query.place = query.place;
    rule_.by_all = rule_.by.empty();
    rule_.fleet = true;
    rule_.also_timed = false;
    if (rule_.every.count() == 0) rule_.every = std::chrono::seconds(60);
    for (const char* key : {"signal", "signals", "aggregate", "over", "divide_by", "min_count", "unless"}) {
      if (table_.find(key))
        error(key, "cannot stand beside `query`: the answer's numbers are judged, so it belongs into the query");
    }
    if (text_of(host_, "scope") == "agent")
      error("scope", "a rule with `query` is asked by one agent of the fleet; take `scope` out");
  }

  static std::string upper(std::string text) {
    for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    return text;
  }

  /// Without `by`, what the selector fixes is known all the same: `{{loader}}` of `etl.run{loader="X"}` is X.
  std::string fixed(std::string_view text) const {
    return model::expand(text, [&](std::string_view name) -> std::optional<std::string> {
      if (std::ranges::find(rule_.by, name) != rule_.by.end() || rule_.labels.has(name)) return std::nullopt;
      for (const model::Matcher& matcher : rule_.signal.matchers()) {
        if (matcher.op() == model::MatchOp::equal && matcher.label() == name) return matcher.value();
      }
      return std::nullopt;
    });
  }

  void texts() {
    rule_.message = template_of("message");
    rule_.suggestion = template_of("suggestion");
    rule_.runbook_url = template_of("runbook_url");
    const Value* links = host_.find("links");
    if (!links) return;
    for (const Value& link : *links->array()) {
      rule_.links.push_back({fixed(text_of(link, "text")), fixed(text_of(link, "href"))});
      unknown_names("links", rule_.links.back().text + rule_.links.back().href);
    }
  }

  std::string template_of(std::string_view key) {
    std::string text = fixed(text_of(host_, key));
    unknown_names(key, text);
    return text;
  }

  /// `{{x}}` that is no label would be sent as it stands. Scripts and other detectors know names of their own.
  void unknown_names(std::string_view key, const std::string& text) {
    if (rule_.detector != "threshold" || rule_.by_all) return;
    std::vector<std::string> known = {"value", "threshold", "alertname", "severity", "category"};
    known.insert(known.end(), rule_.by.begin(), rule_.by.end());
    for (const auto& [name, value] : rule_.labels) known.push_back(name);
    model::expand(text, [&](std::string_view name) -> std::optional<std::string> {
      if (std::ranges::find(known, name) == known.end()) {
        warn(key, "{{" + std::string(name) + "}} is no label of its alerts" + config::did_you_mean(name, known) +
                      " (labels come from `by` and `labels`)");
      }
      return std::nullopt;
    });
  }

  void what_is_missing() {
    if (!table_.find("severity") && !table_.find("tiers")) {
      complain("needs \"severity\": one of CRITICAL, HIGH, MEDIUM, LOW, or `tiers` with one each");
    }
    if (rule_.signal_text.empty() && !host_.find("signals") && !host_.find("signal") && !host_.find("query")) {
      complain("needs \"signal\": a selector such as host.memory.used_percent, or `query`");
    }
    if (rule_.signal_text.empty() && host_.find("signal")) error("signal", "must not be empty");
    if (rule_.detector == "threshold" && !failed_) comparison();
  }

  /// The default detector's one cross-check that declared options cannot say, so that `check` finds it with its place.
  void comparison() {
    const std::string op = text_of(table_, "op");
    if (op.empty()) return complain("needs \"op\": one of > >= < <= == != EXISTS ABSENT");
    const bool compares = op != "EXISTS" && op != "ABSENT";
    if (compares && !table_.find("threshold") && !table_.find("tiers")) {
      complain("needs \"threshold\": the number that " + op + " compares with, or `tiers`");
    }
  }

  void complain(const std::string& what) {
    failed_ = true;
    error_at(found_, table_.place, where_ + " " + what);
  }

  Value table_, host_;
  const RuleOrigin& origin_;
  const FindDetector& find_;
  Diagnostics& diagnostics_;
  Diagnostics found_;
  std::string where_;
  const model::PluginType* type_ = nullptr;
  Rule rule_;
  bool failed_ = false;
};

}  // namespace

std::optional<Rule> rule_from_table(const Value& table, const RuleOrigin& origin, const FindDetector& find,
                                    Diagnostics& diagnostics) {
  if (!table.table()) {
    error_at(diagnostics, table.place.file ? table.place : origin.place,
             "[[rule]] expected a table, got " + std::string(table.type_name()));
    return std::nullopt;
  }
  Value copy = table;
  if (origin.place.file) place_all(copy, origin.place);
  return Builder(std::move(copy), origin, find, diagnostics).build();
}

}  // namespace tocsin::settings
