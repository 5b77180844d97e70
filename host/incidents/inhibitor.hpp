// Inhibition: while a source alert fires, alerts that match the target side and have the same `equal` labels are not
// told of. Alertmanager's rules: a missing label equals an empty one, and an alert that matches both sides is not
// inhibited by another that also does.
//
// Firing sources are kept by rule and by the values of its equal labels, and rules are found by a label value that
// their matchers demand, so that a question costs a few look-ups however many alerts fire (asked for all of 13 000
// alerts at once by GET /alerts). Rejected: walking a rule's sources for each question, as Alertmanager does.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "incidents/tree.hpp"
#include "model/alert.hpp"
#include "model/routing.hpp"

namespace tocsin::incidents {

/// What inhibits an alert.
struct Inhibition {
  std::uint64_t source = 0;  ///< fingerprint of the firing alert
  std::string title;         ///< its title
  std::string rule;          ///< the inhibition rule's name
};

class Inhibitor {
 public:
  /// `routing` must outlive it and stay as it is.
  explicit Inhibitor(const model::Routing& routing);

  bool idle() const { return rules_.empty(); }
  /// What became of an alert. True: a source is gone, so that somebody may be told from now on.
  bool put(const model::Alert& alert);
  /// The first rule, in the order of the configuration, by which the alert is inhibited.
  std::optional<Inhibition> of(const model::Alert& alert) const;

 private:
  /// Rules by one `=` matcher of a side; those without one are asked in any case.
  class Index {
   public:
    void add(const model::Matchers& matchers, std::size_t rule);
    /// The rules that may match, ascending.
    std::vector<std::size_t> find(const model::Labels& seen) const;

   private:
    std::map<std::string, std::map<std::string, std::vector<std::size_t>>, std::less<>> by_value_;
    std::vector<std::size_t> others_;
  };
  /// Firing sources with the same values; `both`: they match the target side too.
  struct Sources {
    std::set<std::uint64_t> only, both;
    bool empty() const { return only.empty() && both.empty(); }
  };
  struct Rule {
    const model::InhibitRule* rule;
    std::string name;
    std::unordered_map<std::string, Sources> sources;  ///< by the values of its equal labels
  };
  struct Known {
    std::string id, title;
    base::Time active_at{};
    std::vector<std::pair<std::size_t, std::string>> places;  ///< rule and values
  };

  bool remove(std::uint64_t fingerprint);
  std::optional<std::uint64_t> source_for(const Rule& rule, const model::Alert& alert, const model::Labels& seen) const;

  const model::Routing& routing_;
  std::vector<Rule> rules_;
  Index by_source_, by_target_;
  std::unordered_map<std::uint64_t, Known> known_;            ///< firing sources, by fingerprint
  std::unordered_map<std::string, std::uint64_t> known_ids_;  ///< alert id → fingerprint
};

}  // namespace tocsin::incidents
