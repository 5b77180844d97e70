// What people do with an incident besides its status: tags, links, snooze, page, merge, files.
#include <charconv>

#include "api/handlers.hpp"
#include "api/present.hpp"
#include "base/text.hpp"

namespace tocsin::api::handlers {
namespace {

/// A member that is one text or several.
Checked<std::vector<std::string>> one_or_more(const Body& body, std::string_view key) {
  const base::Value* value = body.find(key);
  if (value != nullptr && value->string() != nullptr) return std::vector<std::string>{*value->string()};
  return body.texts(key);
}

Checked<base::Time> snooze_end(const Body& body, base::Time now) {
  CHECKED(base::Duration span, body.duration("for"));
  CHECKED(std::string until, body.text("until"));
  if ((span == base::Duration::zero()) == until.empty()) {
    return std::unexpected(Problem(400, "give either \"for\" (30m) or \"until\" (2026-11-20T10:00:00Z)"));
  }
  if (until.empty()) {
    if (span > std::chrono::hours(24 * 366)) return std::unexpected(bad_parameter("for", "years", "up to 30d"));
    return now + span;
  }
  base::Result<base::Time> parsed = base::parse_instant(until, now);
  if (!parsed) return std::unexpected(bad_parameter("until", until, "RFC 3339, such as 2026-11-20T10:00:00Z"));
  return *parsed;
}

std::string quoted_ascii(std::string_view name) {
  std::string out = "\"";
  for (char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte > 0x7e || c == '"' || c == '\\' || c == '%' ? '_' : c;
  }
  return out + "\"";
}

/// RFC 8187: what is no plain letter or digit as %41.
std::string extended(std::string_view name) {
  static constexpr char hex[] = "0123456789ABCDEF";
  std::string out = "UTF-8''";
  for (char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain =
        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' || c == '_';
    if (plain)
      out += c;
    else
      out.append(1, '%').append(1, hex[byte >> 4]).append(1, hex[byte & 15]);
  }
  return out;
}

}  // namespace

Outcome tag_incident(Backend& backend, const Call& call) {
  CHECKED(Body body, Body::parse(call.request, {"add", "remove", "by"}));
  CHECKED(std::string by, actor(body));
  CHECKED(std::vector<std::string> add, one_or_more(body, "add"));
  CHECKED(std::vector<std::string> remove, one_or_more(body, "remove"));
  if (add.empty() && remove.empty()) {
    return std::unexpected(Problem(400, "no tag is given: {\"add\": [\"night\"], \"remove\": [\"triage\"]}"));
  }
  TRY(model::Incident changed, backend.tag(call.path[0], add, remove, by));
  return json_reply(object_json(changed));
}

Outcome link_incident(Backend& backend, const Call& call) {
  CHECKED(Body body, Body::parse(call.request, {"text", "href", "by"}));
  CHECKED(std::string by, actor(body));
  model::Link link;
  CHECKED(link.href, body.required("href"));
  CHECKED(link.text, body.text("text"));
  TRY(model::Incident changed, backend.link(call.path[0], link, by));
  return json_reply(object_json(changed));
}

Outcome merge_incident(Backend& backend, const Call& call) {
  CHECKED(Body body, Body::parse(call.request, {"into", "by"}));
  CHECKED(std::string by, actor(body));
  const base::Value* given = body.find("into");
  std::string into;
  if (given != nullptr && given->integer() != nullptr)
    into = std::to_string(*given->integer());
  else {
    CHECKED(into, body.required("into"));
  }
  TRY(model::Incident kept, backend.merge(call.path[0], into, by));
  return json_reply(object_json(kept));
}

Outcome snooze_incident(Backend& backend, const Call& call) {
  CHECKED(Body body, Body::parse(call.request, {"for", "until", "by"}));
  CHECKED(std::string by, actor(body));
  CHECKED(base::Time until, snooze_end(body, backend.now()));
  TRY(model::Incident changed, backend.snooze(call.path[0], until, by));
  return json_reply(object_json(changed));
}

Outcome unsnooze_incident(Backend& backend, const Call& call) {
  CHECKED(Body body, Body::parse(call.request, {"by"}));
  CHECKED(std::string by, actor(body));
  TRY(model::Incident changed, backend.snooze(call.path[0], base::no_time, by));
  return json_reply(object_json(changed));
}

Outcome escalate_incident(Backend& backend, const Call& call) {
  CHECKED(Body body, Body::parse(call.request, {"by"}));
  CHECKED(std::string by, actor(body));
  TRY(model::Incident changed, backend.escalate(call.path[0], by));
  return json_reply(object_json(changed));
}

Outcome page_about_incident(Backend& backend, const Call& call) {
  CHECKED(Body body, Body::parse(call.request, {"to", "text", "by"}));
  CHECKED(std::string by, actor(body));
  CHECKED(std::vector<std::string> to, one_or_more(body, "to"));
  CHECKED(std::string text, body.text("text"));
  if (to.empty()) return std::unexpected(Problem(400, "member \"to\" is missing: a target such as sms:contact.first"));
  TRY(model::Incident changed, backend.page(call.path[0], to, text, by));
  return json_reply(object_json(changed));
}

Outcome attach_to_incident(Backend& backend, const Call& call) {
  model::Attachment file;
  file.name = call.query.text("name");
  std::string by = call.query.text("by");
  if (by.empty()) by = "api";
  if (auto named = model::check_attachment_name(file.name); !named) {
    return std::unexpected(Problem(422, named.error().message()));
  }
  const std::string_view content = call.request.body;
  if (content.size() > model::most_attachment) {
    return std::unexpected(Problem(413, "the attachment has " + std::to_string(content.size()) +
                                            " bytes; at most 10 MiB (10485760 bytes) are taken"));
  }
  base::Result<std::string> type = model::attachment_type(file.name, content);
  if (!type) {
    const bool form = call.request.header("content-type").starts_with("multipart/");
    return std::unexpected(
        Problem(415, type.error().message() + (form ? "; send the file itself as the body, not a form" : "")));
  }
  file.content_type = *type;
  file.size = content.size();
  file.content = std::make_shared<const std::string>(content);
  TRY(model::Attachment kept, backend.attach(call.path[0], std::move(file), by));
  Reply reply = json_reply(object_json(kept), 201);
  reply.headers.emplace_back("Location",
                             "/api/v1/incidents/" + call.path[0] + "/attachments/" + std::to_string(kept.id));
  return reply;
}

Outcome list_incident_attachments(Backend& backend, const Call& call) {
  CHECKED(Page page, call.query.page());
  TRY(std::vector<model::Attachment> files, backend.attachments(call.path[0]));
  CHECKED(Listed<model::Attachment> listed, slice(std::move(files), page));
  return json_reply(list_json(listed));
}

Outcome show_incident_attachment(Backend& backend, const Call& call) {
  const std::string& given = call.path[1];
  std::uint64_t id = 0;
  auto [end, ec] = std::from_chars(given.data(), given.data() + given.size(), id);
  if (ec != std::errc() || end != given.data() + given.size() || id >> 63 != 0) {
    return std::unexpected(Problem(404, "there is no attachment \"" + given + "\"; attachments have numbers"));
  }
  TRY(model::Attachment file, backend.attachment(call.path[0], id));
  Reply reply;
  // Never shown in place: what people upload is not run as a page of this origin.
  reply.content_type = "application/octet-stream";
  reply.headers.emplace_back("Content-Disposition",
                             "attachment; filename=" + quoted_ascii(file.name) + "; filename*=" + extended(file.name));
  if (file.content) reply.body = *file.content;
  return reply;
}

}  // namespace tocsin::api::handlers
