// Everything one decision keeps: written in one storage transaction, so that a restart sees all of it or nothing.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "model/attachment.hpp"
#include "model/delivery.hpp"
#include "model/feedback.hpp"
#include "model/heartbeat.hpp"
#include "model/rotation.hpp"
#include "model/rule_row.hpp"
#include "model/silence.hpp"
#include "model/verdict.hpp"

namespace tocsin::model {

struct Changes {
  /// Made by the agent that decides for all that share the store: refused (Fault::cancelled) once another one does.
  bool decided = false;
  std::uint64_t journal_position = 0;  ///< detection's consequences are whole through this record; 0: unchanged
  std::vector<Alert> alerts;           ///< upsert by id; the state as it is now
  std::vector<Incident> incidents;     ///< upsert by correlation_id; number 0: the store gives one
  std::vector<TimelineEntry> timeline;
  std::vector<IncidentAlert> incident_alerts;
  std::vector<Attachment> attachments;  ///< append; a key that is there already is left alone
  std::vector<Delivery> deliveries;  ///< upsert by key; a new key that exists already is left alone unless it changed
  std::vector<Attempt> attempts;
  std::vector<Receipt> receipts;  ///< taken into rows of the notification log that say SENT; others stay as they are
  std::vector<ProviderRef> provider_refs;
  std::vector<TicketRef> tickets;
  std::vector<DeadLetter> dead_letters;
  std::vector<std::uint64_t> dead_letters_replayed;  ///< ids to mark replayed
  std::vector<GroupState> groups;
  std::vector<Ladder> ladders;
  std::vector<Silence> silences;                        ///< upsert by id
  std::vector<OncallOverride> overrides;                ///< upsert by id
  std::vector<Verdict> verdicts;                        ///< append
  std::vector<Beat> beats;                              ///< taken into their heartbeat's row
  std::vector<RuleEvaluation> evaluations;              ///< of rules in the database: append
  std::vector<Alert> passed_on;                         ///< for the agent that decides; in the order they changed
  std::vector<std::uint64_t> taken;                     ///< ids of passed alerts that are decided here
  std::vector<std::pair<std::string, std::string>> kv;  ///< "tsn.kv/1" and small state; empty value: remove

  bool empty() const;
  /// Adds the other's after this one's.
  void append(Changes&& other);
};

}  // namespace tocsin::model
