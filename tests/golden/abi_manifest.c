/* What abidiff compares: the entry, typed, and one symbol that names every struct of the ABI. abidiff follows types from
 * exported symbols and sees nothing behind `void*`: an extension struct that no function mentions (services, results)
 * is invisible unless it is named here. Built with debug information, never loaded. */
#include <tocsin/abi.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT const tsn_plugin* tsn_plugin_entry_v1(void);
const tsn_plugin* tsn_plugin_entry_v1(void) {
  return 0;
}

struct tsn_abi_manifest {
  const tsn_plugin* plugin;
  const tsn_type* type;
  const tsn_create* create;
  const tsn_host* host;
  const tsn_kv_v1* kv;
  const tsn_str* str;
  const tsn_bytes* bytes;
  const tsn_label* label;
  const tsn_err* err;
  const tsn_out* out;
  const tsn_value* value;
  const tsn_option* option;
  const tsn_signal_doc* signal_doc;
  const tsn_column* column;
  const tsn_batch* batch;
  const tsn_row_reject* row_reject;
  const tsn_submitted* submitted;
  const tsn_reject* reject;
  const tsn_link* link;
  const tsn_alert* alert;
  const tsn_timeline_entry* timeline_entry;
  const tsn_attachment* attachment;
  const tsn_incident* incident;
  const tsn_recipient* recipient;
  const tsn_group* group;
  const tsn_message* message;
  const tsn_delivered* delivered;
  const tsn_upsert* upsert;
  const tsn_ticket* ticket;
  const tsn_route* route;
  const tsn_request* request;
  const tsn_response* response;
  const tsn_input* input;
  const tsn_inputs* inputs;
  const tsn_rule* rule;
  const tsn_rows* rows;
  const tsn_verdict* verdict;
  const tsn_verdicts* verdicts;
  const tsn_rule_sink* rule_sink;
  const tsn_source_vtable* source;
  const tsn_detector_vtable* detector;
  const tsn_notifier_vtable* notifier;
  const tsn_tracker_vtable* tracker;
  const tsn_routes_vtable* routes;
  tsn_plugin_entry_fn entry;
};
EXPORT extern const struct tsn_abi_manifest tsn_abi_manifest;
const struct tsn_abi_manifest tsn_abi_manifest = {0};

/* What came after 1.0: a release's manifest stays as it was. */
struct tsn_abi_manifest_feedback {
  const tsn_receipt* receipt;
  const tsn_answer* answer;
  const tsn_answered* answered;
  const tsn_feedback_v1* feedback;
};
EXPORT extern const struct tsn_abi_manifest_feedback tsn_abi_manifest_feedback;
const struct tsn_abi_manifest_feedback tsn_abi_manifest_feedback = {0};

struct tsn_abi_manifest_tickets {
  const tsn_action* action;
  const tsn_exchange* exchange;
  const tsn_exchanges_v1* exchanges;
};
EXPORT extern const struct tsn_abi_manifest_tickets tsn_abi_manifest_tickets;
const struct tsn_abi_manifest_tickets tsn_abi_manifest_tickets = {0};

struct tsn_abi_manifest_queries {
  const tsn_query* query;
  const tsn_query_rows* rows;
};
EXPORT extern const struct tsn_abi_manifest_queries tsn_abi_manifest_queries;
const struct tsn_abi_manifest_queries tsn_abi_manifest_queries = {0};
