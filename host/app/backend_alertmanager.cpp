// Alertmanager's API, answered by the desk: alerts in are one decision each message, questions are asked on its strand.
#include "app/alertmanager_yaml.hpp"
#include "app/backend.hpp"
#include "app/version.hpp"

namespace tocsin::app {
namespace {

/// Asks the desk for a value. It is shared, because the question may be asked after the asker has given up.
template <class T>
base::Result<T> ask(pipeline::Pipeline& pipeline, std::function<T(const incidents::Desk&, base::Time)> question) {
  auto answer = std::make_shared<T>();
  TRY_VOID(pipeline.ask([answer, question = std::move(question)](const incidents::Desk& desk, base::Time now) {
    *answer = question(desk, now);
  }));
  return std::move(*answer);
}

}  // namespace

std::string Backend::alertmanager_off() {
  if (parts_.alertmanager && parts_.alertmanager()) return {};
  return api::Backend::alertmanager_off();
}

api::AlertmanagerStatus Backend::alertmanager_status() {
  api::AlertmanagerStatus status;
  status.version = tocsin_version;
  status.started = started_;
  status.cluster = "ready";
  const Cluster& cluster = parts_.cluster;
  status.name = cluster.name.empty() ? parts_.name : cluster.name;
  for (const std::string& peer : cluster.peers) status.peers.emplace_back(peer, peer);
  if (status.peers.empty()) status.peers = {{status.name, parts_.address}};
  return status;
}

std::string Backend::alertmanager_config() {
  std::string shown = parts_.shown ? parts_.shown() : std::string();
  return shown.empty() ? alertmanager_yaml(parts_.routing()) : shown;
}

base::Result<void> Backend::receive(std::vector<model::ReceivedAlert> alerts) {
  const auto source = parts_.alertmanager ? parts_.alertmanager() : std::nullopt;
  if (source) {
    for (model::ReceivedAlert& alert : alerts) alert.labels.add_missing(source->labels);
  }
  const base::Time at = now();
  double ended = 0;
  for (const model::ReceivedAlert& alert : alerts) ended += alert.ends_at != base::no_time && alert.ends_at <= at;
  const auto count = [&](const char* status, double of) {
    parts_.metrics
        ->counter("tocsin_alerts_received_total", "Alerts that came in through Alertmanager's API",
                  {{"status", status}})
        .add(of);
  };
  count("firing", static_cast<double>(alerts.size()) - ended);
  count("resolved", ended);
  auto shared = std::make_shared<std::vector<model::ReceivedAlert>>(std::move(alerts));
  return parts_.pipeline->decide(
      [shared](incidents::Desk& desk, base::Time when) { return desk.on_received(std::move(*shared), when); });
}

base::Result<std::vector<model::AlertView>> Backend::active_alerts(const model::AlertFilter& filter) {
  return ask<std::vector<model::AlertView>>(
      *parts_.pipeline, [filter](const incidents::Desk& desk, base::Time at) { return desk.alerts(filter, at); });
}

base::Result<std::vector<model::AlertGroupView>> Backend::alert_groups(const model::AlertFilter& filter) {
  return ask<std::vector<model::AlertGroupView>>(
      *parts_.pipeline, [filter](const incidents::Desk& desk, base::Time at) { return desk.alert_groups(filter, at); });
}

base::Result<std::vector<std::string>> Backend::receivers() {
  return ask<std::vector<std::string>>(*parts_.pipeline,
                                       [](const incidents::Desk& desk, base::Time) { return desk.receivers(); });
}

}  // namespace tocsin::app
