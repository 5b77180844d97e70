#include "api/json_reader.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <vector>

#include "base/text.hpp"

namespace tocsin::api {
namespace {

using base::fail;
using base::Fault;
using base::Result;
using base::Value;

constexpr int deepest = 64;

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Result<Value> document() {
    if (!base::valid_utf8(text_)) return fail(Fault::invalid, "the JSON body is not valid UTF-8");
    TRY(Value value, read(0));
    skip_space();
    if (at_ != text_.size()) return wrong("nothing more after the document");
    return value;
  }

 private:
  Result<Value> read(int depth) {
    if (depth > deepest) return wrong("at most 64 levels of nesting");
    skip_space();
    if (at_ == text_.size()) return wrong("a value");
    switch (text_[at_]) {
      case '{':
        return object(depth);
      case '[':
        return array(depth);
      case '"':
        return string_value();
      case 't':
        return word("true", Value(true));
      case 'f':
        return word("false", Value(false));
      case 'n':
        return word("null", Value());
      default:
        return number();
    }
  }

  Result<Value> object(int depth) {
    ++at_;
    Value result{Value::Table{}};
    if (take('}')) return result;
    do {
      skip_space();
      if (peek() != '"') return wrong("a key in double quotes");
      TRY(std::string key, string());
      if (!take(':')) return wrong("\":\" after the key");
      TRY(Value value, read(depth + 1));
      result.table()->push_back({std::move(key), std::move(value), {}});
    } while (take(','));
    if (!take('}')) return wrong("\",\" or \"}\"");
    if (const std::string* twice = doubled(*result.table())) {
      return wrong("each key once; \"" + *twice + "\" is there twice");
    }
    return result;
  }

  /// A key that is there twice, or null. By sorting where there are many, so that no body takes long.
  static const std::string* doubled(const Value::Table& members) {
    constexpr std::size_t few = 16;
    if (members.size() > few) {
      std::vector<const std::string*> keys;
      for (const Value::Member& member : members) keys.push_back(&member.key);
      std::ranges::sort(keys, {}, [](const std::string* key) -> const std::string& { return *key; });
      const auto same = [](const std::string* a, const std::string* b) { return *a == *b; };
      const auto twice = std::ranges::adjacent_find(keys, same);
      return twice == keys.end() ? nullptr : *twice;
    }
    for (std::size_t i = 1; i < members.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (members[i].key == members[j].key) return &members[i].key;
      }
    }
    return nullptr;
  }

  Result<Value> array(int depth) {
    ++at_;
    Value::Array items;
    if (take(']')) return Value(std::move(items));
    do {
      TRY(Value value, read(depth + 1));
      items.push_back(std::move(value));
    } while (take(','));
    if (!take(']')) return wrong("\",\" or \"]\"");
    return Value(std::move(items));
  }

  Result<Value> string_value() {
    TRY(std::string text, string());
    return Value(std::move(text));
  }

  Result<std::string> string() {
    ++at_;
    std::string out;
    while (at_ < text_.size()) {
      char c = text_[at_++];
      if (c == '"') return out;
      if (static_cast<unsigned char>(c) < 0x20) return wrong("control characters escaped inside a string");
      if (c != '\\')
        out += c;
      else
        TRY_VOID(escape(out));
    }
    return wrong("a closing double quote");
  }

  Result<void> escape(std::string& out) {
    static constexpr std::string_view from = "\"\\/bfnrt", to = "\"\\/\b\f\n\r\t";
    char c = peek();
    ++at_;
    if (std::size_t which = from.find(c); c != 0 && which != from.npos) {
      out += to[which];
      return {};
    }
    if (c != 'u') return wrong("one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u");
    return unicode(out);
  }

  Result<void> unicode(std::string& out) {
    TRY(std::uint32_t code, hex4());
    if (code >= 0xd800 && code < 0xdc00) {
      if (text_.substr(at_, 2) != "\\u") return wrong("the second half of a surrogate pair");
      at_ += 2;
      TRY(std::uint32_t low, hex4());
      if (low < 0xdc00 || low > 0xdfff) return wrong("the second half of a surrogate pair");
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    } else if (code >= 0xdc00 && code < 0xe000) {
      return wrong("the first half of a surrogate pair before the second");
    }
    append_utf8(out, code);
    return {};
  }

  Result<std::uint32_t> hex4() {
    std::uint32_t code = 0;
    std::string_view digits = text_.substr(std::min(at_, text_.size()), 4);
    auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
    if (digits.size() != 4 || ec != std::errc() || end != digits.data() + 4) return wrong("four hex digits after \\u");
    at_ += 4;
    return code;
  }

  static void append_utf8(std::string& out, std::uint32_t code) {
    auto add = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
    if (code < 0x80) return add(code);
    if (code < 0x800) {
      add(0xc0 | code >> 6);
    } else if (code < 0x10000) {
      add(0xe0 | code >> 12);
      add(0x80 | (code >> 6 & 0x3f));
    } else {
      add(0xf0 | code >> 18);
      add(0x80 | (code >> 12 & 0x3f));
      add(0x80 | (code >> 6 & 0x3f));
    }
    add(0x80 | (code & 0x3f));
  }

  /// The grammar of RFC 8259 section 6; from_chars alone would take "inf", "01" and ".5".
  Result<Value> number() {
    std::size_t start = at_;
    if (peek() == '-') ++at_;
    std::size_t whole = digits();
    bool leading_zero = whole > 1 && text_[at_ - whole] == '0';
    if (whole == 0 || leading_zero) return wrong("a value");
    bool integer = true;
    if (peek() == '.') {
      ++at_;
      integer = false;
      if (digits() == 0) return wrong("digits after the decimal point");
    }
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      integer = false;
      if (peek() == '+' || peek() == '-') ++at_;
      if (digits() == 0) return wrong("digits in the exponent");
    }
    return convert(text_.substr(start, at_ - start), integer);
  }

  Result<Value> convert(std::string_view digits, bool integer) {
    std::int64_t whole = 0;
    if (integer && std::from_chars(digits.data(), digits.data() + digits.size(), whole).ec == std::errc()) {
      return Value(whole);
    }
    double real = 0;
    if (std::from_chars(digits.data(), digits.data() + digits.size(), real).ec != std::errc()) {
      return wrong("a number within the range of a double");
    }
    return Value(real);
  }

  std::size_t digits() {
    std::size_t start = at_;
    while (peek() >= '0' && peek() <= '9') ++at_;
    return at_ - start;
  }

  Result<Value> word(std::string_view expected, Value value) {
    if (text_.substr(at_, expected.size()) != expected) return wrong("a value");
    at_ += expected.size();
    return value;
  }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void skip_space() {
    while (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r') ++at_;
  }
  bool take(char c) {
    skip_space();
    if (peek() != c) return false;
    ++at_;
    skip_space();
    return true;
  }

  std::unexpected<base::Error> wrong(const std::string& expected) const {
    std::size_t at = std::min(at_, text_.size()), line = 1, column = 1;
    for (std::size_t i = 0; i < at; ++i) {
      if (text_[i] == '\n')
        ++line, column = 1;
      else
        ++column;
    }
    return fail(Fault::invalid, "the JSON body, line " + std::to_string(line) + ", column " + std::to_string(column) +
                                    ": expected " + expected);
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

base::Result<base::Value> read_json(std::string_view text) {
  return Reader(text).document();
}

}  // namespace tocsin::api
