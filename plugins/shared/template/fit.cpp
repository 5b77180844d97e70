#include "template/fit.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "message_text/cluster.hpp"
#include "message_text/sms.hpp"
#include "message_text/text.hpp"

namespace tocsin_plugins {
namespace {

template <class Each>
void for_each_range(Filled& filled, Each each) {
  for (auto* ranges : {&filled.shorten, &filled.optional, &filled.texts, &filled.kept})
    for (TextRange& range : *ranges) each(range);
}

class Fitting {
 public:
  Fitting(Filled filled, const FitLimit& limit) : filled_(std::move(filled)), limit_(limit) {}

  std::string run() {
    if (fits(filled_.text)) return std::move(filled_.text);
    if (!filled_.optional.empty() && !leaves_room()) {
      while (!filled_.optional.empty()) {
        replace(filled_.optional.back(), "");
        filled_.optional.pop_back();
      }
      if (fits(filled_.text)) return std::move(filled_.text);
    }
    if (!filled_.shorten.empty() ? cut_blocks() : cut_values()) return std::move(filled_.text);
    cut_end();
    return std::move(filled_.text);
  }

 private:
  bool fits(std::string_view text) const { return limit_.measure(text) <= limit_.most; }

  /// What may be cut has a third of the limit left, even beside {{#optional}}: an address is worth more than the end of
  /// a long text.
  bool leaves_room() const {
    std::string fixed = filled_.text;
    auto ranges = filled_.shorten.empty() ? filled_.texts : filled_.shorten;
    std::sort(ranges.begin(), ranges.end(), [](auto a, auto b) { return a.begin > b.begin; });
    for (const auto& range : ranges) fixed.erase(range.begin, range.end - range.begin);
    return limit_.measure(fixed) + std::max<std::size_t>(1, limit_.most / 3) <= limit_.most;
  }

  void replace(TextRange range, std::string_view with) {
    filled_.text.replace(range.begin, range.end - range.begin, with);
    const auto moved = [&](std::size_t& at) {
      if (at >= range.end)
        at = at - (range.end - range.begin) + with.size();
      else if (at > range.begin)
        at = std::min(at, range.begin + with.size());
    };
    for_each_range(filled_, [&](TextRange& each) { moved(each.begin), moved(each.end); });
  }

  /// The longest beginning of it that fits, an ellipsis after it; true: the text fits.
  bool cut_range(TextRange range) {
    const std::string_view text = filled_.text;
    const std::string head(text.substr(0, range.begin)), inside(text.substr(range.begin, range.end - range.begin));
    const std::string tail(text.substr(range.end));
    if (!fits(head + tail)) return replace(range, ""), false;
    const auto with = [&](std::size_t bytes) {
      std::string kept = inside.substr(0, fitting_clusters(inside, bytes));
      if (limit_.entities) drop_begun_entity(kept);
      while (kept.ends_with(' ') || kept.ends_with('\n')) kept.pop_back();
      return kept.empty() ? kept : kept.append(limit_.ellipsis);
    };
    std::size_t low = 0, high = inside.size();  // bytes that fit, that do not
    while (high - low > 1) {
      const std::size_t middle = (low + high) / 2;
      (fits(head + with(middle) + tail) ? low : high) = middle;
    }
    replace(range, at_word(inside, low) ? with(*at_word(inside, low)) : with(low));
    return true;
  }

  static void drop_begun_entity(std::string& text) {
    const auto begin = text.rfind('&');
    if (begin != std::string::npos && text.find(';', begin) == std::string::npos) text.resize(begin);
  }

  /// The end of the word before, where that costs little.
  static std::optional<std::size_t> at_word(std::string_view text, std::size_t bytes) {
    if (bytes < text.size() && text[bytes] == ' ') return std::nullopt;
    const auto space = text.substr(0, bytes).rfind(' ');
    if (space == text.npos || bytes - space > 20 || space < bytes / 2) return std::nullopt;
    return space;
  }

  bool cut_blocks() {
    for (std::size_t i = filled_.shorten.size(); i-- > 0;)
      if (cut_range(filled_.shorten[i])) return true;
    return false;
  }

  bool cut_values() {
    auto& texts = filled_.texts;
    const auto size = [](const TextRange& range) { return range.end - range.begin; };
    for (int rounds = 0; rounds < 8 && !texts.empty(); ++rounds) {
      const auto longest =
          std::max_element(texts.begin(), texts.end(), [&](auto a, auto b) { return size(a) < size(b); });
      const TextRange range = *longest;
      texts.erase(longest);
      if (size(range) > 0 && cut_range(range)) return true;
    }
    return false;
  }

  void cut_end() {
    std::size_t end = filled_.text.size();
    std::erase_if(filled_.kept, [](const TextRange& range) { return range.begin == range.end; });  // left out already
    if (!filled_.kept.empty()) {
      const auto address = filled_.kept.front().begin, line = filled_.text.rfind('\n', address);
      end = line == std::string::npos ? address : line;
    }
    if (fits(std::string_view(filled_.text).substr(end))) cut_range({0, end});
  }

  Filled filled_;
  const FitLimit& limit_;
};

}  // namespace

std::string fitted(Filled filled, const FitLimit& limit) {
  return Fitting(std::move(filled), limit).run();
}

void respell(Filled& filled, const std::function<std::string_view(std::string_view)>& spelling) {
  std::vector<std::size_t*> ends;
  for_each_range(filled, [&](TextRange& range) { ends.push_back(&range.begin), ends.push_back(&range.end); });
  std::stable_sort(ends.begin(), ends.end(), [](auto* a, auto* b) { return *a < *b; });
  std::string out;
  auto next = ends.begin();
  for (std::size_t at = 0, size = 0; at <= filled.text.size(); at += size) {
    for (; next != ends.end() && **next <= at; ++next) **next = out.size();
    if (at == filled.text.size()) break;
    const auto rest = std::string_view(filled.text).substr(at);
    size = std::max<std::size_t>(character_size(rest), 1);
    out += spelling(rest.substr(0, size));
  }
  filled.text = std::move(out);
}

std::string fitted_mrkdwn(Filled filled, std::size_t most) {
  const auto units = [](std::string_view text) {  // a character of four bytes is a surrogate pair
    std::size_t count = 0;
    for (const char c : text)
      count += (static_cast<unsigned char>(c) & 0xc0) == 0x80 ? 0 : static_cast<unsigned char>(c) >= 0xf0 ? 2 : 1;
    return count;
  };
  return fitted(std::move(filled), {.most = most, .measure = units, .entities = true});
}

std::string fitted_sms(Filled filled, std::size_t most_parts, bool gsm7) {
  if (gsm7 && is_gsm7(gsm7_spelled(filled.text)))
    respell(filled, [](std::string_view c) { return is_gsm7(c) ? c : gsm7_spelling(c); });
  const bool plain = is_gsm7(filled.text);
  return fitted(std::move(filled), {most_parts, sms_parts, plain ? "..." : "\xe2\x80\xa6"});
}

}  // namespace tocsin_plugins
