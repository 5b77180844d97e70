// Alerts as they are now, with who hears of them and what holds them back: what Alertmanager's API and its clients ask.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "model/alert.hpp"
#include "model/matcher.hpp"

namespace tocsin::model {

struct AlertFilter {
  Matchers labels;
  std::optional<Matcher> receiver;  ///< compared with the names of the receivers, whatever its label is
  bool active = true;               ///< those that nothing holds back
  bool silenced = true, inhibited = true;
  bool muted = true;  ///< groups of which every alert is held back
};

struct AlertView {
  std::shared_ptr<const Alert> alert;
  base::Time starts_at{}, ends_at{};
  std::vector<std::string> receivers;
  std::vector<std::string> silenced_by;   ///< ids of silences
  std::vector<std::string> inhibited_by;  ///< fingerprints
  std::vector<std::string> muted_by;      ///< names of time intervals

  bool suppressed() const { return !silenced_by.empty() || !inhibited_by.empty(); }
};

struct AlertGroupView {
  std::string receiver;
  Labels labels;
  std::vector<AlertView> alerts;
};

}  // namespace tocsin::model
