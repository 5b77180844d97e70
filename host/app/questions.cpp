#include "app/questions.hpp"

#include <chrono>

#include "base/text.hpp"
#include "settings/rules.hpp"

namespace tocsin::app {

using base::fail;
using base::Fault;
using base::Result;

Result<model::RuleAnswer> Questions::timed(const std::string& source,
                                           const std::function<Result<model::RuleAnswer>()>& ask) const {
  const auto begin = std::chrono::steady_clock::now();
  auto answer = ask();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  parts_.metrics->histogram("tocsin_query_seconds", "Time of questions that rules asked", {{"source", source}})
      .observe(seconds);
  if (!answer) {
    parts_.metrics
        ->counter("tocsin_query_failures_total", "Questions of rules that had no answer", {{"source", source}})
        .add();
  }
  return answer;
}

Result<model::RuleAnswer> Questions::ask(const std::string& source, const base::Value& question,
                                         base::Duration timeout) {
  auto instance = parts_.instance("source." + source);
  if (instance) {
    const base::Time now = parts_.clock->now();
    return timed(source, [&] { return instance->query(question, most_rows, now, now + timeout); });
  }
  if (source != settings::Answerers::store) return fail(Fault::unavailable, "source." + source + " is not running");
  const base::Value* sql = question.find("sql");
  if (!sql || !sql->string()) return fail(Fault::invalid, "a query to the store needs `sql`");
  return timed(source, [&] { return parts_.store->rule_queries().ask(*sql->string(), timeout, most_rows); });
}

std::string Questions::plugin_of(const std::string& query_type) {
  std::string plugin = query_type == "SQL" ? "" : query_type;
  for (char& c : plugin) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return plugin;
}

std::string Questions::missing(const std::string& query_type) const {
  const std::string plugin = plugin_of(query_type);
  if (plugin.empty() || !parts_.source_of(plugin).empty()) return {};
  return "waits for a source that answers " + query_type + " queries; configure one with plugin = \"" + plugin + "\"";
}

Result<model::RuleAnswer> Questions::ask(const model::RuleRow& row, base::Duration timeout) {
  const std::string plugin = plugin_of(row.query_type);
  if (plugin.empty())
    return timed(settings::Answerers::store,
                 [&] { return parts_.store->rule_queries().ask(row.query, timeout, most_rows); });
  const std::string source = parts_.source_of(plugin);
  auto instance = source.empty() ? nullptr : parts_.instance("source." + source);
  if (!instance) return fail(Fault::unavailable, missing(row.query_type));
  const auto& options = instance->type().query_options;
  base::Value question;
  if (!options.empty()) question.set(options.front().key, row.query);
  config::Diagnostics found;
  question = settings::Answerers::checked(question, instance->type(), "metric_query", found);
  if (config::has_errors(found)) return fail(Fault::invalid, found.front().message);
  return ask(source, question, timeout);
}

}  // namespace tocsin::app
