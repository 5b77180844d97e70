#include "log_match/fields.hpp"

#include <charconv>
#include <cmath>
#include <utility>

#include "utf8/utf8.hpp"

namespace tocsin_plugins::log_match {
namespace {

std::optional<double> read_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

FieldName checked(std::string_view name, const std::string& where) {
  if (name.empty()) throw tsn::Failure(tsn::invalid(where + ": expected the name of a field, or a JSON Pointer"));
  for (auto at = name.find('~'); name.front() == '/' && at != name.npos; at = name.find('~', at + 1))
    if (at + 1 >= name.size() || (name[at + 1] != '0' && name[at + 1] != '1'))
      throw tsn::Failure(
          tsn::invalid(where + ": \"" + std::string(name) + "\" is no JSON Pointer: after ~ comes 0 or 1 (RFC 6901)"));
  return {std::string(name)};
}

}  // namespace

std::optional<FieldSyntax> syntax_of(std::string_view word) {
  if (word == "json") return FieldSyntax::json;
  if (word == "logfmt") return FieldSyntax::logfmt;
  if (word == "none") return FieldSyntax::none;
  return std::nullopt;
}

std::optional<double> number_of(const FieldValue& value) {
  return value.number ? value.number : read_number(value.text);
}

Condition::Condition(std::string_view field, const tsn::Config& wanted, const std::string& where)
    : field_(checked(field, where)) {
  if (wanted.type() == TSN_BOOL) {
    text_ = wanted.as_boolean() ? "true" : "false";
    return;
  }
  if (wanted.type() == TSN_INT || wanted.type() == TSN_FLOAT) {
    number_ = wanted.as_number();
    return;
  }
  constexpr std::pair<std::string_view, Kind> signs[] = {
      {">=", Kind::at_least}, {"<=", Kind::at_most}, {"!=", Kind::unequal}, {"!~", Kind::unlike},
      {">", Kind::above},     {"<", Kind::below},    {"~", Kind::like},     {"=", Kind::equal}};
  auto text = wanted.as_str();
  for (const auto& [sign, kind] : signs) {
    if (!text.starts_with(sign)) continue;
    text.remove_prefix(sign.size());
    kind_ = kind;
    break;
  }
  const auto compares =
      kind_ == Kind::above || kind_ == Kind::at_least || kind_ == Kind::below || kind_ == Kind::at_most;
  if (kind_ == Kind::like || kind_ == Kind::unlike) pattern_.emplace(text, where + "." + field_.text);
  if (compares && !(number_ = read_number(text.substr(std::min(text.find_first_not_of(' '), text.size())))))
    throw tsn::Failure(tsn::invalid(where + "." + field_.text + ": \"" + std::string(wanted.as_str()) +
                                    "\" compares with no number; expected as \">=500\""));
  if (!compares) text_ = text;
}

bool Condition::holds(Fields& fields) {
  FieldValue found;
  if (!(number_ ? fields.find_unprinted(field_, found) : fields.find(field_, found)))
    return kind_ == Kind::unequal || kind_ == Kind::unlike;
  if (pattern_) return pattern_->find(found.text) == (kind_ == Kind::like);
  if (!number_) return (found.text == text_) == (kind_ == Kind::equal);
  const auto number = number_of(found);
  if (!number) return false;
  switch (kind_) {
    case Kind::above:
      return *number > *number_;
    case Kind::at_least:
      return *number >= *number_;
    case Kind::below:
      return *number < *number_;
    case Kind::at_most:
      return *number <= *number_;
    default:
      return *number == *number_;
  }
}

FieldText::FieldText(std::string_view text, const std::string& where) {
  std::string plain;
  const auto end_plain = [&] {
    if (!plain.empty()) pieces_.push_back({{std::exchange(plain, {})}, false});
  };
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '{') {
      plain += text[at];
    } else if (text.substr(at, 2) == "{{") {
      plain += '{', ++at;
    } else {
      const auto end = text.find('}', at);
      if (end == text.npos)
        throw tsn::Failure(tsn::invalid(where + ": \"" + std::string(text) +
                                        "\" opens a brace and does not close it; a brace that is none is \"{{\""));
      end_plain();
      pieces_.push_back({checked(text.substr(at + 1, end - at - 1), where), true});
      at = end;
    }
  }
  end_plain();
  if (pieces_.empty()) pieces_.push_back({{}, false});
}

void FieldText::append(Fields& fields, std::string& out, std::size_t most) const {
  const auto begin = out.size();
  bool any = false;
  std::string scratch;
  for (const auto& piece : pieces_) {
    FieldValue found;
    if (!piece.field) {
      out += piece.name.text;
    } else if (fields.find(piece.name, found)) {
      any = true;
      out += utf8::clean(utf8::cut(found.text, most), scratch);
    }
  }
  if (!any) out.resize(begin);
  if (out.size() - begin > most) out.resize(begin + utf8::cut(std::string_view(out).substr(begin), most).size());
}

}  // namespace tocsin_plugins::log_match
