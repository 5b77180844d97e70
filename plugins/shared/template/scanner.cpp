#include "template/scanner.hpp"

#include <algorithm>
#include <charconv>

#include "message_text/text.hpp"

namespace tocsin_plugins {
namespace {

bool tag_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
bool begins_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool continues_name(char c) {
  return begins_name(c) || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '/';
}

/// Where the tag that begins at `from` ends; braces in quotes do not end it.
std::size_t end_of_tag(std::string_view source, std::size_t from) {
  const bool comment = from < source.size() && source[from] == '!';
  char quote = 0;
  for (std::size_t i = from; i < source.size(); ++i) {
    const char c = source[i];
    if (quote && c == '\\') {
      ++i;
    } else if (quote) {
      if (c == quote) quote = 0;
    } else if (!comment && (c == '"' || c == '\'')) {
      quote = c;
    } else if (source.substr(i).starts_with("}}")) {
      return i;
    }
  }
  return source.npos;
}

/// A tag that writes nothing itself.
bool is_silent(const Scrap& scrap) {
  if (!scrap.tag) return false;
  std::string_view text = scrap.text;
  while (!text.empty() && tag_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && tag_space(text.back())) text.remove_suffix(1);
  return text.starts_with('#') || text.starts_with('/') || text.starts_with('!') || text == "else" ||
         text.starts_with("else ");
}

/// Bytes of blanks and a newline that begin `text`; npos: something else does. At the source's end no newline is
/// needed.
std::size_t rest_of_line(std::string_view text, bool at_end) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == text.npos) return at_end ? text.size() : text.npos;
  return text[first] == '\n' ? first + 1 : text.npos;
}

/// Where the line that `text` ends with begins, if there are only blanks in it; npos: there is more.
std::size_t begin_of_line(std::string_view text, bool at_begin) {
  const auto newline = text.rfind('\n');
  const auto begin = newline == text.npos ? 0 : newline + 1;
  if (newline == text.npos && !at_begin) return text.npos;
  return text.substr(begin).find_first_not_of(" \t\r") == text.npos ? begin : text.npos;
}

void drop_lines_of_tags(std::vector<Scrap>& scraps) {
  const std::vector<Scrap> whole = scraps;
  const std::string_view nothing;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    if (!is_silent(whole[i])) continue;
    const bool tag_before = i > 0 && whole[i - 1].tag, tag_after = i + 1 < whole.size() && whole[i + 1].tag;
    if (tag_before || tag_after) continue;
    const auto before = i > 0 ? whole[i - 1].text : nothing, after = i + 1 < whole.size() ? whole[i + 1].text : nothing;
    const auto begin = begin_of_line(before, i < 2), rest = rest_of_line(after, i + 2 >= whole.size());
    if (begin == before.npos || rest == after.npos) continue;
    if (i > 0) {
      auto& text = scraps[i - 1].text;
      text.remove_suffix(std::min(text.size(), before.size() - begin));
    }
    if (i + 1 < whole.size()) {
      scraps[i + 1].text.remove_prefix(rest);
      scraps[i + 1].at += rest;
    }
  }
}

class WordReader {
 public:
  WordReader(std::string_view source, const Scrap& tag) : source_(source), text_(tag.text), at_(tag.at) {}
  std::vector<TagWord> read() {
    std::vector<TagWord> out;
    for (;;) {
      while (i_ < text_.size() && tag_space(text_[i_])) ++i_;
      out.push_back(next());
      if (out.back().kind == TagWord::Kind::end) return out;
    }
  }

 private:
  TagWord next() {
    TagWord word;
    word.at = at_ + i_;
    if (i_ == text_.size()) return word;
    const char c = text_[i_];
    const bool number =
        (c >= '0' && c <= '9') || (c == '-' && i_ + 1 < text_.size() && text_[i_ + 1] >= '0' && text_[i_ + 1] <= '9');
    if (c == '"' || c == '\'')
      read_text(word);
    else if (number)
      read_number(word);
    else if (begins_name(c))
      read_name(word);
    else
      read_sign(word);
    return word;
  }
  void read_text(TagWord& word) {
    word.kind = TagWord::Kind::text;
    const char quote = text_[i_++];
    for (; i_ < text_.size() && text_[i_] != quote; ++i_) {
      if (text_[i_] != '\\' || i_ + 1 == text_.size()) {
        word.text += text_[i_];
        continue;
      }
      const char next = text_[++i_];
      word.text += next == 'n' ? '\n' : next == 't' ? '\t' : next;
    }
    if (i_ == text_.size())
      template_error(source_, word.at, std::string("expected ") + quote + " at the end of the text");
    ++i_;
  }
  void read_number(TagWord& word) {
    word.kind = TagWord::Kind::number;
    const auto [end, error] = std::from_chars(text_.data() + i_, text_.data() + text_.size(), word.number);
    if (error != std::errc()) template_error(source_, word.at, "expected a number");
    word.text.assign(text_.data() + i_, end);
    i_ = static_cast<std::size_t>(end - text_.data());
  }
  void read_name(TagWord& word) {
    word.kind = TagWord::Kind::name;
    while (i_ < text_.size() && continues_name(text_[i_])) word.text += text_[i_++];
  }
  void read_sign(TagWord& word) {
    word.kind = TagWord::Kind::sign;
    const auto two = text_.substr(i_, 2);
    const bool double_sign = two == "==" || two == "!=" || two == "<=" || two == ">=";
    const auto one = text_.substr(i_, std::max<std::size_t>(character_size(text_.substr(i_)), 1));
    word.text = double_sign ? two : one;
    i_ += word.text.size();
  }

  std::string_view source_, text_;
  std::size_t at_, i_ = 0;
};

}  // namespace

void template_error(std::string_view source, std::size_t at, const std::string& what) {
  const auto before = source.substr(0, at);
  const auto newline = before.rfind('\n');
  const auto line = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n')) + 1;
  const auto begin = newline == before.npos ? 0 : newline + 1;
  std::size_t column = 1;
  for (auto rest = before.substr(begin); !rest.empty(); ++column)
    rest.remove_prefix(std::max<std::size_t>(character_size(rest), 1));
  throw TemplateError(line, column, cut(one_line(what), 300));
}

std::vector<Scrap> scraps_of(std::string_view source) {
  std::vector<Scrap> out;
  for (std::size_t at = 0; at < source.size();) {
    const auto open = source.find("{{", at);
    if (const auto text = source.substr(at, open == source.npos ? open : open - at); !text.empty())
      out.push_back({false, text, at});
    if (open == source.npos) break;
    const auto close = end_of_tag(source, open + 2);
    if (close == source.npos) template_error(source, open, "expected }} at the end of the tag that begins here");
    out.push_back({true, source.substr(open + 2, close - open - 2), open + 2});
    at = close + 2;
  }
  drop_lines_of_tags(out);
  return out;
}

std::vector<TagWord> words_of(std::string_view source, const Scrap& tag) {
  return WordReader(source, tag).read();
}

}  // namespace tocsin_plugins
