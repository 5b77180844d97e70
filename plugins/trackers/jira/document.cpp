#include "document.hpp"

#include <nlohmann/json.hpp>

#include "tocsin/status.hpp"

namespace tocsin_plugins::jira {
namespace {

using nlohmann::json;

bool is_link(std::string_view href) {
  return href.starts_with("http://") || href.starts_with("https://");
}

/// Control characters but the newline are no text in either format.
std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\r') continue;
    out += c != '\n' && (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) ? ' ' : c;
  }
  return out;
}

/// Text nodes of one span; a newline is a hardBreak, since a text node shows none. Text nodes may not be empty.
void add_nodes(const Span& span, json& nodes) {
  json marks = json::array();
  if (is_link(span.href)) marks.push_back({{"type", "link"}, {"attrs", {{"href", span.href}}}});
  if (span.strong) marks.push_back({{"type", "strong"}});
  const std::string text = printable(span.text);
  for (std::size_t begin = 0; begin <= text.size();) {
    const auto end = std::min(text.find('\n', begin), text.size());
    if (begin > 0) nodes.push_back({{"type", "hardBreak"}});
    if (end > begin) {
      json node{{"type", "text"}, {"text", text.substr(begin, end - begin)}};
      if (!marks.empty()) node["marks"] = marks;
      nodes.push_back(std::move(node));
    }
    begin = end + 1;
  }
}

json paragraph_of(const Line& line) {
  json nodes = json::array();
  for (const auto& span : line) add_nodes(span, nodes);
  return {{"type", "paragraph"}, {"content", std::move(nodes)}};
}

/// What begins markup anywhere is escaped; - and # begin a list or a rule at a line's start, - also strikes out.
std::string wiki_text(std::string_view raw) {
  const std::string text = printable(raw);
  std::string out;
  char before = '\n';
  for (const char c : text) {
    const bool always = std::string_view("\\{}[]*_+^~|!").find(c) != std::string_view::npos;
    const bool starts = std::string_view("-#?").find(c) != std::string_view::npos &&
                        std::string_view(" \n-#?(").find(before) != std::string_view::npos;
    if (always || starts) out += '\\';
    out += c;
    before = c;
  }
  return out;
}

std::string wiki_url(std::string_view href) {
  std::string out;
  for (const char c : printable(href)) {
    if (std::string_view(" |[]{}\n").find(c) == std::string_view::npos) {
      out += c;
      continue;
    }
    constexpr char hex[] = "0123456789ABCDEF";
    out += {'%', hex[static_cast<unsigned char>(c) >> 4], hex[c & 15]};
  }
  return out;
}

std::string wiki_line(const Line& line) {
  std::string out;
  for (const auto& span : line) {
    if (is_link(span.href))
      out += "[" + wiki_text(span.text) + "|" + wiki_url(span.href) + "]";
    else if (span.strong)
      out += "*" + wiki_text(span.text) + "*";
    else
      out += wiki_text(span.text);
  }
  return out;
}

}  // namespace

std::vector<Line> Document::fitting(std::vector<Line> lines) {
  std::vector<Line> out;
  for (auto& line : lines) {
    const std::size_t cost = wiki_line(line).size() + 8;  // "h3. ", "* " and line ends
    full_ = full_ || used_ + cost > most_bytes;
    if (full_) break;
    used_ += cost;
    out.push_back(std::move(line));
  }
  return out;
}

void Document::add(Kind kind, std::vector<Line> lines) {
  if (full_) return;
  auto taken = fitting(std::move(lines));
  if (!taken.empty()) blocks_.push_back({kind, std::move(taken)});
  if (full_) blocks_.push_back({Kind::paragraph, {{Span{"… (shortened: more than Jira takes)"}}}});
}

void Document::heading(std::string_view text) {
  add(Kind::heading, {{Span{std::string(text)}}});
}

void Document::paragraph(std::string_view text, std::size_t most) {
  if (!text.empty()) paragraph(Line{Span{shortened(text, most)}});
}

void Document::paragraph(Line line) {
  add(Kind::paragraph, {std::move(line)});
}

void Document::bullets(std::vector<Line> lines) {
  add(Kind::bullets, std::move(lines));
}

nlohmann::json Document::adf() const {
  json content = json::array();
  for (const auto& block : blocks_) {
    if (block.kind == Kind::bullets) {
      json items = json::array();
      for (const auto& line : block.lines) items.push_back({{"type", "listItem"}, {"content", {paragraph_of(line)}}});
      content.push_back({{"type", "bulletList"}, {"content", std::move(items)}});
      continue;
    }
    json node = paragraph_of(block.lines.front());
    if (block.kind == Kind::heading) node["type"] = "heading", node["attrs"] = {{"level", 3}};
    content.push_back(std::move(node));
  }
  return {{"version", 1}, {"type", "doc"}, {"content", std::move(content)}};
}

std::string Document::wiki() const {
  std::string out;
  for (const auto& block : blocks_) {
    if (!out.empty()) out += "\n";
    for (const auto& line : block.lines) {
      std::string text = wiki_line(line);
      if (block.kind == Kind::bullets) {
        // A line break inside an item would end the list.
        for (std::size_t at = 0; (at = text.find('\n', at)) != text.npos; at += 3) text.replace(at, 1, " \\\\");
        text.insert(0, "* ");
      }
      out += (block.kind == Kind::heading ? "h3. " : "") + text + "\n";
    }
  }
  return out;
}

std::string shortened(std::string_view text, std::size_t most_bytes) {
  if (text.size() <= most_bytes) return std::string(text);
  return std::string(text.substr(0, tsn::detail::fitting(text, most_bytes - 3))) + "…";
}

}  // namespace tocsin_plugins::jira
