// Pods, nodes and events. Field names: Kubernetes API reference, core/v1.
#include "facts.hpp"

#include <algorithm>

#include "timestamp/timestamp.hpp"

namespace tocsin_plugins::kube {
namespace {

constexpr std::size_t longest_text = 4096;

Labels with(const Labels& own, std::initializer_list<std::pair<std::string_view, std::string>> more) {
  Labels made = own;
  made.insert(made.end(), more.begin(), more.end());
  return made;
}

void container_facts(const Json& status, const Labels& pod, Object& out) {
  const auto name = text_at(status, {"name"});
  if (name.empty()) return;
  const auto own = with(pod, {{"container", name}});
  out.facts.push_back({"kubernetes.container.restarts", own, number_at(status, {"restartCount"})});
  Json waiting, ended;
  if (find(status, {"state", "waiting"}, waiting))
    out.facts.push_back({"kubernetes.container.waiting", with(own, {{"reason", text_at(waiting, {"reason"})}}), 1,
                         text_at(waiting, {"message"}, longest_text)});
  if (find(status, {"state", "terminated"}, ended) || find(status, {"lastState", "terminated"}, ended))
    out.facts.push_back({"kubernetes.container.terminated", with(own, {{"reason", text_at(ended, {"reason"})}}),
                         number_at(ended, {"exitCode"}), text_at(ended, {"message"}, longest_text)});
}

}  // namespace

tsn::Time time_at(const Json& from, Path path) {
  return parse_rfc3339(text_at(from, path)).value_or(0);
}

std::string reason_and_message(const Json& from) {
  auto made = text_at(from, {"reason"});
  const auto message = text_at(from, {"message"}, longest_text);
  if (!made.empty() && !message.empty()) made += ": ";
  return made += message;
}

bool read_object(Kind kind, const Json& from, Object& out) {
  out = Object{};
  const auto name = text_at(from, {"metadata", "name"});
  const auto space = text_at(from, {"metadata", "namespace"});
  out.version = text_at(from, {"metadata", "resourceVersion"});
  if (name.empty()) return false;
  out.key = space.empty() ? name : space + "/" + name;
  switch (kind) {
    case Kind::pods:
      pod_facts(from, {{"namespace", space}, {"pod", name}, {"node", text_at(from, {"spec", "nodeName"})}}, out);
      return true;
    case Kind::events:
      if (auto uid = text_at(from, {"metadata", "uid"}); !uid.empty()) out.key = std::move(uid);
      event_fact(from, out);
      return true;
    case Kind::nodes:
      node_facts(from, {{"node", name}}, out);
      return true;
    case Kind::jobs:
      job_facts(from, {{"namespace", space}, {"job", name}}, out);
      return true;
    case Kind::deployments:
      deployment_facts(from, {{"namespace", space}, {"deployment", name}}, out);
      return true;
  }
  return false;
}

void pod_facts(const Json& from, const Labels& own, Object& out) {
  auto phase = text_at(from, {"status", "phase"});
  if (phase.empty()) phase = "Unknown";
  const bool over = phase == "Succeeded" || phase == "Failed";
  Json status;
  if (!find(from, {"status"}, status)) status = from;
  out.facts.push_back({"kubernetes.pod.phase", with(own, {{"phase", phase}, {"reason", text_at(status, {"reason"})}}),
                       1, text_at(status, {"message"}, longest_text)});
  for_each(status, {"conditions"}, [&](const Json& condition) {
    const auto type = text_at(condition, {"type"});
    const bool holds = text_at(condition, {"status"}) == "True";
    // A pod that is over is not ready, and nobody waits for it.
    if (type == "Ready" && !over) out.facts.push_back({"kubernetes.pod.ready", own, holds ? 1.0 : 0.0});
    if (type == "PodScheduled" && !holds && text_at(condition, {"reason"}) == "Unschedulable")
      out.facts.push_back({"kubernetes.pod.unschedulable", own, 1, text_at(condition, {"message"}, longest_text)});
  });
  for (const auto list : {"initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"})
    for_each(status, {list}, [&](const Json& container) { container_facts(container, own, out); });
}

void node_facts(const Json& from, const Labels& own, Object& out) {
  Json flag;
  bool closed = false;
  const bool told = find(from, {"spec", "unschedulable"}, flag) && flag.get(closed) == simdjson::SUCCESS;
  out.facts.push_back({"kubernetes.node.unschedulable", own, told && closed ? 1.0 : 0.0});
  for_each(from, {"status", "conditions"}, [&](const Json& condition) {
    const auto type = text_at(condition, {"type"});
    if (!type.empty())
      out.facts.push_back({"kubernetes.node.condition",
                           with(own, {{"condition", type}, {"status", text_at(condition, {"status"})}}), 1,
                           reason_and_message(condition)});
  });
}

void event_fact(const Json& from, Object& out) {
  const auto type = text_at(from, {"type"});
  out.warning = type == "Warning";
  auto space = text_at(from, {"involvedObject", "namespace"});
  if (space.empty() && text_at(from, {"involvedObject", "kind"}) != "Node")
    space = text_at(from, {"metadata", "namespace"});
  // "spec.containers{app}"
  auto container = text_at(from, {"involvedObject", "fieldPath"});
  const auto open = container.find('{'), close = container.rfind('}');
  container = open == container.npos || close == container.npos || close < open
                  ? std::string()
                  : container.substr(open + 1, close - open - 1);
  out.facts.push_back({"kubernetes.event",
                       {{"namespace", space},
                        {"kind", text_at(from, {"involvedObject", "kind"})},
                        {"name", text_at(from, {"involvedObject", "name"})},
                        {"container", container},
                        {"type", type},
                        {"reason", text_at(from, {"reason"})}},
                       1,
                       text_at(from, {"message"}, longest_text)});
  const double count = std::max({1.0, number_at(from, {"count"}), number_at(from, {"series", "count"})});
  out.count = static_cast<std::uint64_t>(std::min(count, 1e15));
  out.at = std::max({time_at(from, {"series", "lastObservedTime"}), time_at(from, {"lastTimestamp"}),
                     time_at(from, {"eventTime"}), time_at(from, {"firstTimestamp"})});
  if (out.at == 0) out.at = time_at(from, {"metadata", "creationTimestamp"});
}

}  // namespace tocsin_plugins::kube
