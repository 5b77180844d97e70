#include "template/place.hpp"

#include <algorithm>
#include <array>

namespace tocsin_plugins {
namespace {

bool html_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

char lower_ascii(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

}  // namespace

void PlaceReader::literal(std::string_view text) {
  if (escape_ != Escape::html && escape_ != Escape::json) return;
  for (const char c : text) escape_ == Escape::html ? html(c) : json(c);
}

void PlaceReader::json(char c) {
  if (state_ == State::text) {
    if (c == '"') state_ = State::quoted;
  } else if (escaped_) {
    escaped_ = false;
  } else if (c == '\\') {
    escaped_ = true;
  } else if (c == '"') {
    state_ = State::text;
  }
}

void PlaceReader::end_tag_name() {
  state_ = State::tag;
  attribute_.clear();
}

/// The tokenizer of HTML (WHATWG, 13.2.5), as far as it decides what a value may be.
void PlaceReader::html(char c) {
  recent_ = (recent_.size() < 16 ? recent_ : recent_.substr(recent_.size() - 15)) + lower_ascii(c);
  const auto leave_tag = [&] {
    const bool raw = tag_ == "script" || tag_ == "style";
    state_ = raw ? State::raw : State::text;
    recent_.clear();
  };
  switch (state_) {
    case State::text:
      if (c == '<') state_ = State::tag_name, tag_.clear();
      break;
    case State::tag_name:
      if (tag_ == "!-" && c == '-') return void((state_ = State::comment, recent_.clear()));
      if (c == '>') return leave_tag();
      if (html_space(c) && tag_.empty()) return void(state_ = State::text);  // "a < b"
      if (html_space(c) || (c == '/' && !tag_.empty())) return end_tag_name();
      if (tag_.size() < 16) tag_ += lower_ascii(c);
      break;
    case State::tag:
      if (c == '>') return leave_tag();
      if (html_space(c) || c == '/') break;
      if (c == '=' && !attribute_.empty()) return void(state_ = State::equals);  // blanks before it
      state_ = State::attribute_name, attribute_.assign(1, lower_ascii(c)), has_value_ = false;
      break;
    case State::attribute_name:
      if (c == '>') return leave_tag();
      if (c == '=') return void(state_ = State::equals);
      if (html_space(c) || c == '/')
        state_ = State::tag;
      else if (attribute_.size() < 32)
        attribute_ += lower_ascii(c);
      break;
    case State::equals:
      if (html_space(c)) break;
      if (c == '>') return leave_tag();
      if (c == '"' || c == '\'')
        state_ = State::quoted, quote_ = c;
      else
        state_ = State::bare_value;
      break;
    case State::bare_value:
      if (c == '>') return leave_tag();
      if (html_space(c)) state_ = State::tag;
      break;
    case State::quoted:
      if (c == quote_) return void(state_ = State::tag);
      if (c == ':' || c == '/' || c == '#' || c == '?') has_value_ = true;
      break;
    case State::comment:
      if (recent_.ends_with("-->")) state_ = State::text;
      break;
    case State::raw:
      if (recent_.ends_with("</" + tag_)) state_ = State::tag, tag_ = "/";
      break;
  }
}

bool PlaceReader::is_link() const {
  constexpr std::array<std::string_view, 8> links = {"href",   "src",        "action",     "formaction",
                                                     "poster", "background", "xlink:href", "cite"};
  return std::find(links.begin(), links.end(), attribute_) != links.end();
}

std::string PlaceReader::refusal() const {
  if (escaped_) return "no backslash before a value";
  if (escape_ != Escape::html) return {};
  switch (state_) {
    case State::text:
      return {};
    case State::quoted:
      if (attribute_.starts_with("on") || attribute_ == "style" || attribute_ == "srcdoc" || attribute_ == "srcset")
        return "no value in the attribute " + attribute_ + "; choose between fixed texts with {{#if}}";
      return {};
    default:
      return "a value of HTML in text or in a quoted attribute, not " + std::string(name());
  }
}

ValuePlace PlaceReader::value() {
  if (escape_ == Escape::json) return state_ == State::quoted ? ValuePlace::plain : ValuePlace::bare;
  if (escape_ != Escape::html || state_ != State::quoted) return ValuePlace::plain;
  return is_link() && !has_value_ ? ValuePlace::link : ValuePlace::attribute;
}

bool PlaceReader::same_as(const PlaceReader& other) const {
  if (state_ != other.state_) return false;
  if (state_ == State::quoted && escape_ == Escape::html)
    return quote_ == other.quote_ && attribute_ == other.attribute_;
  return escaped_ == other.escaped_;
}

std::string_view PlaceReader::name() const {
  if (escape_ == Escape::json) return state_ == State::quoted ? "inside a string" : "outside of strings";
  switch (state_) {
    case State::text:
      return "in text";
    case State::quoted:
      return "in a quoted attribute";
    case State::comment:
      return "in a comment";
    case State::raw:
      return "in a script or a style sheet";
    default:
      return "inside a tag";
  }
}

}  // namespace tocsin_plugins
