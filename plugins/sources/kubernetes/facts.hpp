// What an object of the API says, as signals: read from its JSON, compared and told by Book.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kubernetes_api/json.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins::kube {

enum class Kind { pods, events, nodes, jobs, deployments };

using Labels = std::vector<std::pair<std::string_view, std::string>>;  ///< an empty value: the label is left out

/// One signal that holds until the object says otherwise.
struct Fact {
  std::string_view name = {};
  Labels labels = {};
  double value = 0;
  std::string text = {};
  tsn::Time since = 0;  ///< not 0: the value is the seconds from then to the row's time

  bool same_series(const Fact& other) const { return name == other.name && labels == other.labels; }
  bool same_value(const Fact& other) const {
    return value == other.value && text == other.text && since == other.since;
  }
};

struct Object {
  std::string key;  ///< "namespace/name", or the name where there is none; of events the uid
  std::string version;
  std::vector<Fact> facts;
  // --- events ---
  std::uint64_t count = 1;
  tsn::Time at = 0;  ///< when it last happened; 0: it says nothing
  bool warning = false;
};

/// Reads one object. False: it has no name, or is no object.
bool read_object(Kind kind, const Json& from, Object& out);

void pod_facts(const Json& from, const Labels& own, Object& out);
void node_facts(const Json& from, const Labels& own, Object& out);
void job_facts(const Json& from, const Labels& own, Object& out);
void deployment_facts(const Json& from, const Labels& own, Object& out);
void event_fact(const Json& from, Object& out);

tsn::Time time_at(const Json& from, Path path);  ///< 0: none
/// "reason: message", or the one that is there.
std::string reason_and_message(const Json& from);

}  // namespace tocsin_plugins::kube
