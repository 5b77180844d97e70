/* How a test drives the plugin wire.so: the configuration's `wire` is the address of this struct, and every call into
 * the plugin goes on to the test's function, if there is one. The plugin is real; what it does is written in the test.
 */
#ifndef TEST_WIRE_H
#define TEST_WIRE_H
#include <tocsin/abi.h>

#ifdef __cplusplus
extern "C" {
#endif
typedef struct wire {
  void* test;           /* the test's own */
  const tsn_host* host; /* set by create */
  tsn_instance instance;
  tsn_status (*create)(struct wire*, const tsn_create*, tsn_err*);
  void (*destroy)(struct wire*);
  tsn_status (*start)(struct wire*, tsn_bytes cursor, tsn_err*);
  void (*stop)(struct wire*);
  tsn_status (*reconfigure)(struct wire*, const tsn_value*, tsn_err*);
  void (*cancel)(struct wire*, tsn_token);
  tsn_status (*save)(struct wire*, tsn_out*, tsn_err*);
  tsn_status (*take_over)(struct wire*, tsn_bytes, tsn_err*); /* tsn_type.load */
  tsn_status (*pull)(struct wire*, tsn_token, int64_t deadline, tsn_err*);
  tsn_status (*query)(struct wire*, tsn_token, const tsn_query*, tsn_query_rows*, tsn_err*);
  tsn_status (*deliver)(struct wire*, tsn_token, const tsn_message*, tsn_delivered*, tsn_err*);
  tsn_status (*upsert)(struct wire*, tsn_token, const tsn_upsert*, tsn_ticket*, tsn_err*);
  tsn_status (*handle)(struct wire*, tsn_token, const tsn_request*, tsn_response*, tsn_err*);
  tsn_status (*load)(struct wire*, tsn_str file, tsn_str text, const tsn_rule_sink*, tsn_err*);
  tsn_status (*compile)(struct wire*, const tsn_rule*, const tsn_inputs*, void** program, tsn_err*);
  tsn_status (*sync)(struct wire*, int64_t deadline, tsn_err*);
  tsn_status (*probe)(struct wire*, const tsn_upsert* dry_run, int64_t deadline, tsn_out* report, tsn_err*);
  tsn_status (*evaluate)(struct wire*, void* program, const tsn_rows*, tsn_verdicts*, tsn_err*);
} wire;
#ifdef __cplusplus
}
#endif
#endif
