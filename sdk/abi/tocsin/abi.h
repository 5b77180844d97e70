/* SPDX-License-Identifier: Apache-2.0
 *
 * The Tocsin plugin ABI, version 1. This header is the contract: a plugin built against it loads on every 1.x host.
 *
 * Shape
 *   - C11, also valid C++20. Every name starts with tsn_ or TSN_.
 *   - A plugin exports exactly one symbol, tsn_plugin_entry_v1(), which returns a tsn_plugin that lives as long as the
 *     library. The host exports nothing: it hands a tsn_host over and the plugin calls through it.
 *   - Every struct that may grow starts with `uint32_t size`, filled by whoever made it, and grows only at its end. The
 *     reader copies min(size, its own size) into a zeroed local. Arrays of structs carry a stride instead.
 *   - No C++ type, exception, FILE* or allocation crosses the line. Neither side frees what the other allocated.
 *     Inputs are borrowed until the call returns; outputs go into buffers of the caller.
 *   - Text is UTF-8 and not terminated. Times are nanoseconds since 1970-01-01T00:00:00Z; durations are nanoseconds.
 *
 * Thread tags, one on every function
 *   [any]   may be called on any thread, concurrently
 *   [seq]   one call at a time per instance; the thread may differ from call to call
 *   [main]  on the control thread, at no time concurrent with another call into the same instance
 *
 * Handles (instances, series, tokens, timers, watches, threads) are integers with a generation in their upper half.
 * Zero is never valid. A stale or foreign handle is refused with TSN_INVALID, it is never undefined behaviour.
 */
#ifndef TOCSIN_ABI_H
#define TOCSIN_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TSN_ABI_VERSION 1u

/* ---- plain things ------------------------------------------------------------------------------------------------ */

typedef struct tsn_str {
  const char* p; /* not terminated; may be null when n is 0 */
  uint32_t n;
} tsn_str;

typedef struct tsn_bytes {
  const void* p;
  uint64_t n;
} tsn_bytes;

typedef struct tsn_label {
  tsn_str name;
  tsn_str value;
} tsn_label;

typedef uint64_t tsn_instance; /* a configured plugin instance; made by the host */
typedef uint64_t tsn_series;   /* an interned (name, labels); valid for the instance that asked for it */
typedef uint64_t tsn_token;    /* one asynchronous call; completed exactly once */
typedef uint64_t tsn_timer;
typedef uint64_t tsn_watch;
typedef uint64_t tsn_thread;

/* Result of every fallible function. Positive values are not failures of the plugin. */
typedef int32_t tsn_status;
enum {
  TSN_OK = 0,
  TSN_RETRY = 1,         /* not now; again after tsn_err.retry_after_ms (0: the caller's own backoff) */
  TSN_PENDING = 2,       /* the token will be completed later through host->complete */
  TSN_NEEDS_RESTART = 3, /* reconfigure: the change is valid, but needs a new instance */
  TSN_END = 4,           /* pull: the input is at its end (a finite source, or replay) */
  TSN_FAILED = -1,       /* the call failed; a retry may help */
  TSN_INVALID = -2,      /* the request can never succeed as it stands; a retry makes no sense */
  TSN_CARDINALITY = -3,  /* series: the source's limit of series is reached */
  TSN_UNSUPPORTED = -4,  /* the function, service or feature is not there */
  TSN_CANCELLED = -5,    /* cancelled or stopping */
  TSN_DENIED = -6,       /* authentication or permission */
  TSN_DEADLINE = -7,     /* the deadline passed; the outcome may be unknown */
  TSN_UNKNOWN = -8       /* the outcome is unknown: it may have happened (an answer was lost) */
};

/* Owned by the caller. The callee writes at most sizeof msg bytes; n is the number of bytes used. */
typedef struct tsn_err {
  uint32_t size;
  int32_t code;            /* the plugin's own or the protocol's code (HTTP status, SMTP reply), 0: none */
  uint32_t retry_after_ms; /* with TSN_RETRY or TSN_FAILED; 0: the host decides */
  uint32_t n;
  char msg[240];           /* what failed, on what, why, and what to do; no secret */
} tsn_err;

/* A buffer of the caller for bytes of the callee. The callee writes min(n, cap) bytes and sets n to what it has. */
typedef struct tsn_out {
  char* p;
  uint32_t cap;
  uint32_t n;
} tsn_out;

/* ---- configuration ----------------------------------------------------------------------------------------------- */

typedef uint32_t tsn_value_type;
enum {
  TSN_NULL = 0,
  TSN_BOOL = 1,     /* i is 0 or 1 */
  TSN_INT = 2,      /* i */
  TSN_FLOAT = 3,    /* f */
  TSN_STRING = 4,   /* s */
  TSN_ARRAY = 5,    /* items[0..count) */
  TSN_TABLE = 6,    /* items[0..count) named by keys[0..count) */
  TSN_DURATION = 7, /* as an option's type: "5m" in the file; the value arrives as TSN_INT in nanoseconds */
  TSN_SIZE = 8,     /* as an option's type: "64KiB" in the file; the value arrives as TSN_INT in bytes */
  TSN_ANY = 9       /* as an option's type: whatever the file has; the plugin checks it */
};

/* A read-only view of a configuration value, valid until the call it was passed to returns. */
typedef struct tsn_value {
  tsn_value_type type;
  uint32_t count;  /* array, table */
  uint32_t line;   /* where it stands in the file, 0: default or made by the host */
  uint32_t column;
  int64_t i;
  double f;
  tsn_str s;
  const struct tsn_value* items;
  const tsn_str* keys;
  uint32_t stride; /* bytes from one item to the next */
  uint32_t reserved;
} tsn_value;

