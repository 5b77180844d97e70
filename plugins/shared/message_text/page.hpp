// What a person reads of a message, in the order in which it is read. Texts are clean, of bounded length, and escaped
// for no format.
#pragma once

#include <string>
#include <vector>

#include "message_text/text.hpp"

namespace tocsin_plugins {

struct PageFact {
  std::string name, value;
};
struct PageAlert {
  std::string rule, severity, state;     ///< state: "firing" or "resolved"
  std::string labels, value, threshold;  ///< empty: none
  std::string since, until, message;     ///< until is empty while it fires
};
struct PageLink {
  std::string text, href;  ///< href: is_web_link()
};
struct PageEntry {
  std::string at, actor, what;
};

struct Page {
  std::string marker;  ///< "[HIGH]", "[RESOLVED]", "[HIGH] UPDATE:", "[TEST]"
  std::string title;   ///< one line
  std::string lead;    ///< what this message is about, where that is more than the title
  std::string description;
  std::vector<PageFact> facts;  ///< only those that are known
  std::vector<PageAlert> alerts;
  std::size_t more_alerts = 0;    ///< not listed
  std::vector<PageLink> actions;  ///< what the recipient may do by a link
  std::vector<PageLink> links;
  std::vector<PageEntry> timeline;  ///< the newest first
  std::size_t more_entries = 0;

  std::string headline() const { return marker.empty() ? title : marker + " " + title; }
};

struct PageLimits {
  std::size_t alerts = 50, entries = 10, links = 20;
  std::size_t text = 4000;  ///< code points of any one text
};

Page page_of(const tsn::Message& message, const PageLimits& limits = {});

}  // namespace tocsin_plugins
