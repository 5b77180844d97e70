#include "tocsin/testing/hostile.hpp"

#include <cstdint>
#include <deque>
#include <limits>

#include "tocsin/testing/samples.hpp"

namespace tsn::testing {
namespace {

std::string_view kept(std::string text) {
  static std::deque<std::string> all;
  return all.emplace_back(std::move(text));
}

std::string repeated(std::string_view piece, std::size_t bytes) {
  std::string out;
  out.reserve(bytes + piece.size());
  while (out.size() < bytes) out += piece;
  return out;
}

std::string all_controls() {
  std::string out = "a";
  for (char c = 0; c < 0x20; ++c) out.append({c, 'b'});
  return out + "\x7f\xc2\x80\xc2\x9b[2J\xc2\x9f";
}

void fill(Alert& alert, std::string_view text) {
  alert.name = alert.fingerprint = alert.message = alert.suggestion = alert.generator_url = text;
  for (auto* labels : {&alert.labels, &alert.annotations}) labels->push_back({text, text});
}

void fill(Incident& incident, std::string_view text) {
  for (auto* field :
       {&incident.correlation_id, &incident.title, &incident.description, &incident.category, &incident.service,
        &incident.impact, &incident.suggestion, &incident.resolution_notes, &incident.owner, &incident.url,
        &incident.runbook_url, &incident.ticket_key, &incident.ticket_url})
    *field = text;
  for (auto& alert : incident.alerts) fill(alert, text);
  incident.labels.push_back({text, text});
  incident.links.push_back({text, text});
  incident.timeline.push_back({0, text, text, text, text, text});
}

HostileMessage made(std::string name, std::string content, bool utf8 = true) {
  const auto text = kept(std::move(content));
  HostileMessage out{std::move(name), sample_message(), text, utf8};
  auto& message = out.message;
  fill(message.incident, text);
  message.title = message.text = message.recipient.name = message.recipient.target = message.provider_id = text;
  auto& group = *message.group;
  group.receiver = group.group_key = group.external_url = text;
  group.labels.push_back({text, text});
  message.actions.push_back({TSN_ANSWER_ACKNOWLEDGE, text, text});
  return out;
}

HostileMessage with_odd_numbers() {
  auto out = made("odd numbers", "");
  auto& incident = out.message.incident;
  incident.severity = 99, incident.status = 99;
  incident.number = UINT64_MAX;
  incident.detected_at = INT64_MIN, incident.acknowledged_at = INT64_MAX;
  incident.alerts[0].value = std::numeric_limits<double>::infinity();
  incident.alerts[0].threshold = -std::numeric_limits<double>::max();
  incident.alerts[1].value = std::numeric_limits<double>::quiet_NaN();
  incident.alerts[0].starts_at = INT64_MIN, incident.alerts[0].ends_at = INT64_MAX;
  out.message.kind = 99;
  return out;
}

HostileMessage with_many_alerts() {
  auto out = made("thousands of alerts", "many <b>of them</b>");
  auto& alerts = out.message.incident.alerts;
  alerts.resize(5000, alerts[0]);
  return out;
}

}  // namespace

const std::vector<HostileMessage>& hostile_messages() {
  constexpr std::size_t megabyte = 1024 * 1024;
  static const std::vector<HostileMessage> all = {
      made("nothing", ""),
      made("html",
           "<script>alert(1)</script><img src=x onerror=\"alert(1)\"> \"'><a href='javascript:alert(1)'>&#x3c;"),
      made("mrkdwn", "<!channel> <@U0000001> <https://evil.example.com|bank> *b* _i_ ~s~ `c` ```d``` > q &lt;"),
      made("headers",
           "x\r\nBcc: evil@example.com\r\nContent-Type: text/html\r\n\r\n<b>body</b>\r\n.\r\nQUIT\r\n--=_tocsin_"),
      made("encoded words", "=?UTF-8?B?PGI+?= =?UTF-8?Q?=0D=0ABcc:_a@b?="),
      made("json", "\"},{\"a\": 1}], \\\" \\u0000 \\ /* {{title}} {{#each alerts}}{{/if}} ${file:/etc/passwd} %s%n"),
      made("xml", "]]></speak><break time=\"10h\"/><![CDATA[ &amp; &xxe; <!ENTITY x SYSTEM \"file:///etc/passwd\">"),
      made("links", "javascript:alert(1)//https://evil.example.com data:text/html,<b> www.evil.example.com"),
      made("control characters", all_controls()),
      made("directions",
           "safe \u202egnp.exe\u202c \u2066iso\u2069 \u200elrm\u200f \u061c \u2028line\u2029par \ufeffbom"),
      made("right to left", "فشلَ التَّحميلُ اليوميّ «DAILY_SALES» – ٤٢٪ שלום "),
      made("emoji", "👨‍👩‍👧‍👦🏳️‍🌈🇸🇦👍🏽 1️⃣ e\u0301"),
      made("a heap of marks", "Z" + repeated("\u0301\u0323", 4000)),
      made("not UTF-8", "\xff\xfe\xc3 \xed\xa0\x80 \xf4\x90\x80\x80 \xc0\xaf end\xe2\x80", false),
      made("a megabyte of letters", repeated("word ", megabyte)),
      made("a megabyte of brackets", repeated("<\"&", megabyte)),
      with_odd_numbers(),
      with_many_alerts()};
  return all;
}

Upsert hostile_upsert(const HostileMessage& hostile) {
  Upsert out = sample_upsert();
  out.incident = hostile.message.incident;
  out.note = out.note_author = hostile.text;
  return out;
}

}  // namespace tsn::testing
