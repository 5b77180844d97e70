// Incidents and messages of an input's texts, as hosts give them to notifiers and trackers: valid UTF-8, of any length.
#pragma once

#include <deque>
#include <string>

#include "message_text/text.hpp"
#include "target.hpp"
#include "tocsin/testing/samples.hpp"

namespace fuzz {

/// Texts are lines of the input; the host gives no invalid UTF-8 out. `kept` owns them.
class Texts {
 public:
  explicit Texts(Input& input) : input_(input) {}
  std::string_view next() {
    std::string clean;
    for (std::string_view rest = input_.line(); !rest.empty();) {
      const std::size_t n = tocsin_plugins::character_size(rest);
      clean.append(n > 0 ? rest.substr(0, n) : "\xef\xbf\xbd");
      rest.remove_prefix(n > 0 ? n : 1);
    }
    // A letter in front multiplies a text, so that limits are met without megabytes of input.
    if (clean.starts_with("*")) {
      const std::string one = clean.substr(1, 64);
      for (int i = 0; i < 100; ++i) clean += one;
    }
    return kept_.emplace_back(std::move(clean));
  }

 private:
  Input& input_;
  std::deque<std::string> kept_;
};

inline void fill(tsn::Incident& incident, Texts& texts, Input& input) {
  incident.title = texts.next();
  incident.description = texts.next();
  incident.service = texts.next();
  incident.category = texts.next();
  incident.runbook_url = texts.next();
  incident.severity = input.below(6);
  incident.status = input.below(7);
  incident.detected_at = input.take<std::int64_t>();
  incident.labels.push_back({"x", texts.next()});
  for (tsn::Alert& alert : incident.alerts) {
    alert.message = texts.next();
    alert.value = input.take<double>();
    alert.starts_at = input.take<std::int64_t>();
    alert.ends_at = input.take<std::int64_t>();
    alert.labels.push_back({texts.next(), texts.next()});
  }
  const std::size_t alerts = incident.alerts.size() * (input.below(32) == 0 ? 40u : 1u);
  while (incident.alerts.size() < alerts) incident.alerts.push_back(incident.alerts[incident.alerts.size() % 2]);
  incident.links.push_back({texts.next(), texts.next()});
  incident.timeline.push_back({input.take<std::int64_t>(), texts.next(), texts.next(), "", "", texts.next()});
}

inline tsn::Message message(Texts& texts, Input& input) {
  tsn::Message out = tsn::testing::sample_message();
  out.kind = input.below(6);
  fill(out.incident, texts, input);
  out.title = texts.next();
  out.text = texts.next();
  out.recipient.address = texts.next();
  out.provider_id = texts.next();
  return out;
}

}  // namespace fuzz