enum {                       /* tsn_option.flags */
  TSN_OPT_REQUIRED = 1u,
  TSN_OPT_SECRET = 2u,       /* env:, file: and store: are resolved by the host; the value is never shown */
  TSN_OPT_RELOADABLE = 4u    /* reconfigure() accepts a change of it */
};

/* One option of a type, declared once: validation, `tsn_value` defaults, samples and reference pages come from it. */
typedef struct tsn_option {
  tsn_str key;
  tsn_value_type type;
  uint32_t flags;
  tsn_str fallback; /* the default as TOML text: `"end"`, `5`, `"30s"`, `[]`; empty: none */
  tsn_str min, max; /* bounds of numbers, durations and sizes as TOML text; empty: none */
  tsn_str choices;  /* allowed strings, separated by `|`; empty: any */
  tsn_str doc;      /* one sentence */
} tsn_option;

/* A signal that a source emits, for documentation and for `tocsin check`. `*` at the end of the name: any suffix. */
typedef struct tsn_signal_doc {
  tsn_str name;
  tsn_str unit;   /* UCUM as OpenTelemetry uses it: "By", "s", "1", "%" */
  tsn_str labels; /* label names separated by commas */
  tsn_str doc;
} tsn_signal_doc;

/* ---- batches ----------------------------------------------------------------------------------------------------- */

/* A batch is one block of memory: this header, the directory, the columns. Offsets count from the header's first byte,
 * so the same bytes are valid wherever the block is mapped. A reader skips columns whose id it does not know. Every
 * column has `rows` entries; a column's offset is a multiple of 8. */
typedef uint32_t tsn_column_id;
enum {
  TSN_COL_TS = 1,        /* i64, nanoseconds; required */
  TSN_COL_VALUE = 2,     /* f64; NaN: the row has no single value */
  TSN_COL_SERIES = 3,    /* u64, tsn_series; required */
  TSN_COL_FLAGS = 4,     /* u32, TSN_ROW_* */
  TSN_COL_TEXT = 5,      /* bytes: a log record's text as it stands */
  TSN_COL_SUMMARY = 6,   /* 5 x f64: count, min, max, avg, sum; count NaN: no summary in this row */
  TSN_COL_SEVERITY = 7,  /* u32, OpenTelemetry severity number 1..24, 0: none */
  TSN_COL_ATTRIBUTES = 8, /* bytes: a JSON object */
  TSN_COL_BODY = 9,      /* bytes: JSON */
  TSN_COL_TRACE_ID = 10, /* 16 bytes each */
  TSN_COL_SPAN_ID = 11,  /* 8 bytes each */
  TSN_COL_HISTOGRAM = 12,     /* reserved */
  TSN_COL_EXP_HISTOGRAM = 13, /* reserved */
  TSN_COL_EXEMPLARS = 14,     /* reserved */
  TSN_COL_SPAN = 15,          /* reserved */
  TSN_COL_ORIGIN_FILE = 16,   /* bytes: path of the file the row was read from */
  TSN_COL_ORIGIN_OFFSET = 17, /* u64: byte offset of the line in it */
  TSN_COL_ORIGIN_LINE = 18    /* u64: line number, from 1; 0: unknown */
};

typedef uint32_t tsn_column_type;
enum {
  TSN_TYPE_I64 = 1,
  TSN_TYPE_F64 = 2,
  TSN_TYPE_U64 = 3,
  TSN_TYPE_U32 = 4,
  TSN_TYPE_BYTES = 5,   /* u32 ends[rows] then the bytes: row r is [r ? ends[r-1] : 0, ends[r]) */
  TSN_TYPE_F64X5 = 6,
  TSN_TYPE_FIXED16 = 7,
  TSN_TYPE_FIXED8 = 8
};

enum {                     /* TSN_COL_FLAGS */
  TSN_ROW_STALE = 1u,      /* the series ended here (staleness marker); value is ignored */
  TSN_ROW_OLD = 2u         /* keep it, evaluate nothing from it (beyond the source's max_age) */
};

typedef struct tsn_column {
  tsn_column_id id;
  tsn_column_type type;
  uint64_t offset;
  uint64_t bytes;
} tsn_column;

typedef struct tsn_batch {
  uint32_t size;          /* of this header */
  uint32_t rows;
  uint64_t bytes;         /* of the whole block */
  uint64_t first_seq;     /* assigned by the host: per instance, counts rows without gaps */
  uint64_t directory;     /* offset of the first tsn_column */
  uint32_t columns;
  uint32_t column_stride;
} tsn_batch;

typedef uint32_t tsn_reject_reason;
enum {
  TSN_REJECT_FUTURE = 1,      /* "future": more than a minute ahead of the agent's clock */
  TSN_REJECT_SERIES = 2,      /* "series": unknown or stale series handle */
  TSN_REJECT_VALUE = 3,       /* "value": not a finite number, and no summary */
  TSN_REJECT_TIMESTAMP = 4    /* "timestamp": outside 1970..2262 */
};

typedef struct tsn_row_reject {
  uint32_t row;
  tsn_reject_reason reason;
} tsn_row_reject;

/* What became of a batch. The caller points `rejects` at a buffer of `cap` entries (or leaves it null). */
typedef struct tsn_submitted {
  uint32_t size;
  uint32_t accepted;
  uint32_t rejected; /* may exceed cap; only the first cap are described */
  uint32_t cap;
  tsn_row_reject* rejects;
  uint64_t first_seq; /* of the accepted rows */
} tsn_submitted;

