// Jira as a tracker: one issue per incident, kept in step both ways.
#include "inward.hpp"
#include "outgoing.hpp"
#include "probe.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

using namespace jira;

class Jira {
 public:
  static constexpr auto id = "jira", version = "1.0.0", doc = "One Jira issue per incident, on Cloud or Data Center";
  static constexpr tsn::Option options[] = {
      {.key = "api_url", .flags = tsn::required, .doc = "Jira's address, such as https://corp.atlassian.net"},
      {.key = "api_type",
       .fallback = "\"cloud\"",
       .choices = "cloud|datacenter",
       .doc = "cloud: REST v3; datacenter: REST v2, Server too"},
      {.key = "username", .doc = "User of the token; empty: the token alone as Bearer, as a Data Center PAT wants it"},
      {.key = "token", .flags = tsn::required | tsn::secret, .doc = "API token, password or personal access token"},
      {.key = "project", .flags = tsn::required, .doc = "Key of the project that takes the issues"},
      {.key = "issue_type", .fallback = "\"Task\"", .doc = "Name of the issue type"},
      {.key = "priority", .type = tsn::table, .doc = "Severity to the name of a Jira priority; none: Jira's default"},
      {.key = "extra_labels",
       .type = tsn::array,
       .doc = "Labels beside auto-detected, etl-monitoring, the category and tocsin-ID"},
      {.key = "resolve_transition",
       .doc = "Transition, or status it leads to, when the incident is resolved; empty: leave it"},
      {.key = "reopen_transition", .doc = "The same when the incident is reopened; empty: leave it"},
      {.key = "reopen_duration",
       .type = tsn::duration,
       .fallback = "\"24h\"",
       .min = "\"0s\"",
       .doc = "An issue resolved longer ago stays as it is"},
      {.key = "wont_fix_resolution", .doc = "An issue with this resolution is never reopened"},
      {.key = "fields",
       .type = tsn::table,
       .doc = "Further fields, by id or exact display name; {{incident.x}} and {{labels.x}} are filled in"},
      {.key = "status", .type = tsn::table, .doc = "Our status to the transition, or the status it leads to, of Jira"},
      {.key = "projects",
       .type = tsn::array,
       .doc = "Other projects by matchers; the first that matches wins, what it does not give is inherited"},
      {.key = "users", .type = tsn::table, .doc = "Our owners to accountIds (Cloud) or user names (Data Center)"},
      {.key = "max_new",
       .doc =
           "New issues that a project gets at most, such as \"20/h\"; one collecting issue takes the incidents beyond"},
      {.key = "poll",
       .type = tsn::duration,
       .fallback = "\"60s\"",
       .min = "\"0s\"",
       .max = "\"1h\"",
       .doc = "How often to look for what changed in Jira; 0s: never"},
      {.key = "webhook",
       .type = tsn::table,
       .flags = tsn::secret,
       .doc = "Where Jira says at once what changed: path, and the secret that it signs with"},
      {.key = "search_settle",
       .type = tsn::duration,
       .fallback = "\"5s\"",
       .min = "\"1s\"",
       .max = "\"10m\"",
       .doc = "How far apart two empty searches must be before an issue whose creation was in doubt is created again"},
      {.key = "ca_file", .doc = "PEM file with a root certificate of your own, beside the system's"},
      {.key = "proxy_url", .doc = "Proxy for outgoing calls; default: [http] proxy_url"},
      {.key = "no_proxy", .type = tsn::array, .doc = "Hosts reached without the proxy"},
  };
  static constexpr tsn::Route routes[] = {
      {"POST", "{webhook.path}", "What changed in Jira, from a webhook of Jira's that is signed with webhook.secret"},
  };
  static constexpr const char* needs[] = {"network"};

  void start() { inward_.start(); }
  void stop() { inward_.stop(); }
  tsn::Status upsert(const tsn::Upsert& change, tsn::Ticket& out, tsn::Deadline deadline) {
    return outgoing_.upsert(change, out, deadline);
  }
  tsn::Status sync(tsn::Deadline deadline) { return inward_.sync(deadline); }
  void handle(const tsn::Request& request, tsn::Response& response) { inward_.handle(request, response); }
  tsn::Status probe(const tsn::Upsert* dry_run, std::string& report, tsn::Deadline deadline) {
    return probe_jira(settings_, ctx_, api_, dry_run, report, deadline);
  }

 private:
  tsn::Context ctx_;
  Settings settings_{read_settings(ctx_.config())};
  State state_{ctx_};
  Rest rest_{settings_, ctx_};
  Api api_{settings_, ctx_, rest_};
  People people_{settings_, ctx_, api_, state_};
  StatusMap statuses_{settings_};
  Collecting collecting_{settings_, ctx_, state_};
  Brought brought_{state_};
  Doubts doubts_{ctx_, state_};
  Outgoing outgoing_{{settings_, ctx_, api_, people_, statuses_, collecting_, brought_, doubts_}};
  Seen seen_{state_};
  Inbox inbox_{state_};
  Incoming incoming_{{settings_, ctx_, api_, people_, statuses_, collecting_, brought_, seen_, inbox_}};
  Poll poll_{settings_, ctx_, api_, incoming_, state_};
  Inward inward_{settings_, ctx_, rest_, incoming_, inbox_, poll_};
};

}  // namespace tocsin_plugins

using tocsin_plugins::Jira;
TOCSIN_PLUGIN(Jira)
