// The filters of templates: what becomes of a value before it is escaped.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <set>

#include "message_text/text.hpp"
#include "template/escape.hpp"
#include "template/filler.hpp"

namespace tocsin_plugins {
namespace {

using Kind = Datum::Kind;
constexpr std::int64_t second = 1'000'000'000;

std::string cased(std::string text, bool upper) {
  for (char& c : text) {
    if (upper && c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    if (!upper && c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return text;
}

std::string trimmed_text(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == text.npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
}

std::string sentence_of(std::string text) {
  text = one_line(text);
  if (text.empty()) return text;
  const std::string_view ends[] = {".", "!", "?", "\xd8\x9f"};
  const bool ended = std::any_of(std::begin(ends), std::end(ends), [&](auto end) { return text.ends_with(end); });
  return ended ? text : text + ".";
}

/// "45s", "12m", "3h", "2d": the largest unit, as people say how long something lasts.
std::string age_of(std::int64_t at, std::int64_t now) {
  if (at == 0) return {};
  const std::int64_t seconds = std::max<std::int64_t>(0, now / second - at / second);
  if (seconds < 60) return std::to_string(seconds) + "s";
  if (seconds < 3600) return std::to_string(seconds / 60) + "m";
  if (seconds < 2 * 86400) return std::to_string(seconds / 3600) + "h";
  return std::to_string(seconds / 86400) + "d";
}

std::string offset_text(std::int32_t seconds) {
  char text[24];
  const int minutes = std::abs(seconds) / 60;
  std::snprintf(text, sizeof text, "%c%02d:%02d", seconds < 0 ? '-' : '+', minutes / 60, minutes % 60);
  return text;
}

}  // namespace

std::string digits_apart(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool digit = c >= '0' && c <= '9';
    if (digit && !out.empty() && out.back() >= '0' && out.back() <= '9') out += ' ';
    out += c;
  }
  return out;
}

std::string Filler::time_text(const Expression& expression, std::int64_t at) const {
  if (at == 0) return {};
  if (expression.filter == FilterId::age) return age_of(at, now_);
  const std::int32_t offset = expression.zone ? expression.zone->offset_at(at / second) : 0;
  const std::string civil = utc_text((at / second + offset) * second);  // "2026-11-20 10:00:00 UTC"
  if (civil.size() < 19) return {};
  if (expression.filter == FilterId::date) return civil.substr(0, 10);
  if (expression.filter == FilterId::time) return civil.substr(11, 5);
  return civil.substr(0, 16) + (expression.zone ? " " + offset_text(offset) : " UTC");
}

std::string Filler::filter_text(const Expression& expression, const std::string& text) {
  switch (expression.filter) {
    case FilterId::upper:
    case FilterId::lower:
      return cased(text, expression.filter == FilterId::upper);
    case FilterId::trim:
      return trimmed_text(text);
    case FilterId::truncate:
      return cut(clean(text), static_cast<std::size_t>(expression.kids[1].number));
    case FilterId::url:
      return percent_encoded(clean(text));
    case FilterId::digits:
      return digits_apart(text);
    case FilterId::sentence:
      return sentence_of(text);
    default:
      return text;
  }
}

const Datum& Filler::joined(const Expression& expression, const Datum& input) {
  const std::string between = expression.kids.size() > 1 ? expression.kids[1].text : ", ";
  std::string out;
  for (std::size_t i = 0; i < input.items.size() && out.size() <= budget_.output; ++i) {
    if (!spend(input.items[i].text.size())) break;
    if (i) out += between;
    if (input.kind == Kind::map) out.append(input.names[i]).append("=");
    out += datum_text(input.items[i]);
  }
  return keep_text(std::move(out));
}

const Datum& Filler::unique(const Datum& input) {
  Datum out = Datum::of_kind(Kind::list);
  std::set<std::string> seen;
  for (const Datum& item : input.items) {
    std::string text = datum_text(item);
    if (!spend(text.size())) break;
    if (seen.insert(std::move(text)).second) out.items.push_back(item);
  }
  return keep(std::move(out));
}

const Datum& Filler::json(const Datum& input) {
  std::string text = json_of(input, budget_.output);
  return spend(text.size()) ? keep_text(std::move(text)) : keep_text("null");
}

const Datum& Filler::filtered(const Expression& expression) {
  const Datum& input = evaluate(expression.kids[0]);
  switch (expression.filter) {
    case FilterId::fallback:
      return datum_holds(input) ? input : evaluate(expression.kids[1]);
    case FilterId::date:
    case FilterId::time:
    case FilterId::datetime:
    case FilterId::age:
      return keep_text(time_text(expression, input.kind == Kind::time ? input.time : 0));
    case FilterId::count:
      return keep(Datum::of_number(static_cast<double>(input.items.size())));
    case FilterId::join:
      return joined(expression, input);
    case FilterId::unique:
      return unique(input);
    case FilterId::json:
      return json(input);
    case FilterId::round: {
      char text[400];  // the largest double has 309 digits
      if (input.kind != Kind::number || !std::isfinite(input.number)) return keep_text(datum_text(input));
      const int places = expression.kids.size() > 1 ? static_cast<int>(expression.kids[1].number) : 0;
      std::snprintf(text, sizeof text, "%.*f", places, input.number);
      return keep_text(text);
    }
    default: {
      const std::string text = datum_text(input);
      return spend(text.size()) ? keep_text(filter_text(expression, text)) : keep_text({});
    }
  }
}

}  // namespace tocsin_plugins