/* Input that could not become a signal at all. Kept with validation_status FAILED and counted. */
typedef struct tsn_reject {
  uint32_t size;
  uint32_t count;      /* how many items; 0 means 1 */
  tsn_str error_type;  /* one word: "timestamp", "name", "value", "json", "cardinality" */
  tsn_str reason;      /* a sentence */
  tsn_str name;        /* the signal's name, if known */
  tsn_str loader;      /* the label `loader`, if known */
  tsn_str raw;         /* the item, cut to 1 KiB */
} tsn_reject;

/* ---- the host ---------------------------------------------------------------------------------------------------- */

typedef uint32_t tsn_log_level;
enum { TSN_LOG_DEBUG = 0, TSN_LOG_INFO = 1, TSN_LOG_WARN = 2, TSN_LOG_ERROR = 3 };

typedef uint32_t tsn_metric_kind;
enum { TSN_METRIC_COUNTER = 0, TSN_METRIC_GAUGE = 1 };

typedef struct tsn_host tsn_host;

/* The host's table. One per instance; valid from create() until destroy() returns. Every function is [any]. */
struct tsn_host {
  uint32_t size;
  uint32_t abi;
  void* ctx; /* the host's own */

  /* Nanoseconds since 1970 of the agent's clock (virtual in replay and tests). */
  int64_t (*now)(const tsn_host*);
  /* Writes one line to the agent's log, with the instance's name. Text beyond 4 KiB is cut. */
  void (*log)(const tsn_host*, tsn_instance, tsn_log_level, tsn_str text);
  /* Interns a series; equal (name, labels) give the same handle. Labels in any order; empty values are dropped. The
   * agent's and the instance's own labels are added by the host. TSN_CARDINALITY at the limit, TSN_INVALID for a name
   * or label that is empty, longer than 1 KiB or not UTF-8. */
  tsn_status (*series)(const tsn_host*, tsn_instance, tsn_str name, const tsn_label* labels, uint32_t count,
                       tsn_series* out, tsn_err*);
  /* Takes a batch in. TSN_OK: the accepted rows and the cursor survive kill -9 (one journal record); evaluation
   * follows. TSN_RETRY: the intake is full; nothing was taken, submit the same batch again later. The cursor is opaque,
   * at most 64 KiB; null leaves the last one. The block is borrowed until the call returns. */
  tsn_status (*submit)(const tsn_host*, tsn_instance, const tsn_batch*, const tsn_bytes* cursor, tsn_submitted* out,
                       tsn_err*);
  /* Reports input that could not become a signal. */
  void (*reject)(const tsn_host*, tsn_instance, const tsn_reject*);
  /* Completes a token whose call returned TSN_PENDING. `result` is what the call would have written: the type is
   * stated beside each function. A second completion is refused with TSN_INVALID and counted against the plugin. The
   * plugin's own thread may complete before the call that will answer TSN_PENDING has returned: the host allows it. */
  tsn_status (*complete)(const tsn_host*, tsn_instance, tsn_token, tsn_status, const void* result, const tsn_err*);
  /* Starts a named thread that the host knows and joins; fn must return soon after stopping() is 1. */
  tsn_status (*spawn)(const tsn_host*, tsn_instance, tsn_str name, void (*fn)(void*), void* arg, tsn_thread* out,
                      tsn_err*);
  tsn_status (*join)(const tsn_host*, tsn_instance, tsn_thread);
  /* 1 from the moment the host wants the instance to stop. */
  int32_t (*stopping)(const tsn_host*, tsn_instance);
  /* Calls fn(arg, events) [seq] when fd is readable (1) or writable (2). One shot: watch again from the callback. */
  tsn_status (*watch_fd)(const tsn_host*, tsn_instance, int32_t fd, uint32_t events, void (*fn)(void*, uint32_t),
                         void* arg, tsn_watch* out, tsn_err*);
  tsn_status (*unwatch)(const tsn_host*, tsn_instance, tsn_watch);
  /* Calls fn(arg) [seq] once, after_ns from now. */
  tsn_status (*timer)(const tsn_host*, tsn_instance, int64_t after_ns, void (*fn)(void*), void* arg, tsn_timer* out,
                      tsn_err*);
  tsn_status (*cancel_timer)(const tsn_host*, tsn_instance, tsn_timer);
  /* Adds to (counter) or sets (gauge) tocsin_plugin_<name>{instance,…}. */
  void (*metric)(const tsn_host*, tsn_instance, tsn_metric_kind, tsn_str name, const tsn_label* labels, uint32_t count,
                 double value);
  /* An optional service by its versioned name, e.g. "tsn.kv/1"; null when this host has none. The struct starts with
   * `uint32_t size` and lives as long as the instance. */
  const void* (*service)(const tsn_host*, tsn_instance, tsn_str id);
};

/* Service "tsn.kv/1": small durable state of the instance. Keys up to 256 bytes, values up to 64 KiB. [any] */
typedef struct tsn_kv_v1 {
  uint32_t size;
  uint32_t reserved;
  tsn_status (*get)(const tsn_host*, tsn_instance, tsn_str key, tsn_out* value, tsn_err*); /* TSN_END: no such key */
  tsn_status (*put)(const tsn_host*, tsn_instance, tsn_str key, tsn_bytes value, tsn_err*);
  tsn_status (*remove)(const tsn_host*, tsn_instance, tsn_str key, tsn_err*);
} tsn_kv_v1;

/* ---- what people work on ----------------------------------------------------------------------------------------- */

typedef uint32_t tsn_severity;
enum { TSN_SEV_NONE = 0, TSN_SEV_LOW = 1, TSN_SEV_MEDIUM = 2, TSN_SEV_HIGH = 3, TSN_SEV_CRITICAL = 4 };

