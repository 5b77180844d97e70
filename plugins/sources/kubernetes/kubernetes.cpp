#include <memory>

#include "settings.hpp"
#include "tocsin/plugin.hpp"
#include "watcher.hpp"

namespace tocsin_plugins {

/// A thread watches and tells what changes when it changes; poll() tells again what holds, so that rules that look back
/// see it, and says what does not work.
class Kubernetes {
 public:
  static constexpr auto id = "kubernetes", version = "1.0.0",
                        doc = "Pods, containers, events, nodes, volumes, jobs and deployments of a Kubernetes cluster";
  static constexpr const char* needs[] = {"network", "files:/var/run/secrets/kubernetes.io/serviceaccount"};
  static constexpr tsn::Option options[] = {
      {.key = "url", .doc = "The API server, as https://10.0.0.1:6443; default: the cluster whose pod this is"},
      {.key = "kubeconfig", .doc = "File with server, CA, and token or certificate; in place of url"},
      {.key = "context", .doc = "Of the kubeconfig; default: its current-context"},
      {.key = "token", .flags = tsn::secret, .doc = "Bearer token; default: the service account's"},
      {.key = "token_file", .doc = "File with the token, read again for each request, as tokens are replaced"},
      {.key = "insecure_token",
       .type = tsn::boolean,
       .fallback = "false",
       .doc = "Sends the token over http:// too, as to a proxy on this machine"},
      {.key = "ca_file", .doc = "PEM file with the cluster's CA; default: the service account's, else the system's"},
      {.key = "cert_file", .doc = "PEM file with the client's certificate"},
      {.key = "key_file", .doc = "PEM file with its key"},
      {.key = "watch",
       .type = tsn::array,
       .fallback = "[]",
       .doc = "Some of pods, events, nodes, volumes, jobs, deployments; default: all, with node the first, third and "
              "fourth"},
      {.key = "namespaces",
       .type = tsn::array,
       .fallback = "[]",
       .doc = "Only these, at most 64; \".\" is the one of the service account or context; default: all"},
      {.key = "node",
       .doc = "Only this node and its pods, for a DaemonSet: \"env:NODE_NAME\" takes it from the environment"},
      {.key = "label_selector", .doc = "Which pods, jobs and deployments, as \"app=shop,tier!=cache\""},
      {.key = "field_selector", .doc = "Which pods, as \"status.phase!=Succeeded\""},
      {.key = "events",
       .fallback = "\"warning\"",
       .choices = "warning|all",
       .doc = "Only events of type Warning, or the Normal ones too"},
      {.key = "every",
       .type = tsn::duration,
       .fallback = "\"30s\"",
       .min = "\"1s\"",
       .doc = "How often what holds is told again, and kubelets are asked for their volumes"},
      {.key = "max_object",
       .type = tsn::size,
       .fallback = "\"1MiB\"",
       .min = "\"16KiB\"",
       .max = "\"16MiB\"",
       .doc = "A larger object of a watch is passed over"},
      {.key = "proxy_url", .doc = "Proxy for outgoing calls; default: [http] proxy_url"},
      {.key = "no_proxy", .type = tsn::array, .doc = "Hosts reached without the proxy"},
  };
  static constexpr tsn::Signal signals[] = {
      {.name = "kubernetes.pod.phase",
       .unit = "1",
       .labels = "namespace,pod,node,phase,reason",
       .doc = "1 for the phase that a pod is in: Pending, Running, Succeeded, Failed, Unknown"},
      {.name = "kubernetes.pod.ready", .unit = "1", .labels = "namespace,pod,node", .doc = "1: ready; 0: not"},
      {.name = "kubernetes.pod.unschedulable",
       .unit = "1",
       .labels = "namespace,pod,node",
       .doc = "1 while no node has room for it; the text says why"},
      {.name = "kubernetes.container.restarts",
       .unit = "1",
       .labels = "namespace,pod,node,container",
       .doc = "How often it was started again; a counter"},
      {.name = "kubernetes.container.waiting",
       .unit = "1",
       .labels = "namespace,pod,node,container,reason",
       .doc = "1 while it waits: CrashLoopBackOff, ImagePullBackOff, ContainerCreating"},
      {.name = "kubernetes.container.terminated",
       .unit = "1",
       .labels = "namespace,pod,node,container,reason",
       .doc = "Exit code of its last end: OOMKilled, Error, Completed"},
      {.name = "kubernetes.event",
       .unit = "1",
       .labels = "namespace,kind,name,container,type,reason",
       .doc = "How often it happened since it was last told; the text is the message"},
      {.name = "kubernetes.node.condition",
       .unit = "1",
       .labels = "node,condition,status",
       .doc = "1 for the status (True, False, Unknown) that a condition has"},
      {.name = "kubernetes.node.unschedulable", .unit = "1", .labels = "node", .doc = "1: cordoned; 0: not"},
      {.name = "kubernetes.pvc.used_percent", .unit = "%", .labels = "namespace,pvc", .doc = "How full a claim is"},
      {.name = "kubernetes.pvc.used_bytes", .unit = "By", .labels = "namespace,pvc", .doc = "Used of a claim"},
      {.name = "kubernetes.pvc.capacity_bytes", .unit = "By", .labels = "namespace,pvc", .doc = "Size of a claim"},
      {.name = "kubernetes.pvc.inodes_used_percent",
       .unit = "%",
       .labels = "namespace,pvc",
       .doc = "Used share of its inodes"},
      {.name = "kubernetes.job.status",
       .unit = "1",
       .labels = "namespace,job,cronjob,status,reason",
       .doc = "1 for the status that a job has: Pending, Running, Suspended, Complete, Failed"},
      {.name = "kubernetes.job.failed_pods",
       .unit = "1",
       .labels = "namespace,job,cronjob",
       .doc = "Pods of it that failed"},
      {.name = "kubernetes.job.duration",
       .unit = "s",
       .labels = "namespace,job,cronjob",
       .doc = "How long it took, or has been running"},
      {.name = "kubernetes.deployment.desired",
       .unit = "1",
       .labels = "namespace,deployment",
       .doc = "Replicas it should have"},
      {.name = "kubernetes.deployment.available",
       .unit = "1",
       .labels = "namespace,deployment",
       .doc = "Replicas that are available"},
      {.name = "kubernetes.deployment.unavailable",
       .unit = "1",
       .labels = "namespace,deployment",
       .doc = "Replicas that are missing"},
      {.name = "kubernetes.deployment.stalled",
       .unit = "1",
       .labels = "namespace,deployment,reason",
       .doc = "1 while a roll-out does not get on"},
  };

  Kubernetes() : settings_(kube::read_settings(ctx_.config())), watcher_(ctx_, settings_) {}

  void start(std::string_view cursor) {
    if (!ctx_.replay()) watcher_.start(cursor);
  }
  void stop() { watcher_.stop(); }

  tsn::Status poll(tsn::Batch& out, tsn::Deadline) {
    if (ctx_.replay()) return tsn::end;  // what a cluster says now says nothing about then
    return watcher_.poll(out);
  }

  void probe(std::string& report, tsn::Deadline deadline) { watcher_.look(report, deadline); }

 private:
  tsn::Context ctx_;
  const kube::Settings settings_;
  kube::Watcher watcher_;
};

}  // namespace tocsin_plugins

using tocsin_plugins::Kubernetes;
TOCSIN_PLUGIN(Kubernetes)
