// A model::Delivery as the ABI's tsn_message or tsn_upsert: borrowed views, nothing copied but the directories of them.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "model/delivery.hpp"
#include "plugin_host/session.hpp"
#include "tocsin/abi.h"

namespace tocsin::plugin_host {

/// Points into the delivery and itself: both must stay until the plugin's call returns. Neither copied nor moved.
class DeliveryView {
 public:
  DeliveryView(const model::Delivery& delivery, std::string provider_id, Links links);
  DeliveryView(const DeliveryView&) = delete;
  DeliveryView& operator=(const DeliveryView&) = delete;
  const tsn_message* message() const { return &message_; }
  const tsn_upsert* upsert() const { return &upsert_; }

 private:
  void fill_alerts();
  void fill_incident();
  void fill_group();
  void fill_message();
  void fill_upsert();
  const std::vector<tsn_label>& labels_of(const model::Labels& labels);
  tsn_str keep(std::string text);

  const model::Delivery& delivery_;
  const std::string provider_id_, external_url_;
  const std::vector<Action> offered_;
  std::deque<std::string> texts_;
  std::deque<std::vector<tsn_label>> labels_;
  std::vector<tsn_alert> alerts_;
  std::vector<tsn_link> links_;
  std::vector<tsn_action> actions_;
  tsn_incident incident_{};
  tsn_group group_{};
  tsn_message message_{};
  tsn_upsert upsert_{};
};

}  // namespace tocsin::plugin_host