typedef uint32_t tsn_incident_status;
enum {
  TSN_INC_OPEN = 1,
  TSN_INC_ACKNOWLEDGED = 2,
  TSN_INC_IN_PROGRESS = 3,
  TSN_INC_RESOLVED = 4,
  TSN_INC_CLOSED = 5
};

typedef struct tsn_link {
  tsn_str text;
  tsn_str href;
} tsn_link;

typedef struct tsn_alert {
  tsn_str name;          /* the rule, also the label alertname */
  tsn_str fingerprint;   /* 16 hex digits */
  tsn_severity severity;
  uint32_t firing;       /* 1 firing, 0 resolved */
  double value;          /* NaN: none */
  double threshold;      /* NaN: none */
  int64_t starts_at;
  int64_t ends_at;       /* 0: still firing */
  tsn_str message;
  tsn_str suggestion;
  tsn_str generator_url;
  const tsn_label* labels;
  uint32_t label_count, label_stride;
  const tsn_label* annotations;
  uint32_t annotation_count, annotation_stride;
} tsn_alert;

typedef struct tsn_timeline_entry {
  int64_t at;
  tsn_str actor;
  tsn_str what; /* "status", "note", "severity", "owner", "alert", … */
  tsn_str from, to;
  tsn_str text;
} tsn_timeline_entry;

typedef struct tsn_attachment {
  tsn_str name;
  tsn_str type; /* MIME */
  uint64_t size;
  uint64_t blob; /* handle for "tsn.blob/1" */
} tsn_attachment;

typedef struct tsn_incident {
  uint32_t size;
  tsn_severity severity;
  tsn_incident_status status;
  uint32_t reserved;
  uint64_t number;        /* the short number people see */
  tsn_str correlation_id; /* UUIDv7; what trackers and links carry */
  tsn_str title, description, category, service, impact, suggestion, resolution_notes, owner;
  tsn_str url;            /* the incident in the console; empty without external_url */
  tsn_str runbook_url;
  tsn_str ticket_key, ticket_url;
  int64_t detected_at, acknowledged_at, resolved_at, closed_at; /* 0: not yet */
  const tsn_alert* alerts;
  uint32_t alert_count, alert_stride;
  const tsn_label* labels; /* common to its alerts */
  uint32_t label_count, label_stride;
  const tsn_link* links;
  uint32_t link_count, link_stride;
  const tsn_timeline_entry* timeline;
  uint32_t timeline_count, timeline_stride;
  const tsn_attachment* attachments;
  uint32_t attachment_count, attachment_stride;
} tsn_incident;

typedef uint32_t tsn_message_kind;
enum {
  TSN_MSG_FIRING = 1,   /* the incident opened, or a ladder step, or a group flush with firing members */
  TSN_MSG_RESOLVED = 2, /* the incident, or all members of the group, resolved */
  TSN_MSG_UPDATE = 3,   /* a change of the incident: owner, note, status */
  TSN_MSG_TEST = 4      /* `tocsin notify test` */
};

typedef uint32_t tsn_answer_kind;
enum {
  TSN_ANSWER_ACKNOWLEDGE = 1, /* stops the ladder; of an acknowledged incident: it changes nothing and is told so */
  TSN_ANSWER_ESCALATE = 2,    /* takes the next step of the ladder now */
  TSN_ANSWER_RESOLVE = 3,     /* `text`: the notes */
  TSN_ANSWER_NOTE = 4,        /* `text` */
  TSN_ANSWER_DETAILS = 5,     /* sends the whole incident to the one who asks, by SMS and email where they have them */
  TSN_ANSWER_STATUS = 6,      /* `status`, where it is a valid step; `text`: notes or reason */
  TSN_ANSWER_ASSIGN = 7,      /* `text`: the new owner; empty: nobody */
  TSN_ANSWER_SNOOZE = 8,      /* for `lasts` */
  TSN_ANSWER_TICKET = 9       /* nothing but what `ticket`, `ticket_url` and `ticket_status` say */
};

/* What this recipient may do about the incident by opening a link. The address is signed for the recipient, the incident
 * and the kind, and expires; opening it changes nothing, it shows a page with a button. */
typedef struct tsn_action {
  tsn_answer_kind kind;
  uint32_t reserved;
  tsn_str text; /* "Acknowledge" */
  tsn_str href;
} tsn_action;

typedef struct tsn_recipient {
  tsn_str target;  /* as written: "mail:group.platform", "slack:#ops", "hook" */
  tsn_str name;    /* the contact's name, or the channel; empty: the instance has no recipients */
  tsn_str address; /* what this notifier needs: an email address, phone number, Slack id or #channel */
} tsn_recipient;

/* The Alertmanager view of the group that this message tells of; size 0 where a ladder step tells an incident. */
typedef struct tsn_group {
  uint32_t size;
  uint32_t truncated_alerts;
  tsn_str receiver;
  tsn_str group_key;
  tsn_str external_url;
  const tsn_label* labels; /* groupLabels */
  uint32_t label_count, label_stride;
} tsn_group;

typedef struct tsn_message {
  uint32_t size;
  tsn_message_kind kind;
  tsn_str key;              /* idempotency key: the same for every attempt of one notification */
  uint32_t attempt;         /* from 1 */
  uint32_t outcome_unknown; /* 1: an earlier attempt may have arrived */
  tsn_recipient recipient;
  tsn_str title;            /* "[SEVERITY] rule name and by values" without the bracket */
  tsn_str text;             /* one short plain-text line */
  const tsn_incident* incident;
  const tsn_group* group;
  tsn_bytes provider_id;    /* what an earlier deliver of the same incident and recipient returned */
  const tsn_action* actions; /* none without external_url, or where nothing can be done any more */
  uint32_t action_count, action_stride;
} tsn_message;

