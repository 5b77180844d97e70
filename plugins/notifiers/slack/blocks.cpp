#include "blocks.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "buttons.hpp"
#include "message_text/page.hpp"
#include "state.hpp"

namespace tocsin_plugins {
namespace {

using nlohmann::json;

constexpr std::size_t most_header = 150, most_section = most_slack_section, most_field = 2000, most_fields = 10;
constexpr std::size_t most_context = 2000, most_text = 3000, most_blocks = 50;
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

std::string escape(std::string_view character) {
  if (character == "&") return "&amp;";
  if (character == "<") return "&lt;";
  if (character == ">") return "&gt;";
  return std::string(character);
}

/// Verbatim: Slack looks for no names in it, so that "@channel" in a label is only that.
json mrkdwn_text(std::string text) {
  return {{"type", "mrkdwn"}, {"text", std::move(text)}, {"verbatim", true}};
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

/// What a reply tells: the message's line without the title, which stands above.
std::string change_of(const tsn::Message& message, const Page& page) {
  std::string text = page.lead;
  if (!page.title.empty() && text.starts_with(page.title + ": ")) text.erase(0, page.title.size() + 2);
  if (!text.empty() && text != page.title) return text;
  if (message.kind == TSN_MSG_RESOLVED || is_over(message)) return "Resolved";
  return message.kind == TSN_MSG_FIRING ? "Still firing" : "Changed";
}

std::string notice_of(const Page& page) {
  std::string text = page.headline();
  if (!page.lead.empty()) text += ": " + page.lead;
  return mrkdwn(text.empty() ? "Tocsin" : text, most_text);
}

json blocks_of(const Page& page, const tsn::Message& message, Buttons buttons, const std::string& own = {}) {
  json blocks = json::array();
  const std::string headline = plain(page.headline(), most_header);
  blocks.push_back(
      {{"type", "header"}, {"text", {{"type", "plain_text"}, {"text", headline.empty() ? "Tocsin" : headline}}}});
  if (auto state = state_block(message); !state.is_null()) blocks.push_back(std::move(state));
  std::string lead = page.lead;
  if (!page.description.empty()) lead += (lead.empty() ? "" : "\n") + page.description;
  if (!own.empty())
    blocks.push_back(section(own));
  else if (!lead.empty())
    blocks.push_back(section(mrkdwn(lead, most_section)));
  add_facts(page, blocks);
  add_alerts(page, blocks);
  add_links(page, blocks);
  add_timeline(page, blocks);
  auto actions = actions_block(message, buttons);
  // None of the above comes near: 10 alerts and a dozen more. What cannot be is not relied on for Slack's sake.
  while (blocks.size() >= most_blocks) blocks.erase(blocks.size() - 1);
  if (!actions.is_null()) blocks.push_back(std::move(actions));
  return blocks;
}

std::string dumped_body(const json& body) {
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

std::string mrkdwn(std::string_view text, std::size_t most) {
  return bounded(text, most, escape);
}

std::string plain(std::string_view text, std::size_t most) {
  return bounded(text, most, [](std::string_view c) { return std::string(c); });
}

tsn::Message as_state(tsn::Message message) {
  if (message.kind != TSN_MSG_TEST) message.kind = is_over(message) ? TSN_MSG_RESOLVED : TSN_MSG_FIRING;
  return message;
}

json message_blocks(const tsn::Message& message, Buttons buttons) {
  return blocks_of(page_of(message, limits), message, buttons);
}

std::string slack_body(const tsn::Message& message, const SlackPlace& place, Buttons buttons, const std::string& own) {
  const Page page = page_of(message, limits);
  json body{{"text", notice_of(page)}, {"blocks", blocks_of(page, message, buttons, own)}};
  if (!place.channel.empty()) body["channel"] = place.channel, body["parse"] = "none";  // as above, of `text`
  if (!place.thread_ts.empty()) body["thread_ts"] = place.thread_ts;
  if (place.ts.empty())
    body["unfurl_links"] = body["unfurl_media"] = false;
  else
    body["ts"] = place.ts;
  return dumped_body(body);
}

std::string slack_reply(const tsn::Message& message, const SlackPlace& place) {
  const Page page = page_of(message, limits);
  return dumped_body({{"channel", place.channel},
                      {"thread_ts", place.thread_ts},
                      {"text", mrkdwn(change_of(message, page), most_text)},
                      {"parse", "none"},
                      {"unfurl_links", false},
                      {"unfurl_media", false}});
}

}  // namespace tocsin_plugins
