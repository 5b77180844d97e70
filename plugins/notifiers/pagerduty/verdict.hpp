// What PagerDuty's answers mean (its reference, "API Response Codes & Retry Logic"): 202 accepted, 400 never, 429 and
// 5xx later.
#pragma once

#include <string>

#include "http_client/http_client.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

/// `action` is the event's, `section` "[notifier.pagerduty]", both for the text.
tsn::Status pager_verdict(const HttpAnswer& answer, std::string_view action, const std::string& section, tsn::Time now);

}  // namespace tocsin_plugins