/* Written by deliver(), or passed to complete() as `result`. */
typedef struct tsn_delivered {
  uint32_t size;
  uint32_t id_n;
  char id[256]; /* provider id */
} tsn_delivered;

typedef uint32_t tsn_change_kind;
enum {
  TSN_CHANGE_OPENED = 1,
  TSN_CHANGE_STATUS = 2,
  TSN_CHANGE_NOTE = 3,
  TSN_CHANGE_UPDATED = 4,
  TSN_CHANGE_RESOLVED = 5,
  TSN_CHANGE_REOPENED = 6
};

/* What a tracker is to bring about for one incident. */
typedef struct tsn_upsert {
  uint32_t size;
  tsn_change_kind change;
  tsn_str key;
  uint32_t attempt;
  uint32_t outcome_unknown; /* 1: search before you create */
  const tsn_incident* incident; /* ticket_key is empty while no ticket is known */
  tsn_str note;                 /* the comment to add; empty: none */
  tsn_str note_author;
  tsn_str owner_email;          /* of the incident's owner; empty: none is known, or this host does not say */
} tsn_upsert;

/* Written by upsert(), or passed to complete() as `result`. */
typedef struct tsn_ticket {
  uint32_t size;
  uint32_t created; /* 1: this call made it, 0: it was there */
  uint32_t key_n, url_n, status_n, reserved;
  char key[64];
  char url[512];
  char status[64]; /* the tracker's own word */
} tsn_ticket;

/* ---- what comes back from outside -------------------------------------------------------------------------------- */

typedef uint32_t tsn_receipt_state;
enum {
  TSN_RECEIPT_ON_ITS_WAY = 1, /* the provider has it and goes on trying; `detail` says where it stands */
  TSN_RECEIPT_DELIVERED = 2,  /* the recipient's device or mailbox has it; final */
  TSN_RECEIPT_FAILED = 3      /* it will never arrive; a ladder step that reached nobody else passes on; final */
};

/* What a provider says later of a message it took: by a callback, or when asked. */
typedef struct tsn_receipt {
  uint32_t size;
  tsn_receipt_state state;
  tsn_str key;           /* tsn_message.key, or empty: then provider_id names the message */
  tsn_bytes provider_id; /* as deliver() returned it */
  tsn_str detail;        /* the provider's own word: "UNDELIV"; goes into notification_log */
  int64_t at;            /* when it became so; 0: now */
} tsn_receipt;

enum { /* tsn_answer.flags */
  TSN_ANSWER_WHOLE_SERVICE = 1u /* the same for every open incident of the named one's service */
};

/* What a person did about an incident somewhere outside: a button, a digit, a reply, a change of the ticket. */
typedef struct tsn_answer {
  uint32_t size;
  tsn_answer_kind kind;
  uint32_t flags;
  tsn_incident_status status; /* TSN_ANSWER_STATUS */
  tsn_str id;            /* the provider's own id of this answer; the same id again changes nothing; empty: none */
  tsn_str incident;      /* correlation id or short number; or empty, and one of the three below names it */
  tsn_str key;           /* tsn_message.key of the message that was answered */
  tsn_bytes provider_id; /* of the message that was answered */
  tsn_str ticket;        /* the ticket's key */
  tsn_str ticket_url, ticket_status; /* what the ticket is now; empty: unchanged */
  tsn_str address;       /* who: the contact with this address (the type's address_field), as sms "+966500000001" */
  tsn_str actor;         /* who, where no contact has the address: a name to show; empty: the address */
  tsn_str way;           /* how, for the timeline: "SMS reply", "Slack button", "call" */
  tsn_str text;
  int64_t lasts;         /* nanoseconds: of a snooze, or of an acknowledgement that expires; 0: it holds */
  int64_t at;            /* when it was done; 0: now */
} tsn_answer;

/* What became of an answer. */
typedef struct tsn_answered {
  uint32_t size;
  tsn_incident_status status; /* of the incident now */
  uint64_t number;
  uint32_t text_n;
  uint32_t changed;           /* 1: something changed; 0: it was so already */
  char text[512];             /* a sentence for the one who answered: "1042 acknowledged by first" */
} tsn_answered;

/* Service "tsn.feedback/1": receipts and answers in. Both return when what they say is durable. TSN_INVALID: no such
 * message or incident, or a step that is not valid (err names the valid ones). [any] */
typedef struct tsn_feedback_v1 {
  uint32_t size;
  uint32_t reserved;
  tsn_status (*receipt)(const tsn_host*, tsn_instance, const tsn_receipt*, tsn_err*);
  tsn_status (*answer)(const tsn_host*, tsn_instance, const tsn_answer*, tsn_answered* out, tsn_err*);
} tsn_feedback_v1;

/* ---- what a tracker says and hears ------------------------------------------------------------------------------- */

/* One call to the other system, or one of its calls here. For jira_sync_log: secrets are masked before it is handed over,
 * and the host cuts request and response to 16 KiB. */
typedef struct tsn_exchange {
  uint32_t size;
  uint32_t incoming;       /* 1: a webhook's or a poll's news; 0: a call of ours */
  tsn_str correlation_id;  /* of the incident; empty: not about one */
  tsn_str ticket;          /* key; empty: none yet */
  tsn_str method;          /* "POST" */
  tsn_str target;          /* path and query, "/rest/api/3/issue" */
  tsn_str request, response;
  tsn_str error;           /* what became of it where it failed; empty: it did not */
  uint32_t status;         /* of HTTP; 0: no answer */
  uint32_t reserved;
  int64_t at;              /* when it began; 0: now */
  int64_t took;            /* nanoseconds */
} tsn_exchange;

