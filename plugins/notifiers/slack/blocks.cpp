#include "blocks.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "message_text/page.hpp"

namespace tocsin_plugins {
namespace {

using nlohmann::json;

constexpr std::size_t most_header = 150, most_section = 3000, most_field = 2000, most_fields = 10;
constexpr std::size_t most_context = 2000, most_text = 3000;
constexpr PageLimits limits{.alerts = 10, .entries = 4, .links = 10, .text = 2500};

constexpr std::string_view ellipsis = "\xe2\x80\xa6";

/// UTF-16 units of a UTF-8 character.
std::size_t units(std::string_view character) {
  return character.size() == 4 ? 2 : 1;
}

/// As mrkdwn(), each character first passed through `form`.
template <class Form>
std::string bounded(std::string_view text, std::size_t most, Form form) {
  std::string out;
  std::size_t used = 0, kept = 0;  // kept: bytes of `out` after which the ellipsis still fits
  while (!text.empty()) {
    const std::size_t size = std::max<std::size_t>(character_size(text), 1);
    const std::string piece = form(text.substr(0, size));
    const std::size_t width = size == 1 ? piece.size() : units(piece);
    if (used + width > most) {
      out.resize(kept);
      return out.append(ellipsis);
    }
    out += piece;
    used += width;
    if (used + 1 <= most) kept = out.size();
    text.remove_prefix(size);
  }
  return out;
}

std::string plain(std::string_view text, std::size_t most) {
  return bounded(text, most, [](std::string_view c) { return std::string(c); });
}

std::string escape(std::string_view character) {
  if (character == "&") return "&amp;";
  if (character == "<") return "&lt;";
  if (character == ">") return "&gt;";
  return std::string(character);
}

json mrkdwn_text(std::string text) {
  return {{"type", "mrkdwn"}, {"text", std::move(text)}};
}
json section(std::string text) {
  return {{"type", "section"}, {"text", mrkdwn_text(std::move(text))}};
}
json context(std::string text) {
  return {{"type", "context"}, {"elements", json::array({mrkdwn_text(std::move(text))})}};
}

/// `code`; a backtick within would end it.
std::string code(std::string text, std::size_t most) {
  std::replace(text.begin(), text.end(), '`', '\'');
  return "`" + mrkdwn(text, most) + "`";
}

std::string link(const PageLink& to) {
  std::string href, text = to.text;
  for (const char c : to.href) href += c == '|' ? std::string("%7C") : escape(std::string_view(&c, 1));
  std::replace(text.begin(), text.end(), '|', '/');
  return "<" + href + "|" + mrkdwn(text, 100) + ">";
}

std::string alert_text(const PageAlert& alert) {
  std::string out = "*" + mrkdwn(alert.rule, 200) + "* " + alert.state;
  if (!alert.severity.empty()) out += " (" + alert.severity + ")";
  if (!alert.labels.empty()) out += "\n" + code(alert.labels, 800);
  std::string numbers;
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) numbers += (numbers.empty() ? "" : ", ") + std::string(name) + " " + mrkdwn(value, 60);
  };
  add("value", alert.value);
  add("threshold", alert.threshold);
  add("since", alert.since);
  add("until", alert.until);
  if (!numbers.empty()) out += "\n" + numbers;
  if (!alert.message.empty()) out += "\n" + mrkdwn(alert.message, 1000);
  return out;
}

void add_facts(const Page& page, json& blocks) {
  json fields = json::array();
  for (const auto& fact : page.facts) {
    if (fields.size() == most_fields) break;
    const std::string name = "*" + fact.name + "*\n";
    fields.push_back(mrkdwn_text(name + mrkdwn(fact.value, most_field - name.size())));
  }
  if (!fields.empty()) blocks.push_back({{"type", "section"}, {"fields", std::move(fields)}});
}

void add_alerts(const Page& page, json& blocks) {
  if (!page.alerts.empty()) blocks.push_back({{"type", "divider"}});
  for (const auto& alert : page.alerts) blocks.push_back(section(alert_text(alert)));
  if (page.more_alerts) blocks.push_back(context("and " + std::to_string(page.more_alerts) + " more alerts"));
}

void add_links(const Page& page, json& blocks) {
  std::string text;
  for (const auto& to : page.links) {
    const std::string next = (text.empty() ? "" : "  \xc2\xb7  ") + link(to);
    if (text.size() + next.size() <= most_section) text += next;  // bytes: never less than Slack's units
  }
  if (!text.empty()) blocks.push_back(section(std::move(text)));
}

void add_timeline(const Page& page, json& blocks) {
  json elements = json::array();
  for (const auto& entry : page.timeline) {
    elements.push_back(mrkdwn_text(mrkdwn(entry.at + " " + entry.actor + ": " + entry.what, most_context)));
  }
  if (!elements.empty()) blocks.push_back({{"type", "context"}, {"elements", std::move(elements)}});
}

json blocks_of(const Page& page) {
  json blocks = json::array();
  const std::string headline = plain(page.headline(), most_header);
  blocks.push_back(
      {{"type", "header"}, {"text", {{"type", "plain_text"}, {"text", headline.empty() ? "Tocsin" : headline}}}});
  std::string lead = page.lead;
  if (!page.description.empty()) lead += (lead.empty() ? "" : "\n") + page.description;
  if (!lead.empty()) blocks.push_back(section(mrkdwn(lead, most_section)));
  add_facts(page, blocks);
  add_alerts(page, blocks);
  add_links(page, blocks);
  add_timeline(page, blocks);
  return blocks;
}

}  // namespace

std::string mrkdwn(std::string_view text, std::size_t most) {
  return bounded(text, most, escape);
}

std::string slack_body(const tsn::Message& message, const SlackPlace& place) {
  const Page page = page_of(message, limits);
  std::string text = page.headline();
  if (!page.lead.empty()) text += ": " + page.lead;
  json body{{"text", mrkdwn(text.empty() ? "Tocsin" : text, most_text)},
            {"blocks", blocks_of(page)},
            {"unfurl_links", false},
            {"unfurl_media", false}};
  if (!place.channel.empty()) body["channel"] = place.channel;
  if (!place.thread_ts.empty()) body["thread_ts"] = place.thread_ts;
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace tocsin_plugins
