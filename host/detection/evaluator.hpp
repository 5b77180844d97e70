// What detection needs from a detector. Declared here, the consumer; plugin_host's sessions are adapted to it in app.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "model/rule.hpp"
#include "tocsin/abi.h"

namespace tocsin::detection {

/// One detector instance for one shard. Calls come one at a time.
class Evaluator {
 public:
  virtual ~Evaluator() = default;
  /// Checks the rule and declares its inputs. The program is given back with every evaluate().
  virtual base::Result<void*> compile(const model::Rule& rule, const tsn_inputs& inputs) = 0;
  virtual void release(void* program) = 0;
  virtual base::Result<void> evaluate(void* program, const tsn_rows& rows, tsn_verdicts& verdicts) = 0;
};

/// Who judges by evaluators: a newer version of a detector takes the place of the running one there.
class Exchangeable {
 public:
  virtual ~Exchangeable() = default;
  /// Lets `to` judge whatever `from` judges, every rule of it; or none, if one does not compile there. Windows, alerts
  /// and timers stay: nothing fires again, no `for` begins anew. `from` has no program left afterwards, or `to` has
  /// none.
  virtual base::Result<void> exchange(Evaluator& from, Evaluator& to) = 0;
};

/// The evaluator of a detector ("threshold") for this shard.
using FindEvaluator = std::function<base::Result<Evaluator*>(const std::string& detector)>;

}  // namespace tocsin::detection
