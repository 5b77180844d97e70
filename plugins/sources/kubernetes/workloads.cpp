// Jobs and deployments. Field names: Kubernetes API reference, batch/v1 and apps/v1.
#include <algorithm>

#include "facts.hpp"

namespace tocsin_plugins::kube {
namespace {

/// The condition of that type, if it is "True".
bool condition(const Json& from, std::string_view type, std::string_view status, Json& out) {
  bool found = false;
  for_each(from, {"status", "conditions"}, [&](const Json& each) {
    if (found || text_at(each, {"type"}) != type || text_at(each, {"status"}) != status) return;
    out = each;
    found = true;
  });
  return found;
}

std::string cron_job_of(const Json& from) {
  std::string name;
  for_each(from, {"metadata", "ownerReferences"}, [&](const Json& owner) {
    if (text_at(owner, {"kind"}) == "CronJob") name = text_at(owner, {"name"});
  });
  return name;
}

}  // namespace

void job_facts(const Json& from, const Labels& own, Object& out) {
  Labels job = own;
  job.emplace_back("cronjob", cron_job_of(from));
  std::string status = "Pending", reason, text;
  Json why;
  const auto begun = time_at(from, {"status", "startTime"});
  auto ended = time_at(from, {"status", "completionTime"});
  if (condition(from, "Failed", "True", why)) {
    status = "Failed";
    if (ended == 0) ended = time_at(why, {"lastTransitionTime"});
  } else if (condition(from, "Complete", "True", why)) {
    status = "Complete";
    if (ended == 0) ended = time_at(why, {"lastTransitionTime"});
  } else if (condition(from, "Suspended", "True", why)) {
    status = "Suspended";
  } else if (number_at(from, {"status", "active"}) > 0) {
    status = "Running";
  }
  const bool over = status == "Failed" || status == "Complete";
  if (over || status == "Suspended") reason = text_at(why, {"reason"}), text = text_at(why, {"message"}, 4096);
  Labels labels = job;
  labels.emplace_back("status", status);
  labels.emplace_back("reason", reason);
  out.facts.push_back({"kubernetes.job.status", std::move(labels), 1, std::move(text)});
  out.facts.push_back({"kubernetes.job.failed_pods", job, number_at(from, {"status", "failed"})});
  if (begun && over && ended >= begun)
    out.facts.push_back({"kubernetes.job.duration", job, static_cast<double>(ended - begun) / 1e9});
  else if (begun && !over && status != "Suspended")
    out.facts.push_back({"kubernetes.job.duration", job, 0, {}, begun});
}

void deployment_facts(const Json& from, const Labels& own, Object& out) {
  out.facts.push_back({"kubernetes.deployment.desired", own, number_at(from, {"spec", "replicas"}, 1)});
  out.facts.push_back({"kubernetes.deployment.available", own, number_at(from, {"status", "availableReplicas"})});
  out.facts.push_back({"kubernetes.deployment.unavailable", own, number_at(from, {"status", "unavailableReplicas"})});
  Json why;
  if (condition(from, "Progressing", "False", why)) {
    Labels labels = own;
    labels.emplace_back("reason", text_at(why, {"reason"}));
    out.facts.push_back({"kubernetes.deployment.stalled", std::move(labels), 1, text_at(why, {"message"}, 4096)});
  }
}

}  // namespace tocsin_plugins::kube
