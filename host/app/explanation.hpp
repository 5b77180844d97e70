// From what is known to one answer: who was or was not told, why, what to do. Pure: what it needs is in Facts.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "api/backend.hpp"
#include "incidents/desk.hpp"
#include "model/changes.hpp"

namespace tocsin::app {

/// What was found for a question, in the span or about what was alive in it.
struct Facts {
  base::Time now{};
  std::vector<model::Alert> alerts;        ///< that the question means
  std::vector<model::Verdict> verdicts;    ///< about them, oldest first; also from before the span
  std::vector<model::Attempt> retrying;    ///< of their messages: not arrived, tried again
  std::vector<model::Alert> sources_down;  ///< SourceDown alerts that were firing in the span
  std::vector<api::RuleInfo> rules;        ///< that the question means
  std::vector<incidents::Due> next;
  std::map<std::string, std::uint64_t> numbers;  ///< of incidents, by correlation id
  /// Whether a verdict concerns the person the question names; empty: it names nobody.
  std::function<bool(const model::Verdict&)> concerns;
  bool more = false;
};

/// `query.from` and `query.to` are set.
api::Explanation explain(const api::ExplainQuery& query, const Facts& facts);

}  // namespace tocsin::app
