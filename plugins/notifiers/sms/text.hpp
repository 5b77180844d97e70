// A notification as an SMS.
#pragma once

#include <optional>
#include <string>

#include "template/template.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

struct SmsStyle {
  std::optional<Template> text;  ///< by Escape::sms; none: "[HIGH] 1042 title: what happened", what to reply, the link
  std::size_t max_parts = 3;
  bool gsm7 = true;            ///< typographic signs become those of GSM-7, where then all of it is GSM-7
  bool takes_replies = false;  ///< there is somebody to reply to
};

/// `max_parts` is kept by cutting what the template lets give way (template/fit.hpp): by default what happened; number,
/// what to reply and the link to acknowledge never.
std::string sms_text(const SmsStyle& style, const tsn::Message& message, tsn::Time now);

}  // namespace tocsin_plugins
