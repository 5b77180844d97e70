#include "event.hpp"

#include <algorithm>

#include "document.hpp"
#include "issue.hpp"
#include "json.hpp"

namespace tocsin_plugins::jira {
namespace {

using nlohmann::json;

bool lower_equal(const std::string& text, std::string_view lower) {
  return std::ranges::equal(text, lower, [](char a, char b) { return (a >= 'A' && a <= 'Z' ? char(a + 32) : a) == b; });
}

/// A field of Jira's own; one that somebody made may have the same name.
bool is_field(const json& item, std::string_view name) {
  if (lower_equal(text_at(item, {"fieldtype"}), "custom")) return false;
  return text_at(item, {"fieldId"}) == name || lower_equal(text_at(item, {"field"}), name);
}

/// A name on one line, of a length that statuses and people have.
std::string name_at(const json& from, std::initializer_list<const char*> path) {
  std::string out = shortened(text_at(from, path), 200);
  std::ranges::replace_if(out, [](unsigned char c) { return c < 0x20; }, ' ');
  return out;
}

/// What the issue says of its newest status.
void add_state_of(const json& issue, Event& event) {
  event.resolution = name_at(issue, {"fields", "resolution", "name"});
  if (text_at(issue, {"fields", "status", "name"}) == event.to)
    event.category = name_at(issue, {"fields", "status", "statusCategory", "key"});
}

Event moved(const json& item, const json& items, const json& issue, Event base) {
  base.kind = EventKind::moved;
  base.from = name_at(item, {"fromString"});
  base.to = name_at(item, {"toString"});
  add_state_of(issue, base);
  for (const auto& other : items)
    if (is_field(other, "resolution") && !text_at(other, {"fromString"}).empty() &&
        text_at(other, {"toString"}).empty())
      base.reopened = true;
  return base;
}

/// Cloud says who it is by an accountId, Data Center by a key or a name; which of them `to` is, only the issue's own
/// assignee tells.
Event assigned(const json& item, const json& issue, Event base) {
  base.kind = EventKind::assigned;
  base.id += ":assignee";
  auto to = text_at(item, {"tmpToAccountId"});
  if (to.empty()) to = shortened(text_at(item, {"to"}), 200);
  if (to.empty()) return base;
  base.assignee = account_of(member(issue, {"fields", "assignee"}));
  if (base.assignee.is(to)) return base;
  base.assignee = {.id = to, .name = to, .key = to, .display = name_at(item, {"toString"}), .email = ""};
  return base;
}

const json* item_of(const json& items, std::string_view field) {
  const auto found = std::ranges::find_if(items, [&](const json& item) { return is_field(item, field); });
  return found == items.end() ? nullptr : &*found;
}

void add_changes(const json& entry, const json& issue, Event base, std::vector<Event>& out) {
  const auto id = id_at(entry, {"id"});
  const auto& items = list_at(entry, {"items"});
  if (id.empty()) return;
  base.id = "changelog:" + id;
  if (const auto* item = item_of(items, "status"); item && !name_at(*item, {"toString"}).empty())
    out.push_back(moved(*item, items, issue, base));
  if (const auto* item = item_of(items, "assignee")) out.push_back(assigned(*item, issue, base));
}

/// By time; what was done in one instant by Jira's numbers, which grow.
bool earlier(const Event& a, const Event& b) {
  if (a.at != b.at) return a.at < b.at;
  return a.id.size() != b.id.size() ? a.id.size() < b.id.size() : a.id < b.id;
}

/// Of the moves only the newest is to be followed, and of the assignments; a move knows when the status it left began.
void judge_newest(std::vector<Event>& events) {
  Event* before[2] = {};  // by kind
  for (auto& event : events) {
    auto*& last = before[event.kind == EventKind::moved ? 0 : 1];
    if (last) {
      last->superseded = true;
      event.ended_at = event.kind == EventKind::moved ? last->at : 0;
    }
    last = &event;
  }
}

void add_comment(const json& comment, tsn::Time since, const std::string& ticket, std::vector<Event>& out) {
  const auto id = id_at(comment, {"id"});
  const auto created = time_of(text_at(comment, {"created"})), updated = time_of(text_at(comment, {"updated"}));
  if (id.empty() || std::max(created, updated) < since) return;
  Event event;
  event.kind = EventKind::commented;
  event.id = "comment:" + id;
  event.ticket = ticket;
  const auto text = plain_text(member(comment, {"body"}));
  if (ends_in_mark(text)) return;  // a comment of ours, also where it is not known who we are
  event.text = shortened(text, most_event_text);
  event.at = created;
  event.author = account_of(member(comment, {"author"}));
  const auto edit = event.id + ":" + std::to_string(updated / 1'000'000);
  const bool edited = created != 0 && updated > created + 1'000'000'000;
  if (edited && created >= since) event.also = edit;
  if (edited && created < since) {
    event.id = edit;
    event.at = updated;
    if (const auto by = account_of(member(comment, {"updateAuthor"})); by.known()) event.author = by;
  }
  if (!event.text.empty()) out.push_back(std::move(event));
}

}  // namespace

std::string plain_text(const json& body) {
  if (body.is_string()) return body.get<std::string>();
  const auto type = text_at(body, {"type"});
  if (type == "text") return text_at(body, {"text"});
  if (type == "hardBreak") return "\n";
  for (const char* key : {"text", "url", "shortName"})  // mentions, cards and emoji
    if (const auto text = text_at(body, {"attrs", key}); !text.empty()) return text;
  std::string out;
  for (const auto& child : list_at(body, {"content"})) {
    const auto kind = text_at(child, {"type"});
    const bool block =
        kind != "text" && kind != "hardBreak" && kind != "mention" && kind != "emoji" && kind != "inlineCard";
    if (block && !out.empty() && !out.ends_with('\n')) out += '\n';
    out += (kind == "listItem" ? "- " : "") + plain_text(child);
    if (out.size() > 4 * most_event_text) break;
  }
  return out;
}

std::vector<Event> events_of_issue(const json& issue, tsn::Time since) {
  std::vector<Event> all;
  const auto ticket = text_at(issue, {"key"});
  if (!is_issue_key(ticket)) return all;
  for (const auto& entry : list_at(issue, {"changelog", "histories"})) {
    Event base;
    base.ticket = ticket;
    base.at = time_of(text_at(entry, {"created"}));
    base.author = account_of(member(entry, {"author"}));
    add_changes(entry, issue, base, all);
  }
  std::ranges::sort(all, earlier);
  judge_newest(all);
  std::erase_if(all, [&](const Event& event) { return event.at < since; });
  for (const auto& comment : list_at(issue, {"fields", "comment", "comments"}))
    add_comment(comment, since, ticket, all);
  std::ranges::stable_sort(all, {}, [](const Event& event) { return event.at; });
  return all;
}

Hook hook_of(const json& body) {
  Hook out;
  out.name = text_at(body, {"webhookEvent"});
  const auto& issue = member(body, {"issue"});
  if (const auto key = text_at(issue, {"key"}); is_issue_key(key)) out.ticket = key;
  out.deleted = out.name == "jira:issue_deleted";
  const bool comments = out.name == "comment_created" || out.name == "comment_updated";
  if (out.name != "jira:issue_updated" && !comments) return out;
  out.look = out.ticket.empty();  // Data Center's comment_created names no issue
  if (out.look) return out;
  Event base;
  base.ticket = out.ticket;
  const auto ms = number_at(body, {"timestamp"});
  base.at = ms > 0 && ms < INT64_MAX / 1'000'000 ? ms * 1'000'000 : 0;
  base.author = account_of(member(body, {"user"}));
  add_changes(member(body, {"changelog"}), issue, base, out.events);
  const auto& comment = member(body, {"comment"});
  if (!comment.is_object()) return out;
  // An edit is one by its own name, or by Data Center's; any other comment in an update is a new one.
  const bool edited =
      out.name == "comment_updated" || text_at(body, {"issue_event_type_name"}) == "issue_comment_edited";
  const auto since = edited ? std::max<tsn::Time>(1, time_of(text_at(comment, {"updated"}))) : 0;
  add_comment(comment, since, out.ticket, out.events);
  return out;
}

json json_of_event(const Event& event) {
  return {{"kind", static_cast<int>(event.kind)},
          {"id", event.id},
          {"also", event.also},
          {"ticket", event.ticket},
          {"author", json_of_account(event.author)},
          {"at", event.at},
          {"from", event.from},
          {"to", event.to},
          {"category", event.category},
          {"resolution", event.resolution},
          {"reopened", event.reopened},
          {"superseded", event.superseded},
          {"ended_at", event.ended_at},
          {"assignee", json_of_account(event.assignee)},
          {"text", event.text}};
}

std::optional<Event> event_of_json(const json& from) {
  const auto kind = number_at(from, {"kind"}, -1);
  Event out;
  out.id = text_at(from, {"id"});
  out.ticket = text_at(from, {"ticket"});
  if (kind < 0 || kind > 2 || out.id.empty() || !is_issue_key(out.ticket)) return std::nullopt;
  out.kind = static_cast<EventKind>(kind);
  out.also = text_at(from, {"also"});
  out.author = account_of(member(from, {"author"}));
  out.at = number_at(from, {"at"});
  out.from = text_at(from, {"from"});
  out.to = text_at(from, {"to"});
  out.category = text_at(from, {"category"});
  out.resolution = text_at(from, {"resolution"});
  out.reopened = member(from, {"reopened"}) == true;
  out.superseded = member(from, {"superseded"}) == true;
  out.ended_at = number_at(from, {"ended_at"});
  out.assignee = account_of(member(from, {"assignee"}));
  out.text = text_at(from, {"text"});
  return out;
}

}  // namespace tocsin_plugins::jira
