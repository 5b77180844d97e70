#include "mail.hpp"

#include <algorithm>
#include <ctime>
#include <utility>

#include "body.hpp"
#include "message_text/page.hpp"
#include "message_text/sms.hpp"
#include "template/message_data.hpp"

namespace tocsin_plugins {
namespace {

constexpr std::size_t most_subject = 200;  // code points

/// "Fri, 20 Nov 2026 10:00:00 +0000" (RFC 5322, 3.3), whatever the locale.
std::string date_text(tsn::Time at) {
  constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t seconds = at / 1'000'000'000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[64];
  const int n = std::snprintf(text, sizeof text, "%s, %d %s %d %02d:%02d:%02d +0000", days[utc.tm_wday], utc.tm_mday,
                              months[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
  return std::string(text, static_cast<std::size_t>(n));
}

/// What may stand in an id or a technical header as it is.
std::string token(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 120)) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    out += plain || c == '-' || c == '_' || c == '.' || c == ':' ? c : '-';
  }
  return out;
}

bool is_message_id(std::string_view id) {
  return id.size() > 4 && id.size() <= 250 && id.front() == '<' && id.back() == '>' &&
         std::all_of(id.begin(), id.end(), [](unsigned char c) { return c > 0x20 && c < 0x7f; });
}

struct Ids {
  std::string own, thread;
};

Ids ids_of(const tsn::Message& message, const Address& from, const Address& to) {
  const std::string domain = from.mail.substr(from.mail.find('@'));
  const std::string key(message.key);
  const std::string own = "<note-" + hash_text(key) + hash_text(to.mail + key) + domain + ">";
  if (message.incident.correlation_id.empty()) return {own, own};
  std::string incident = token(message.incident.correlation_id);
  std::replace(incident.begin(), incident.end(), ':', '-');
  std::string first = "<incident-" + incident + "." + hash_text(to.mail) + domain + ">";
  if (is_message_id(message.provider_id)) return {own, std::string(message.provider_id)};
  // An update or an end whose first mail never arrived still belongs to its thread, but does not pose as its start.
  if (message.kind != TSN_MSG_FIRING) return {own, first};
  return {first, first};
}

std::string subject_of(const MailStyle& style, const tsn::Message& message, const Page& page, tsn::Time now) {
  std::string subject;
  if (style.templates.subject)
    subject = without_marks(one_line(filled_message(*style.templates.subject, message, now).text));
  subject = cut(subject.empty() ? without_marks(page.headline()) : subject, most_subject);
  return style.subject_prefix.empty() ? subject : style.subject_prefix + " " + subject;
}

/// The two parts, in the words of the templates where there are such. HTML that ends early would be broken HTML.
std::pair<std::string, std::string> parts_of(const MailStyle& style, const tsn::Message& message, const Page& page,
                                             tsn::Time now) {
  const auto& [subject, text, html] = style.templates;
  std::string plain = text ? filled_message(*text, message, now).text : text_body(page);
  if (html)
    if (auto filled = filled_message(*html, message, now); filled.whole)
      return {std::move(plain), std::move(filled.text)};
  return text ? std::pair(plain, html_of_text(page, plain)) : std::pair(plain, html_body(page));
}

std::string headers_of(const MailStyle& style, const Address& to, const tsn::Message& message, const Page& page,
                       const Ids& ids, tsn::Time now) {
  std::string out = "Date: " + date_text(now) + "\r\n";
  out += address_header("From", style.from);
  out += address_header("To", to);
  if (style.reply_to) out += address_header("Reply-To", *style.reply_to);
  out += text_header("Subject", subject_of(style, message, page, now));
  out += "Message-ID: " + ids.own + "\r\n";
  if (ids.own != ids.thread) out += "In-Reply-To: " + ids.thread + "\r\nReferences: " + ids.thread + "\r\n";
  if (message.incident.severity == TSN_SEV_CRITICAL && message.kind != TSN_MSG_RESOLVED) out += "Importance: high\r\n";
  // RFC 3834: no vacation notice answers it.
  out += "Auto-Submitted: auto-generated\r\nX-Auto-Response-Suppress: All\r\n";
  if (!message.incident.correlation_id.empty()) {
    out += "X-Tocsin-Incident: " + token(message.incident.correlation_id) + "\r\n";
  }
  out += "X-Tocsin-Idempotency-Key: " + token(message.key) + "\r\n";
  return out + "MIME-Version: 1.0\r\n";
}

std::string part(std::string_view type, std::string_view text) {
  return "Content-Type: " + std::string(type) +
         "; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + quoted_printable(text);
}

}  // namespace

Mail compose(const MailStyle& style, const Address& to, const tsn::Message& message, tsn::Time now) {
  const Page page = page_of(message);
  const Ids ids = ids_of(message, style.from, to);
  // "=_" is never written by quoted-printable, so no part can hold the boundary (RFC 2045, 6.7).
  const std::string boundary = "=_tocsin_" + hash_text(ids.own);
  Mail mail{ids.own, ids.thread, headers_of(style, to, message, page, ids, now)};
  mail.bytes += "Content-Type: multipart/alternative; boundary=\"" + boundary + "\"\r\n\r\n";
  const auto [plain, html] = parts_of(style, message, page, now);
  mail.bytes += "--" + boundary + "\r\n" + part("text/plain", plain);
  mail.bytes += "--" + boundary + "\r\n" + part("text/html", html);
  mail.bytes += "--" + boundary + "--\r\n";
  return mail;
}

}  // namespace tocsin_plugins
