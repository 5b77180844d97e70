// The ABI does not move: size and offset of every field of every struct of abi.h, against the golden file.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tocsin/abi.h"

namespace {

struct Field {
  const char* name;
  std::size_t offset, size;
};
struct Struct {
  const char* name;
  std::size_t size;
  std::vector<Field> fields;
};

#define FIELD(type, field)                             \
  Field {                                              \
    #field, offsetof(type, field), sizeof(type::field) \
  }

const std::vector<Struct> structs = {
    {"tsn_str", sizeof(tsn_str), {FIELD(tsn_str, p), FIELD(tsn_str, n)}},
    {"tsn_bytes", sizeof(tsn_bytes), {FIELD(tsn_bytes, p), FIELD(tsn_bytes, n)}},
    {"tsn_label", sizeof(tsn_label), {FIELD(tsn_label, name), FIELD(tsn_label, value)}},
    {"tsn_err",
     sizeof(tsn_err),
     {FIELD(tsn_err, size), FIELD(tsn_err, code), FIELD(tsn_err, retry_after_ms), FIELD(tsn_err, n),
      FIELD(tsn_err, msg)}},
    {"tsn_out", sizeof(tsn_out), {FIELD(tsn_out, p), FIELD(tsn_out, cap), FIELD(tsn_out, n)}},
    {"tsn_value",
     sizeof(tsn_value),
     {FIELD(tsn_value, type), FIELD(tsn_value, count), FIELD(tsn_value, line), FIELD(tsn_value, column),
      FIELD(tsn_value, i), FIELD(tsn_value, f), FIELD(tsn_value, s), FIELD(tsn_value, items), FIELD(tsn_value, keys),
      FIELD(tsn_value, stride), FIELD(tsn_value, reserved)}},
    {"tsn_option",
     sizeof(tsn_option),
     {FIELD(tsn_option, key), FIELD(tsn_option, type), FIELD(tsn_option, flags), FIELD(tsn_option, fallback),
      FIELD(tsn_option, min), FIELD(tsn_option, max), FIELD(tsn_option, choices), FIELD(tsn_option, doc)}},
    {"tsn_signal_doc",
     sizeof(tsn_signal_doc),
     {FIELD(tsn_signal_doc, name), FIELD(tsn_signal_doc, unit), FIELD(tsn_signal_doc, labels),
      FIELD(tsn_signal_doc, doc)}},
    {"tsn_column",
     sizeof(tsn_column),
     {FIELD(tsn_column, id), FIELD(tsn_column, type), FIELD(tsn_column, offset), FIELD(tsn_column, bytes)}},
    {"tsn_batch",
     sizeof(tsn_batch),
     {FIELD(tsn_batch, size), FIELD(tsn_batch, rows), FIELD(tsn_batch, bytes), FIELD(tsn_batch, first_seq),
      FIELD(tsn_batch, directory), FIELD(tsn_batch, columns), FIELD(tsn_batch, column_stride)}},
    {"tsn_row_reject", sizeof(tsn_row_reject), {FIELD(tsn_row_reject, row), FIELD(tsn_row_reject, reason)}},
    {"tsn_submitted",
     sizeof(tsn_submitted),
     {FIELD(tsn_submitted, size), FIELD(tsn_submitted, accepted), FIELD(tsn_submitted, rejected),
      FIELD(tsn_submitted, cap), FIELD(tsn_submitted, rejects), FIELD(tsn_submitted, first_seq)}},
    {"tsn_reject",
     sizeof(tsn_reject),
     {FIELD(tsn_reject, size), FIELD(tsn_reject, count), FIELD(tsn_reject, error_type), FIELD(tsn_reject, reason),
      FIELD(tsn_reject, name), FIELD(tsn_reject, loader), FIELD(tsn_reject, raw)}},
    {"tsn_host",
     sizeof(tsn_host),
     {FIELD(tsn_host, size), FIELD(tsn_host, abi), FIELD(tsn_host, ctx), FIELD(tsn_host, now), FIELD(tsn_host, log),
      FIELD(tsn_host, series), FIELD(tsn_host, submit), FIELD(tsn_host, reject), FIELD(tsn_host, complete),
      FIELD(tsn_host, spawn), FIELD(tsn_host, join), FIELD(tsn_host, stopping), FIELD(tsn_host, watch_fd),
      FIELD(tsn_host, unwatch), FIELD(tsn_host, timer), FIELD(tsn_host, cancel_timer), FIELD(tsn_host, metric),
      FIELD(tsn_host, service)}},
    {"tsn_kv_v1",
     sizeof(tsn_kv_v1),
     {FIELD(tsn_kv_v1, size), FIELD(tsn_kv_v1, reserved), FIELD(tsn_kv_v1, get), FIELD(tsn_kv_v1, put),
      FIELD(tsn_kv_v1, remove)}},
    {"tsn_link", sizeof(tsn_link), {FIELD(tsn_link, text), FIELD(tsn_link, href)}},
    {"tsn_alert",
     sizeof(tsn_alert),
     {FIELD(tsn_alert, name), FIELD(tsn_alert, fingerprint), FIELD(tsn_alert, severity), FIELD(tsn_alert, firing),
      FIELD(tsn_alert, value), FIELD(tsn_alert, threshold), FIELD(tsn_alert, starts_at), FIELD(tsn_alert, ends_at),
      FIELD(tsn_alert, message), FIELD(tsn_alert, suggestion), FIELD(tsn_alert, generator_url),
      FIELD(tsn_alert, labels), FIELD(tsn_alert, label_count), FIELD(tsn_alert, label_stride),
      FIELD(tsn_alert, annotations), FIELD(tsn_alert, annotation_count), FIELD(tsn_alert, annotation_stride)}},
    {"tsn_timeline_entry",
     sizeof(tsn_timeline_entry),
     {FIELD(tsn_timeline_entry, at), FIELD(tsn_timeline_entry, actor), FIELD(tsn_timeline_entry, what),
      FIELD(tsn_timeline_entry, from), FIELD(tsn_timeline_entry, to), FIELD(tsn_timeline_entry, text)}},
    {"tsn_attachment",
     sizeof(tsn_attachment),
     {FIELD(tsn_attachment, name), FIELD(tsn_attachment, type), FIELD(tsn_attachment, size),
      FIELD(tsn_attachment, blob)}},
    {"tsn_incident",
     sizeof(tsn_incident),
     {FIELD(tsn_incident, size),
      FIELD(tsn_incident, severity),
      FIELD(tsn_incident, status),
      FIELD(tsn_incident, reserved),
      FIELD(tsn_incident, number),
      FIELD(tsn_incident, correlation_id),
      FIELD(tsn_incident, title),
      FIELD(tsn_incident, description),
      FIELD(tsn_incident, category),
      FIELD(tsn_incident, service),
      FIELD(tsn_incident, impact),
      FIELD(tsn_incident, suggestion),
      FIELD(tsn_incident, resolution_notes),
      FIELD(tsn_incident, owner),
      FIELD(tsn_incident, url),
      FIELD(tsn_incident, runbook_url),
      FIELD(tsn_incident, ticket_key),
      FIELD(tsn_incident, ticket_url),
      FIELD(tsn_incident, detected_at),
      FIELD(tsn_incident, acknowledged_at),
      FIELD(tsn_incident, resolved_at),
      FIELD(tsn_incident, closed_at),
      FIELD(tsn_incident, alerts),
      FIELD(tsn_incident, alert_count),
      FIELD(tsn_incident, alert_stride),
      FIELD(tsn_incident, labels),
      FIELD(tsn_incident, label_count),
      FIELD(tsn_incident, label_stride),
      FIELD(tsn_incident, links),
      FIELD(tsn_incident, link_count),
      FIELD(tsn_incident, link_stride),
      FIELD(tsn_incident, timeline),
      FIELD(tsn_incident, timeline_count),
      FIELD(tsn_incident, timeline_stride),
      FIELD(tsn_incident, attachments),
      FIELD(tsn_incident, attachment_count),
      FIELD(tsn_incident, attachment_stride)}},
    {"tsn_recipient",
     sizeof(tsn_recipient),
     {FIELD(tsn_recipient, target), FIELD(tsn_recipient, name), FIELD(tsn_recipient, address)}},
    {"tsn_group",
     sizeof(tsn_group),
     {FIELD(tsn_group, size), FIELD(tsn_group, truncated_alerts), FIELD(tsn_group, receiver),
      FIELD(tsn_group, group_key), FIELD(tsn_group, external_url), FIELD(tsn_group, labels),
      FIELD(tsn_group, label_count), FIELD(tsn_group, label_stride)}},
    {"tsn_message",
     sizeof(tsn_message),
     {FIELD(tsn_message, size), FIELD(tsn_message, kind), FIELD(tsn_message, key), FIELD(tsn_message, attempt),
      FIELD(tsn_message, outcome_unknown), FIELD(tsn_message, recipient), FIELD(tsn_message, title),
      FIELD(tsn_message, text), FIELD(tsn_message, incident), FIELD(tsn_message, group),
      FIELD(tsn_message, provider_id), FIELD(tsn_message, actions), FIELD(tsn_message, action_count),
      FIELD(tsn_message, action_stride)}},
    {"tsn_action",
     sizeof(tsn_action),
     {FIELD(tsn_action, kind), FIELD(tsn_action, reserved), FIELD(tsn_action, text), FIELD(tsn_action, href)}},
    {"tsn_exchange",
     sizeof(tsn_exchange),
     {FIELD(tsn_exchange, size), FIELD(tsn_exchange, incoming), FIELD(tsn_exchange, correlation_id),
      FIELD(tsn_exchange, ticket), FIELD(tsn_exchange, method), FIELD(tsn_exchange, target),
      FIELD(tsn_exchange, request), FIELD(tsn_exchange, response), FIELD(tsn_exchange, error),
      FIELD(tsn_exchange, status), FIELD(tsn_exchange, reserved), FIELD(tsn_exchange, at), FIELD(tsn_exchange, took)}},
    {"tsn_exchanges_v1",
     sizeof(tsn_exchanges_v1),
     {FIELD(tsn_exchanges_v1, size), FIELD(tsn_exchanges_v1, reserved), FIELD(tsn_exchanges_v1, log)}},
    {"tsn_delivered",
     sizeof(tsn_delivered),
     {FIELD(tsn_delivered, size), FIELD(tsn_delivered, id_n), FIELD(tsn_delivered, id)}},
    {"tsn_upsert",
     sizeof(tsn_upsert),
     {FIELD(tsn_upsert, size), FIELD(tsn_upsert, change), FIELD(tsn_upsert, key), FIELD(tsn_upsert, attempt),
      FIELD(tsn_upsert, outcome_unknown), FIELD(tsn_upsert, incident), FIELD(tsn_upsert, note),
      FIELD(tsn_upsert, note_author), FIELD(tsn_upsert, owner_email)}},
    {"tsn_ticket",
     sizeof(tsn_ticket),
     {FIELD(tsn_ticket, size), FIELD(tsn_ticket, created), FIELD(tsn_ticket, key_n), FIELD(tsn_ticket, url_n),
      FIELD(tsn_ticket, status_n), FIELD(tsn_ticket, reserved), FIELD(tsn_ticket, key), FIELD(tsn_ticket, url),
      FIELD(tsn_ticket, status)}},
    {"tsn_receipt",
     sizeof(tsn_receipt),
     {FIELD(tsn_receipt, size), FIELD(tsn_receipt, state), FIELD(tsn_receipt, key), FIELD(tsn_receipt, provider_id),
      FIELD(tsn_receipt, detail), FIELD(tsn_receipt, at)}},
    {"tsn_answer",
     sizeof(tsn_answer),
     {FIELD(tsn_answer, size), FIELD(tsn_answer, kind), FIELD(tsn_answer, flags), FIELD(tsn_answer, status),
      FIELD(tsn_answer, id), FIELD(tsn_answer, incident), FIELD(tsn_answer, key), FIELD(tsn_answer, provider_id),
      FIELD(tsn_answer, ticket), FIELD(tsn_answer, ticket_url), FIELD(tsn_answer, ticket_status),
      FIELD(tsn_answer, address), FIELD(tsn_answer, actor), FIELD(tsn_answer, way), FIELD(tsn_answer, text),
      FIELD(tsn_answer, lasts), FIELD(tsn_answer, at)}},
    {"tsn_answered",
     sizeof(tsn_answered),
     {FIELD(tsn_answered, size), FIELD(tsn_answered, status), FIELD(tsn_answered, number), FIELD(tsn_answered, text_n),
      FIELD(tsn_answered, changed), FIELD(tsn_answered, text)}},
    {"tsn_feedback_v1",
     sizeof(tsn_feedback_v1),
     {FIELD(tsn_feedback_v1, size), FIELD(tsn_feedback_v1, reserved), FIELD(tsn_feedback_v1, receipt),
      FIELD(tsn_feedback_v1, answer)}},
    {"tsn_route", sizeof(tsn_route), {FIELD(tsn_route, method), FIELD(tsn_route, path), FIELD(tsn_route, doc)}},
    {"tsn_request",
     sizeof(tsn_request),
     {FIELD(tsn_request, size), FIELD(tsn_request, header_count), FIELD(tsn_request, header_stride),
      FIELD(tsn_request, body_padding), FIELD(tsn_request, method), FIELD(tsn_request, path), FIELD(tsn_request, query),
      FIELD(tsn_request, remote), FIELD(tsn_request, user), FIELD(tsn_request, headers), FIELD(tsn_request, body),
      FIELD(tsn_request, certificate)}},
    {"tsn_response",
     sizeof(tsn_response),
     {FIELD(tsn_response, size), FIELD(tsn_response, status), FIELD(tsn_response, ctx), FIELD(tsn_response, header),
      FIELD(tsn_response, body)}},
    {"tsn_input",
     sizeof(tsn_input),
     {FIELD(tsn_input, size), FIELD(tsn_input, aggregate), FIELD(tsn_input, selector), FIELD(tsn_input, over),
      FIELD(tsn_input, offset)}},
    {"tsn_inputs",
     sizeof(tsn_inputs),
     {FIELD(tsn_inputs, size), FIELD(tsn_inputs, reserved), FIELD(tsn_inputs, ctx), FIELD(tsn_inputs, add)}},
    {"tsn_rule",
     sizeof(tsn_rule),
     {FIELD(tsn_rule, size), FIELD(tsn_rule, severity), FIELD(tsn_rule, name), FIELD(tsn_rule, file),
      FIELD(tsn_rule, table), FIELD(tsn_rule, aggregate), FIELD(tsn_rule, reserved), FIELD(tsn_rule, over),
      FIELD(tsn_rule, by), FIELD(tsn_rule, by_count), FIELD(tsn_rule, by_stride), FIELD(tsn_rule, script)}},
    {"tsn_rows",
     sizeof(tsn_rows),
     {FIELD(tsn_rows, size), FIELD(tsn_rows, rows), FIELD(tsn_rows, columns), FIELD(tsn_rows, label_count),
      FIELD(tsn_rows, cells), FIELD(tsn_rows, at), FIELD(tsn_rows, labels), FIELD(tsn_rows, inputs)}},
    {"tsn_verdict",
     sizeof(tsn_verdict),
     {FIELD(tsn_verdict, state), FIELD(tsn_verdict, severity), FIELD(tsn_verdict, value), FIELD(tsn_verdict, threshold),
      FIELD(tsn_verdict, message_at), FIELD(tsn_verdict, message_n)}},
    {"tsn_verdicts",
     sizeof(tsn_verdicts),
     {FIELD(tsn_verdicts, size), FIELD(tsn_verdicts, stride), FIELD(tsn_verdicts, items), FIELD(tsn_verdicts, text),
      FIELD(tsn_verdicts, text_cap), FIELD(tsn_verdicts, text_used)}},
    {"tsn_rule_sink",
     sizeof(tsn_rule_sink),
     {FIELD(tsn_rule_sink, size), FIELD(tsn_rule_sink, reserved), FIELD(tsn_rule_sink, ctx),
      FIELD(tsn_rule_sink, add_rule)}},
    {"tsn_source_vtable",
     sizeof(tsn_source_vtable),
     {FIELD(tsn_source_vtable, size), FIELD(tsn_source_vtable, features), FIELD(tsn_source_vtable, pull),
      FIELD(tsn_source_vtable, query_options), FIELD(tsn_source_vtable, query_option_count),
      FIELD(tsn_source_vtable, query_option_stride), FIELD(tsn_source_vtable, query)}},
    {"tsn_query",
     sizeof(tsn_query),
     {FIELD(tsn_query, size), FIELD(tsn_query, max_rows), FIELD(tsn_query, table), FIELD(tsn_query, at)}},
    {"tsn_query_rows",
     sizeof(tsn_query_rows),
     {FIELD(tsn_query_rows, size), FIELD(tsn_query_rows, reserved), FIELD(tsn_query_rows, ctx),
      FIELD(tsn_query_rows, add)}},
    {"tsn_detector_vtable",
     sizeof(tsn_detector_vtable),
     {FIELD(tsn_detector_vtable, size), FIELD(tsn_detector_vtable, features), FIELD(tsn_detector_vtable, rule_options),
      FIELD(tsn_detector_vtable, rule_option_count), FIELD(tsn_detector_vtable, rule_option_stride),
      FIELD(tsn_detector_vtable, load), FIELD(tsn_detector_vtable, unload), FIELD(tsn_detector_vtable, compile),
      FIELD(tsn_detector_vtable, release), FIELD(tsn_detector_vtable, evaluate),
      FIELD(tsn_detector_vtable, extension)}},
    {"tsn_notifier_vtable",
     sizeof(tsn_notifier_vtable),
     {FIELD(tsn_notifier_vtable, size), FIELD(tsn_notifier_vtable, features), FIELD(tsn_notifier_vtable, deliver),
      FIELD(tsn_notifier_vtable, address_field)}},
    {"tsn_tracker_vtable",
     sizeof(tsn_tracker_vtable),
     {FIELD(tsn_tracker_vtable, size), FIELD(tsn_tracker_vtable, features), FIELD(tsn_tracker_vtable, upsert),
      FIELD(tsn_tracker_vtable, sync)}},
    {"tsn_routes_vtable",
     sizeof(tsn_routes_vtable),
     {FIELD(tsn_routes_vtable, size), FIELD(tsn_routes_vtable, reserved), FIELD(tsn_routes_vtable, routes),
      FIELD(tsn_routes_vtable, route_count), FIELD(tsn_routes_vtable, route_stride), FIELD(tsn_routes_vtable, handle)}},
    {"tsn_create",
     sizeof(tsn_create),
     {FIELD(tsn_create, size), FIELD(tsn_create, replay), FIELD(tsn_create, instance), FIELD(tsn_create, name),
      FIELD(tsn_create, config), FIELD(tsn_create, data_dir)}},
    {"tsn_type",
     sizeof(tsn_type),
     {FIELD(tsn_type, size),         FIELD(tsn_type, kinds),         FIELD(tsn_type, id),
      FIELD(tsn_type, version),      FIELD(tsn_type, doc),           FIELD(tsn_type, options),
      FIELD(tsn_type, option_count), FIELD(tsn_type, option_stride), FIELD(tsn_type, signals),
      FIELD(tsn_type, signal_count), FIELD(tsn_type, signal_stride), FIELD(tsn_type, needs),
      FIELD(tsn_type, need_count),   FIELD(tsn_type, need_stride),   FIELD(tsn_type, create),
      FIELD(tsn_type, destroy),      FIELD(tsn_type, start),         FIELD(tsn_type, stop),
      FIELD(tsn_type, reconfigure),  FIELD(tsn_type, cancel),        FIELD(tsn_type, save),
      FIELD(tsn_type, load),         FIELD(tsn_type, source),        FIELD(tsn_type, detector),
      FIELD(tsn_type, notifier),     FIELD(tsn_type, tracker),       FIELD(tsn_type, routes),
      FIELD(tsn_type, probe)}},
    {"tsn_plugin",
     sizeof(tsn_plugin),
     {FIELD(tsn_plugin, size), FIELD(tsn_plugin, abi), FIELD(tsn_plugin, types), FIELD(tsn_plugin, type_count),
      FIELD(tsn_plugin, reserved)}},
};

std::string read(const char* path) {
  std::ifstream in(path);
  EXPECT_TRUE(in) << path;
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string layout() {
  std::ostringstream out;
  out << "# struct size, then field offset size; x86-64 and other LP64 machines\n";
  for (const auto& one : structs) {
    out << one.name << " " << one.size << "\n";
    for (const auto& field : one.fields) out << "  " << field.name << " " << field.offset << " " << field.size << "\n";
  }
  return out.str();
}

/// Field names by struct, read from the header's text.
std::map<std::string, std::set<std::string>> declared() {
  const auto text = std::regex_replace(read(ABI_HEADER), std::regex(R"(/\*([^*]|\*[^/])*\*/)"), "");
  std::map<std::string, std::set<std::string>> found;
  const std::regex head(R"(struct (tsn_\w+) \{([^}]*)\})"), pointer(R"(\(\*(\w+)\))"),
      last(R"((\w+)(\[[^\]]*\])?\s*$)");
  for (std::sregex_iterator at(text.begin(), text.end(), head), end; at != end; ++at) {
    auto& fields = found[(*at)[1]];
    std::istringstream body((*at)[2]);
    for (std::string declaration; std::getline(body, declaration, ';');) {
      std::smatch match;
      if (std::regex_search(declaration, match, pointer)) {
        fields.insert(match[1]);
        continue;
      }
      std::istringstream parts(declaration);
      for (std::string part; std::getline(parts, part, ',');)
        if (std::regex_search(part, match, last)) fields.insert(match[1]);
    }
  }
  return found;
}

/// Every enumerator and macro with its value as the header has it. They stand in binaries that are not built again.
std::string constants() {
  const auto text = std::regex_replace(read(ABI_HEADER), std::regex(R"(/\*([^*]|\*[^/])*\*/)"), "");
  std::set<std::string> lines;
  const std::regex value(R"((TSN_\w+) = (-?\w+))"), macro(R"(#define (TSN_\w+) +(\S+))");
  for (const auto& form : {value, macro})
    for (std::sregex_iterator at(text.begin(), text.end(), form), end; at != end; ++at)
      lines.insert(std::string((*at)[1]) + " " + std::string((*at)[2]) + "\n");
  std::string out = "# enumerator or macro, value\n";
  for (const auto& line : lines) out += line;
  return out;
}

/// TOCSIN_UPDATE_GOLDEN=1 writes the file anew: for structs that grew at their end, never for what moved.
TEST(AbiGolden, HoldsEveryOffsetWhereItWas) {
  if (std::getenv("TOCSIN_UPDATE_GOLDEN")) std::ofstream(ABI_GOLDEN) << layout();
  EXPECT_EQ(layout(), read(ABI_GOLDEN));
}

/// TOCSIN_UPDATE_GOLDEN=1 writes the file anew: for what is new, never for what changed.
TEST(AbiGolden, KeepsEveryConstant) {
  if (std::getenv("TOCSIN_UPDATE_GOLDEN")) std::ofstream(ABI_CONSTANTS) << constants();
  EXPECT_EQ(constants(), read(ABI_CONSTANTS));
}

TEST(AbiGolden, KnowsEveryFieldOfTheHeader) {
  std::map<std::string, std::set<std::string>> known;
  for (const auto& one : structs)
    for (const auto& field : one.fields) known[one.name].insert(field.name);
  EXPECT_EQ(known, declared());
}

}  // namespace
