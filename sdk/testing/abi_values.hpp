// The C++ samples as ABI structs, with what they point to kept alive.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "tocsin/testing/fake_host.hpp"

namespace tsn::testing {

/// Owns the arrays; addresses stay valid while it lives.
class AbiValues {
 public:
  const tsn_message* message(const Message& from);
  const tsn_upsert* upsert(const Upsert& from);
  const tsn_incident* incident(const Incident& from);

 private:
  const tsn_label* labels(const Labels& from);
  tsn_alert alert(const Alert& from);

  std::deque<std::vector<tsn_label>> labels_;
  std::vector<tsn_alert> alerts_;
  std::vector<tsn_link> links_;
  std::vector<tsn_action> actions_;
  std::vector<tsn_timeline_entry> timeline_;
  std::vector<tsn_attachment> attachments_;
  tsn_incident incident_{};
  tsn_group group_{};
  tsn_message message_{};
  tsn_upsert upsert_{};
};

}  // namespace tsn::testing
