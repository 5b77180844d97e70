#include "text.hpp"

#include <algorithm>

#include "message_text/text.hpp"

namespace tocsin_plugins {
namespace {

/// The default alphabet beyond ASCII, and ASCII that is not in it.
constexpr std::u32string_view gsm_beyond_ascii = U"£¥èéùìòÇØøÅåΔΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà";
constexpr std::u32string_view not_in_gsm = U"`";
constexpr std::u32string_view gsm_extension = U"^{}\\[~]|€\f";

char32_t next_character(std::string_view& text) {
  const std::size_t size = std::max<std::size_t>(character_size(text), 1);
  const auto at = [&](std::size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(text[i])); };
  const char32_t c = size == 1   ? at(0)
                     : size == 2 ? (at(0) & 0x1f) << 6 | (at(1) & 0x3f)
                     : size == 3 ? (at(0) & 0x0f) << 12 | (at(1) & 0x3f) << 6 | (at(2) & 0x3f)
                                 : (at(0) & 0x07) << 18 | (at(1) & 0x3f) << 12 | (at(2) & 0x3f) << 6 | (at(3) & 0x3f);
  text.remove_prefix(size);
  return c;
}

/// Septets of a character, 0: GSM-7 has it not.
std::size_t septets(char32_t c) {
  if (gsm_extension.find(c) != gsm_extension.npos) return 2;
  const bool ascii = (c >= 0x20 && c < 0x7f) || c == '\n' || c == '\r';
  if (ascii) return not_in_gsm.find(c) == not_in_gsm.npos ? 1 : 0;
  return gsm_beyond_ascii.find(c) != gsm_beyond_ascii.npos ? 1 : 0;
}

std::string joined(std::string_view head, std::string_view middle, std::string_view tail) {
  return std::string(head).append(middle).append(tail);
}

/// The longest prefix of `middle`, with an ellipsis, that fits; none fits: the ellipsis alone is left out too.
std::string shortened(std::string_view head, std::string_view middle, std::string_view tail, std::size_t max_parts) {
  const bool gsm = is_gsm7(joined(head, middle, tail));
  const std::string ellipsis = gsm ? "..." : "\xe2\x80\xa6";
  std::size_t low = 0, high = middle.size();  // bytes that fit, that do not
  while (high - low > 1) {
    const std::size_t mid = (low + high) / 2;
    const std::string some(middle.substr(0, tsn::detail::fitting(middle, mid)));
    (sms_parts(joined(head, some + ellipsis, tail)) <= max_parts ? low : high) = mid;
  }
  std::string kept(middle.substr(0, tsn::detail::fitting(middle, low)));
  while (kept.ends_with(' ')) kept.pop_back();
  return low == 0 ? std::string() : kept + ellipsis;
}

std::string marker_of(const tsn::Message& message) {
  if (message.kind == TSN_MSG_TEST) return "[TEST]";
  if (message.kind == TSN_MSG_RESOLVED) return "[RESOLVED]";
  const auto severity = tsn::severity_name(message.incident.severity);
  return severity.empty() ? "" : "[" + std::string(severity) + "]";
}

/// The address to acknowledge by, else that of the incident, with what leads to it.
std::string link_of(const tsn::Message& message) {
  for (const auto& action : message.actions) {
    if (action.kind == TSN_ANSWER_ACKNOWLEDGE && !action.href.empty()) return "\nAck: " + one_line(action.href);
  }
  return message.incident.url.empty() ? "" : "\n" + one_line(message.incident.url);
}

}  // namespace

bool is_gsm7(std::string_view utf8) {
  while (!utf8.empty())
    if (septets(next_character(utf8)) == 0) return false;
  return true;
}

std::size_t sms_parts(std::string_view utf8) {
  if (utf8.empty()) return 0;
  const bool gsm = is_gsm7(utf8);
  const std::size_t alone = gsm ? 160 : 70, each = gsm ? 153 : 67;
  std::size_t total = 0, parts = 1, used = 0;
  while (!utf8.empty()) {
    const char32_t c = next_character(utf8);
    const std::size_t size = gsm ? septets(c) : c > 0xffff ? 2 : 1;
    total += size;
    if (used + size > each) ++parts, used = 0;
    used += size;
  }
  return total <= alone ? 1 : parts;
}

std::string sms_text(const tsn::Message& message, std::size_t max_parts, bool takes_replies) {
  const std::string number = message.incident.number ? std::to_string(message.incident.number) : "";
  std::string head = marker_of(message);
  if (!number.empty()) head += (head.empty() ? "" : " ") + number;
  if (!head.empty()) head += ' ';
  std::string middle = one_line(message.title);
  if (const auto text = one_line(message.text); !text.empty() && text != middle)
    middle += (middle.empty() ? "" : ": ") + text;
  const bool open = message.kind == TSN_MSG_FIRING || message.kind == TSN_MSG_UPDATE;
  std::string tail;
  if (takes_replies && open && !number.empty())
    tail = "\nReply " + number + "a = ack, " + number + "c = close, " + number + "e = escalate";
  // The link is worth having where it leaves the text its place.
  const std::string link = link_of(message);
  if (!link.empty() && sms_parts(joined(head, middle, tail + link)) <= max_parts)
    tail += link;
  else if (!link.empty() && max_parts > 1 && sms_parts(joined(head, "", tail + link)) < max_parts)
    tail += link;
  if (sms_parts(joined(head, middle, tail)) <= max_parts) return joined(head, middle, tail);
  return joined(head, shortened(head, middle, tail, max_parts), tail);
}

}  // namespace tocsin_plugins