/* Service "tsn.exchanges/1". log() returns before the entry is durable and refuses with TSN_RETRY where too many wait: an
 * entry may be lost, the work it tells of goes on. [any] */
typedef struct tsn_exchanges_v1 {
  uint32_t size;
  uint32_t reserved;
  tsn_status (*log)(const tsn_host*, tsn_instance, const tsn_exchange*, tsn_err*);
} tsn_exchanges_v1;

/* ---- HTTP routes ------------------------------------------------------------------------------------------------- */

typedef struct tsn_route {
  tsn_str method; /* "POST" */
  tsn_str path;   /* exact, "/api/v1/signals/bulk"; a last segment "*" takes any rest; "{callback.path}": the path that
                     the instance's configuration has at this key, no route where it has none */
  tsn_str doc;
} tsn_route;

typedef struct tsn_request {
  uint32_t size;
  uint32_t header_count, header_stride;
  uint32_t body_padding; /* readable bytes after the body; at least 64 */
  tsn_str method, path, query;
  tsn_str remote;        /* address of the peer */
  tsn_str user;          /* authenticated user or token name; empty: none */
  const tsn_label* headers; /* names in lower case */
  tsn_bytes body;
  tsn_str certificate;   /* subject of the client's certificate, verified against client_ca; empty: none, or this host does not say */
} tsn_request;

/* Passed in by the host, filled through its functions while handle() runs, or later before complete(). [any] */
typedef struct tsn_response {
  uint32_t size;
  uint32_t status; /* HTTP; 200 unless set */
  void* ctx;
  void (*header)(struct tsn_response*, tsn_str name, tsn_str value);
  void (*body)(struct tsn_response*, tsn_bytes); /* appends */
} tsn_response;

/* ---- detectors --------------------------------------------------------------------------------------------------- */

typedef uint32_t tsn_aggregate;
enum {
  TSN_AGG_LAST = 0, TSN_AGG_AVG = 1, TSN_AGG_SUM = 2, TSN_AGG_MIN = 3, TSN_AGG_MAX = 4, TSN_AGG_COUNT = 5,
  TSN_AGG_RATE = 6,  /* per second, counter resets taken into account, per series and summed */
  TSN_AGG_DELTA = 7, /* last minus first, per series and summed */
  TSN_AGG_STDDEV = 8, TSN_AGG_P50 = 9, TSN_AGG_P90 = 10, TSN_AGG_P95 = 11, TSN_AGG_P99 = 12,
  TSN_AGG_LAST_SEEN = 13 /* seconds since 1970 of the newest signal */
};

/* One aggregate that a rule reads for each of its groups. The host keeps the window and computes the value. */
typedef struct tsn_input {
  uint32_t size;
  tsn_aggregate aggregate;
  tsn_str selector; /* `name{label="value"}`; empty: the rule's own signal */
  int64_t over;     /* nanoseconds, the window (t - over, t]; 0: the newest value not older than the look-back (5 min) */
  int64_t offset;   /* nanoseconds before t */
} tsn_input;

/* Handed to compile() and evaluate(). Declares an input and gives its column in tsn_rows; equal inputs give the same
 * column. Declared during evaluate(), the column has data from the next evaluation on: answer TSN_VERDICT_AGAIN. */
typedef struct tsn_inputs {
  uint32_t size;
  uint32_t reserved;
  void* ctx;
  tsn_status (*add)(const struct tsn_inputs*, const tsn_input*, uint32_t* column, tsn_err*);
} tsn_inputs;

/* A rule, validated by the host: the common keys are read, the rest is in `table` as the file has it. */
typedef struct tsn_rule {
  uint32_t size;
  tsn_severity severity;
  tsn_str name;
  tsn_str file;    /* where it stands */
  const tsn_value* table; /* the whole [[rule]] table */
  tsn_aggregate aggregate;
  uint32_t reserved;
  int64_t over;
  const tsn_str* by;
  uint32_t by_count, by_stride;
  void* script;    /* what load() passed to add_rule for it; null for a rule from TOML */
} tsn_rule;

/* Groups to evaluate, one row each. cells[row * columns + column]; NaN: no data. */
typedef struct tsn_rows {
  uint32_t size;
  uint32_t rows;
  uint32_t columns;
  uint32_t label_count;        /* labels per row, in the order of the rule's `by` */
  const double* cells;
  const int64_t* at;           /* evaluation instant of each row */
  const tsn_label* const* labels; /* labels[row][k], k < label_count: the group's by-values */
  const tsn_inputs* inputs;
} tsn_rows;

typedef uint32_t tsn_verdict_state;
enum {
  TSN_VERDICT_OK = 0,
  TSN_VERDICT_FIRING = 1,
  TSN_VERDICT_NO_DATA = 2, /* the rule's no_data policy decides */
  TSN_VERDICT_KEEP = 3,    /* leave the state as it is */
  TSN_VERDICT_AGAIN = 4    /* an input was just declared: evaluate this row again */
};

typedef struct tsn_verdict {
  tsn_verdict_state state;
  tsn_severity severity;  /* TSN_SEV_NONE: the rule's */
  double value;           /* what {{value}} shows; NaN: the first cell */
  double threshold;       /* what {{threshold}} shows; NaN: none */
  uint32_t message_at, message_n; /* a message of its own in tsn_verdicts.text; n 0: the rule's template */
} tsn_verdict;

/* Host buffers for the answers: items has as many entries as rows, all zero (TSN_VERDICT_OK) before the call. */
typedef struct tsn_verdicts {
  uint32_t size;
  uint32_t stride;
  tsn_verdict* items;
  char* text;
  uint32_t text_cap, text_used; /* append at text_used; a message that does not fit is cut */
} tsn_verdicts;

