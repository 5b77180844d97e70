// What people add to an incident: notes, tags, links, files.
#include <algorithm>

#include "base/id.hpp"
#include "base/text.hpp"
#include "incidents/decisions.hpp"

namespace tocsin::incidents {
namespace {

using base::Fault;

constexpr std::size_t most_tags = 50, most_links = 50, longest_tag = 64, longest_href = 2000;

bool control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) == 0x7f;
}

base::Result<std::string> checked_tag(const std::string& given) {
  const std::string tag(base::trim(given));
  const auto refuse = [&](const std::string& why) {
    return base::fail(Fault::invalid, "the tag " + base::json_quote(given.substr(0, 100)) + " " + why);
  };
  if (tag.empty()) return refuse("is empty");
  if (tag.size() > longest_tag) return refuse("is longer than 64 bytes");
  if (!base::valid_utf8(tag)) return refuse("is not UTF-8");
  if (std::ranges::any_of(tag, control) || tag.find_first_of(",\"\\") != tag.npos) {
    return refuse("holds a comma, quote, backslash or control character");
  }
  return tag;
}

base::Result<void> check_link(const model::Link& link) {
  const std::string lower = base::lower(link.href.substr(0, 8));
  if (!lower.starts_with("http://") && !lower.starts_with("https://")) {
    return base::fail(Fault::invalid,
                      "the link " + base::json_quote(link.href.substr(0, 100)) + " is no http:// or https:// address");
  }
  if (link.href.size() > longest_href || link.text.size() > longest_href) {
    return base::fail(Fault::invalid, "a link is at most 2000 bytes long");
  }
  const auto bad = [](const std::string& text) {
    return !base::valid_utf8(text) || std::ranges::any_of(text, control);
  };
  if (bad(link.href) || bad(link.text) || link.href.find(' ') != std::string::npos) {
    return base::fail(Fault::invalid, "a link holds no blanks and no control characters");
  }
  return {};
}

}  // namespace

base::Result<void> check_tags_and_links(model::Incident& incident) {
  if (incident.tags.size() > most_tags || incident.links.size() > most_links) {
    return base::fail(Fault::invalid, "an incident has at most 50 tags and 50 links");
  }
  for (std::string& tag : incident.tags) {
    TRY(tag, checked_tag(tag));
  }
  for (const model::Link& link : incident.links) TRY_VOID(check_link(link));
  return {};
}

base::Result<model::Changes> Desk::note(const std::string& id, const std::string& text, const std::string& actor,
                                        base::Time now) {
  TRY(Case * found, impl_->wanted(id));
  Case& c = *found;
  if (base::trim(text).empty()) return base::fail(Fault::invalid, "a note needs text");
  c.incident.updated_at = now;
  impl_->touch(c);
  impl_->log(c, now, actor, "note", "", "", text);
  impl_->notice(c, "note", c.incident.title + ": note by " + somebody(actor), actor, now, text);
  impl_->sync_tickets(c, TicketChange::note, actor, text, now);
  return impl_->finish(now);
}

base::Result<model::Changes> Desk::tag(const std::string& id, const std::vector<std::string>& add,
                                       const std::vector<std::string>& remove, const std::string& actor,
                                       base::Time now) {
  TRY(Case * found, impl_->wanted(id));
  Case& c = *found;
  std::vector<std::string> tags = c.incident.tags;
  for (const std::string& given : add) {
    TRY(const std::string tag, checked_tag(given));
    if (std::ranges::find(tags, tag) == tags.end()) tags.push_back(tag);
  }
  for (const std::string& given : remove) std::erase(tags, std::string(base::trim(given)));
  if (tags.size() > most_tags)
    return base::fail(Fault::invalid, name_of(c.incident) + " has 50 tags; remove one first");
  if (tags == c.incident.tags) return model::Changes{};
  const std::string before = joined(std::exchange(c.incident.tags, std::move(tags)));
  c.incident.updated_at = now;
  impl_->touch(c);
  impl_->log(c, now, actor, "tags", before, joined(c.incident.tags));
  return impl_->finish(now);
}

base::Result<model::Changes> Desk::link(const std::string& id, model::Link link, const std::string& actor,
                                        base::Time now) {
  TRY(Case * found, impl_->wanted(id));
  Case& c = *found;
  TRY_VOID(check_link(link));
  if (base::trim(link.text).empty()) link.text = link.href;
  auto& links = c.incident.links;
  const auto same = std::ranges::find(links, link.href, &model::Link::href);
  if (same != links.end() && same->text == link.text) return model::Changes{};
  if (same == links.end() && links.size() >= most_links) {
    return base::fail(Fault::invalid, name_of(c.incident) + " has 50 links");
  }
  const std::string before = same == links.end() ? std::string() : same->text + " " + same->href;
  if (same == links.end())
    links.push_back(link);
  else
    same->text = link.text;
  c.incident.updated_at = now;
  impl_->touch(c);
  impl_->log(c, now, actor, "link", before, link.text + " " + link.href);
  return impl_->finish(now);
}

base::Result<model::Changes> Desk::attach(const std::string& id, model::Attachment file, const std::string& actor,
                                          base::Time now) {
  TRY(Case * found, impl_->wanted(id));
  Case& c = *found;
  file.key = base::uuid_v7(now);
  file.correlation_id = c.incident.correlation_id;
  file.by = actor;
  file.at = now;
  c.incident.updated_at = now;
  impl_->touch(c);
  impl_->log(c, now, actor, "attachment", "", file.name,
             file.content_type + ", " + std::to_string(file.size) + " bytes");
  impl_->out_.attachments.push_back(std::move(file));
  return impl_->finish(now);
}

}  // namespace tocsin::incidents
