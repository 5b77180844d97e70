#include "template/escape.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "message_text/html.hpp"
#include "message_text/sms.hpp"
#include "message_text/text.hpp"

namespace tocsin_plugins {
namespace {

constexpr std::size_t most_tag = 200;  // bytes: what is longer is no tag of anybody's
constexpr char hex_digits[] = "0123456789ABCDEF";

std::string html_value(std::string_view value, ValuePlace place) {
  std::string out;
  const std::string text = place == ValuePlace::plain ? clean(value) : one_line(value);
  if (place == ValuePlace::link && !is_web_link(text) && !text.starts_with("mailto:")) return out;
  for (const char c : text) append_html_line(out, c);
  return out;
}

std::string xml_value(std::string_view value) {
  std::string out;
  for (const char c : clean(value)) append_html(out, c);
  return out;
}

std::string mrkdwn_value(std::string_view value) {
  std::string out;
  for (const char c : clean(value)) {
    if (c == '&' || c == '<' || c == '>')
      append_html(out, c);
    else
      out += c;
  }
  return out;
}

/// What stands between the quotes of a JSON string.
std::string json_inside(std::string_view value) {
  std::string out;
  for (const char c : clean(value)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      out.append({'\\', c});
    else if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (byte < 0x20)
      out.append("\\u00").append({hex_digits[byte >> 4], hex_digits[byte & 15]});
    else
      out += c;
  }
  return out;
}

/// The shortest that reads back as the same number.
std::string json_number(double number) {
  if (!std::isfinite(number)) return "null";
  char text[32];
  return std::string(text, std::to_chars(text, text + sizeof text, number).ptr);
}

void append_json(std::string& out, const Datum& value, std::size_t most) {
  if (out.size() > most) return;
  const auto list = [&](char open, char close, bool named) {
    out += open;
    for (std::size_t i = 0; i < value.items.size() && out.size() <= most; ++i) {
      if (i) out += ',';
      if (named) out.append("\"").append(json_inside(value.names[i])).append("\":");
      append_json(out, value.items[i], most);
    }
    out += close;
  };
  switch (value.kind) {
    case Datum::Kind::nothing:
      out += "null";
      break;
    case Datum::Kind::truth:
      out += value.truth ? "true" : "false";
      break;
    case Datum::Kind::number:
      out += json_number(value.number);
      break;
    case Datum::Kind::time:
      out += value.time ? "\"" + iso_text(value.time) + "\"" : "null";
      break;
    case Datum::Kind::text:
      out.append("\"").append(json_inside(value.text)).append("\"");
      break;
    case Datum::Kind::list:
      return list('[', ']', false);
    default:
      return list('{', '}', true);
  }
}

bool is_address(std::string_view word) {
  return word.find("://") != word.npos || word.starts_with("www.");
}

}  // namespace

std::string percent_encoded(std::string_view value) {
  std::string out;
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter || c == '-' || c == '.' || c == '_' || c == '~')
      out += c;
    else
      out.append({'%', hex_digits[byte >> 4], hex_digits[byte & 15]});
  }
  return out;
}

std::string json_of(const Datum& value, std::size_t most) {
  std::string out;
  append_json(out, value, most);
  return out.size() > most ? "null" : out;
}

std::string spoken_text(std::string_view text) {
  std::string plain;
  const std::string line = without_marks(one_line(text));
  for (std::size_t i = 0; i < line.size(); ++i) {
    const bool opens = line[i] == '<' && i + 1 < line.size() && line[i + 1] != ' ';
    const auto length = opens ? std::string_view(line).substr(i, most_tag).find('>') : line.npos;
    const bool tag = length != line.npos;
    if (tag) i += length;
    const bool mark = tag || std::string_view("<>&*_`#~|{}[]\\\"=").find(line[i]) != std::string_view::npos;
    plain += mark ? ' ' : line[i];
  }
  std::string out;
  for (std::string_view rest = plain; !rest.empty();) {
    const auto word = rest.substr(0, rest.find(' '));
    // Where markup stood before a full stop, no blank stays.
    const bool ends = word.size() == 1 && std::string_view(".,;:!?").find(word[0]) != std::string_view::npos;
    while (ends && out.ends_with(' ')) out.pop_back();
    if (!is_address(word)) out.append(word).append(" ");
    rest.remove_prefix(std::min(word.size() + 1, rest.size()));
  }
  return one_line(out);
}

std::string escaped_for(Escape escape, ValuePlace place, std::string_view value) {
  switch (escape) {
    case Escape::text:
      return clean(value);
    case Escape::line:
      return one_line(value);
    case Escape::html:
      return html_value(value, place);
    case Escape::json:
      return json_inside(value);
    case Escape::xml:
      return xml_value(value);
    case Escape::url:
      return percent_encoded(clean(value));
    case Escape::mrkdwn:
      return mrkdwn_value(value);
    case Escape::sms:
      return without_marks(one_line(value));
    case Escape::speech:
      return spoken_text(value);
  }
  return {};
}

}  // namespace tocsin_plugins