/* Handed to load(): a script file may define any number of rules. `table` has the form of a [[rule]] table. */
typedef struct tsn_rule_sink {
  uint32_t size;
  uint32_t reserved;
  void* ctx;
  tsn_status (*add_rule)(const struct tsn_rule_sink*, const tsn_value* table, void* script, tsn_err*);
} tsn_rule_sink;

/* ---- vtables of the kinds ---------------------------------------------------------------------------------------- */

/* A question that a rule asks of a source. Valid until query() returns. */
typedef struct tsn_query {
  uint32_t size;
  uint32_t max_rows;      /* an answer with more rows is refused: the question is too wide */
  const tsn_value* table; /* the question's keys, checked against query_options, defaults filled in */
  int64_t at;             /* the instant it is asked for */
} tsn_query;

/* Where the rows of an answer go. Passed in by the host, filled while query() runs, or later before complete(). [any],
 * one call at a time. Each label set stands for itself: the rule judges every row on its own. */
typedef struct tsn_query_rows {
  uint32_t size;
  uint32_t reserved;
  void* ctx;
  /* Appends a row. Labels in any order, empty values are dropped; ts 0: tsn_query.at; NaN: the row has no value. A second
   * row with the same labels is TSN_INVALID. TSN_CARDINALITY beyond max_rows: give up, the host says why. */
  tsn_status (*add)(struct tsn_query_rows*, const tsn_label* labels, uint32_t count, double value, int64_t ts);
} tsn_query_rows;

/* Signals in. A source is pulled every `every`, or lives from its own threads, watches, timers or routes. */
typedef struct tsn_source_vtable {
  uint32_t size;
  uint32_t features; /* TSN_SOURCE_* */
  /* [seq] Reads what there is and submits it. deadline: instant after which the host counts it as hung. TSN_END: there
   * is no more. Null: the source is not polled. May return TSN_PENDING; result of complete(): none. */
  tsn_status (*pull)(void* self, tsn_token, int64_t deadline, tsn_err*);
  /* Keys of a rule's `query` table beyond `source`. The first is the question itself, where it is given as one text. */
  const tsn_option* query_options;
  uint32_t query_option_count, query_option_stride;
  /* [any] Answers a question, and changes nothing on the other side. TSN_INVALID: the question can never be answered as
   * it stands (err names the place in it); TSN_RETRY or TSN_FAILED: not now. result of complete(): none; the rows were
   * added before. Null: the source answers no questions (and TSN_SOURCE_QUERIES is not set). */
  tsn_status (*query)(void* self, tsn_token, const tsn_query*, tsn_query_rows* out, int64_t deadline, tsn_err*);
} tsn_source_vtable;
enum {
  TSN_SOURCE_REPLAYS = 1u, /* honours `replay` of tsn_create: reads its files once to the end, then TSN_END */
  TSN_SOURCE_QUERIES = 2u, /* has query() */
  TSN_SOURCE_CONSUMES = 4u /* what it reads is gone on the other side: a trial probes it and does not start it */
};

/* The host makes one instance for each shard, so a detector needs no lock. */
typedef struct tsn_detector_vtable {
  uint32_t size;
  uint32_t features;
  const tsn_option* rule_options; /* keys of [[rule]] beyond the host's own */
  uint32_t rule_option_count, rule_option_stride;
  /* [seq] Reads a script file and reports its rules. Null: the detector has no files of its own. */
  tsn_status (*load)(void* self, tsn_str file, tsn_str text, const tsn_rule_sink*, tsn_err*);
  /* [seq] Drops what load() made; no rule of it is compiled any more. */
  void (*unload)(void* self, tsn_str file);
  /* [seq] Checks a rule, declares its inputs, and returns what evaluate() needs. */
  tsn_status (*compile)(void* self, const tsn_rule*, const tsn_inputs*, void** program, tsn_err*);
  /* [seq] */
  void (*release)(void* self, void* program);
  /* [seq] Judges rows of one rule. Allocates nothing in the common case. */
  tsn_status (*evaluate)(void* self, void* program, const tsn_rows*, tsn_verdicts*, tsn_err*);
  const char* extension; /* of script files, ".lua"; null: none */
} tsn_detector_vtable;

typedef struct tsn_notifier_vtable {
  uint32_t size;
  uint32_t features; /* TSN_NOTIFIER_* */
  /* [seq] Sends one message. TSN_OK: the provider has it. result of complete(): tsn_delivered. */
  tsn_status (*deliver)(void* self, tsn_token, const tsn_message*, int64_t deadline, tsn_delivered* out, tsn_err*);
  tsn_str address_field; /* which field of a contact is the recipient's address: "email", "phone", "slack"; empty: none */
} tsn_notifier_vtable;
enum {
  TSN_NOTIFIER_NO_RECIPIENT = 1u, /* told as `instance` alone (webhook, terminal) */
  TSN_NOTIFIER_CHANNELS = 2u,     /* takes `#channel` */
  TSN_NOTIFIER_ALARMS = 4u,       /* rings: told what fires and what rises in severity, not what changes or ends */
  TSN_NOTIFIER_CONCURRENT = 8u    /* answers TSN_PENDING and is ready for the next message: given several at a time */
};

typedef struct tsn_tracker_vtable {
  uint32_t size;
  uint32_t features;
  /* [seq] Brings the ticket in step with the incident. result of complete(): tsn_ticket. */
  tsn_status (*upsert)(void* self, tsn_token, const tsn_upsert*, int64_t deadline, tsn_ticket* out, tsn_err*);
  /* [seq] Fetches what changed on the other side, now instead of at the next poll. Null: it cannot be asked. */
  tsn_status (*sync)(void* self, int64_t deadline, tsn_err*);
} tsn_tracker_vtable;

