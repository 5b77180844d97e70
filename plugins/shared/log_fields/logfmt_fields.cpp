#include "log_fields/logfmt_fields.hpp"

namespace tocsin_plugins {
namespace {

constexpr std::size_t most_fields = 256;
constexpr std::string_view blanks = " \t\r\n";

/// Reads a quoted text behind its first quote; appends it without its escapes. False: it does not end.
bool take_quoted(std::string_view& rest, std::string& out) {
  for (std::size_t at = 0; at < rest.size(); ++at) {
    char c = rest[at];
    if (c == '"') {
      rest.remove_prefix(at + 1);
      return true;
    }
    if (c == '\\' && at + 1 < rest.size()) {
      c = rest[++at];
      if (c == 'n') c = '\n';
      if (c == 't') c = '\t';
      if (c == 'r') c = '\r';
    }
    out += c;
  }
  return false;
}

std::string_view take_until(std::string_view& rest, std::string_view signs) {
  const auto end = std::min(rest.find_first_of(signs), rest.size());
  const auto taken = rest.substr(0, end);
  rest.remove_prefix(end);
  return taken;
}

}  // namespace

bool LogfmtFields::parse(std::string_view line) {
  text_.clear();
  fields_.clear();
  if (read(line)) return true;
  fields_.clear();
  return false;
}

bool LogfmtFields::read(std::string_view rest) {
  bool pairs = false;
  while (fields_.size() < most_fields) {
    rest.remove_prefix(std::min(rest.find_first_not_of(blanks), rest.size()));
    if (rest.empty()) break;
    const auto key = take_until(rest, " \t\r\n=");
    Field field{text_.size(), key.size(), 0, 0};
    text_ += key;
    field.value = text_.size();
    if (!rest.starts_with('=')) {
      text_ += "true";
    } else {
      pairs = pairs || !key.empty();
      rest.remove_prefix(1);
      if (!rest.starts_with('"')) {
        text_ += take_until(rest, blanks);
      } else {
        rest.remove_prefix(1);
        if (!take_quoted(rest, text_)) return false;
      }
    }
    field.value_size = text_.size() - field.value;
    if (!key.empty()) fields_.push_back(field);
  }
  return pairs;
}

bool LogfmtFields::look_up(const log_match::FieldName& name, log_match::FieldValue& out, bool) {
  const auto wanted = std::string_view(name.text).substr(name.pointer() ? 1 : 0);
  for (const auto& field : fields_) {
    if (std::string_view(text_).substr(field.key, field.key_size) != wanted) continue;
    out.text = std::string_view(text_).substr(field.value, field.value_size);
    out.number.reset();
    return true;
  }
  return false;
}

}  // namespace tocsin_plugins