/* Optional capability: HTTP requests under the agent's listener. */
typedef struct tsn_routes_vtable {
  uint32_t size;
  uint32_t reserved;
  const tsn_route* routes;
  uint32_t route_count, route_stride;
  /* [any] result of complete(): none; the response was filled before. */
  tsn_status (*handle)(void* self, tsn_token, const tsn_request*, tsn_response*, int64_t deadline, tsn_err*);
} tsn_routes_vtable;

/* ---- a plugin ---------------------------------------------------------------------------------------------------- */

typedef uint32_t tsn_kind;
enum { /* bits: a type may fill several vtables */
  TSN_KIND_SOURCE = 1u,
  TSN_KIND_DETECTOR = 2u,
  TSN_KIND_NOTIFIER = 4u,
  TSN_KIND_TRACKER = 8u
};

typedef struct tsn_create {
  uint32_t size;
  uint32_t replay;        /* 1: read finite input on a virtual clock (TSN_SOURCE_REPLAYS) */
  tsn_instance instance;
  tsn_str name;           /* the instance's name, e.g. "auth" of [source.auth] */
  const tsn_value* config; /* a table: every declared option is there, defaults filled in; valid during the call */
  tsn_str data_dir;       /* a directory of the instance's own; made on first use by the plugin */
} tsn_create;

typedef struct tsn_type {
  uint32_t size;
  tsn_kind kinds;
  tsn_str id, version, doc;
  const tsn_option* options;
  uint32_t option_count, option_stride;
  const tsn_signal_doc* signals;
  uint32_t signal_count, signal_stride;
  const tsn_str* needs; /* "network", "files:DIR", "processes" */
  uint32_t need_count, need_stride;

  /* [main] Makes an instance; does not start anything. `self` is given back with every call. */
  tsn_status (*create)(const tsn_host*, const tsn_create*, void** self, tsn_err*);
  /* [main] After stop(). Frees self. */
  void (*destroy)(void* self);
  /* [seq] Begins work. `cursor` is the last durable one, empty at first. Null: nothing to do. */
  tsn_status (*start)(void* self, tsn_bytes cursor, tsn_err*);
  /* [seq] Ends work: after it returns the instance holds no thread, descriptor, timer or token. Null: nothing to do. */
  void (*stop)(void* self);
  /* [seq] Takes a changed configuration. TSN_NEEDS_RESTART: make a new instance instead. Null: always a restart. */
  tsn_status (*reconfigure)(void* self, const tsn_value* config, tsn_err*);
  /* [any] Asks to end the call behind a token early; it is still completed exactly once. Null: cannot. */
  void (*cancel)(void* self, tsn_token);
  /* [seq] State for a successor instance of a newer version. TSN_RETRY with out->n set: a larger buffer is needed. */
  tsn_status (*save)(void* self, tsn_out*, tsn_err*);
  tsn_status (*load)(void* self, tsn_bytes, tsn_err*);

  const tsn_source_vtable* source;
  const tsn_detector_vtable* detector;
  const tsn_notifier_vtable* notifier;
  const tsn_tracker_vtable* tracker;
  const tsn_routes_vtable* routes;

  /* [seq] Looks outside once and changes nothing there: can it sign in, is there what the configuration names? For `tocsin
   * check --online`, on an instance that was created and not started. The report is lines, each beginning with "error: ",
   * "warning: " or "ok: ". `dry_run`, trackers only: report what upsert() would send for it; else null. TSN_OK where
   * the report says what is wrong; another status where it could not look at all. Null: it cannot look. */
  tsn_status (*probe)(void* self, const tsn_upsert* dry_run, int64_t deadline, tsn_out* report, tsn_err*);
} tsn_type;

typedef struct tsn_plugin {
  uint32_t size;
  uint32_t abi;             /* TSN_ABI_VERSION */
  const tsn_type* const* types; /* pointers, so that types may differ in size */
  uint32_t type_count;
  uint32_t reserved;
} tsn_plugin;

/* The one exported symbol. [any] Cheap; no work, no allocation that must be freed. */
typedef const tsn_plugin* (*tsn_plugin_entry_fn)(void);
#define TSN_ENTRY_SYMBOL "tsn_plugin_entry_v1"

/* ---- the ELF note ------------------------------------------------------------------------------------------------ */

/* Section `.note.tocsin` holds one ELF note (name "Tocsin", type TSN_NOTE_DESCRIPTOR) whose description is UTF-8 JSON:
 *   {"abi":1,"types":[{"id":"","version":"","doc":"","kinds":["source"],"needs":["network"],
 *     "options":[OPTION…],"rule_options":[OPTION…],"query_options":[OPTION…],
 *     "signals":[{"name":"","unit":"","labels":"","doc":""}],"routes":[{"method":"","path":"","doc":""}],
 *     "address_field":"","features":{"source":0,"detector":0,"notifier":0},"extension":""}]}
 * where OPTION is {"key":"","type":4,"flags":0,"default":"","min":"","max":"","choices":"","doc":""} with the numbers of
 * tsn_value_type and tsn_option.flags, and the texts of tsn_option ("default" is its fallback). Every key is present;
 * what a type does not declare is empty. Readers ignore keys they do not know. The note says the same as the tsn_type,
 * so that a plugin can be listed, documented and its configuration checked without running any of its code. */
#define TSN_NOTE_NAME "Tocsin"
#define TSN_NOTE_DESCRIPTOR 1u
#define TSN_NOTE_SECTION ".note.tocsin"

#ifdef __cplusplus
}
#endif
#endif
