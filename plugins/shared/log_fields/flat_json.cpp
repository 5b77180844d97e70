#include "log_fields/flat_json.hpp"

#include <array>

namespace tocsin_plugins {
namespace {

constexpr std::size_t most_digits = 17;  // such a number is an int64, and a number with a point has an exact text

/// What may stand within a text as it is: ASCII, no control character, no quote and no backslash. What is beyond ASCII
/// may be no UTF-8, which is the parser's to say.
constexpr std::array<bool, 256> plain = [] {
  std::array<bool, 256> made{};
  for (int c = 0x20; c < 0x80; ++c) made[static_cast<std::size_t>(c)] = c != '"' && c != '\\';
  return made;
}();

struct Reader {
  const char *at, *end;

  bool blank() const { return *at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'; }
  void skip_blanks() {
    while (at != end && blank()) ++at;
  }
  bool take(char wanted) { return at != end && *at == wanted ? ++at, true : false; }
  bool digit() const { return at != end && *at >= '0' && *at <= '9'; }

  bool text(std::string_view& out) {
    if (!take('"')) return false;
    const char* const begin = at;
    while (at != end && plain[static_cast<unsigned char>(*at)]) ++at;
    out = {begin, static_cast<std::size_t>(at - begin)};
    return take('"');
  }

  bool number(FlatJson::Member& out) {
    const char* const begin = at;
    const bool negative = take('-');
    const char* const digits = at;
    while (digit()) ++at;
    const auto whole = static_cast<std::size_t>(at - digits);
    if (whole == 0 || whole > most_digits || (*digits == '0' && (whole > 1 || negative))) return false;
    out.kind = FlatJson::Kind::integer;
    if (take('.')) {
      const char* const fraction = at;
      while (digit()) ++at;
      if (at == fraction || at - digits > static_cast<std::ptrdiff_t>(most_digits)) return false;
      out.kind = FlatJson::Kind::real;
    }
    out.text = {begin, static_cast<std::size_t>(at - begin)};
    return at != end && (*at == ',' || *at == '}' || blank());
  }

  bool word(FlatJson::Member& out) {
    const std::string_view rest(at, static_cast<std::size_t>(end - at));
    for (const std::string_view known : {"true", "false", "null"}) {
      if (!rest.starts_with(known)) continue;
      out.kind = known == "null" ? FlatJson::Kind::null : FlatJson::Kind::word;
      out.text = known;
      at += known.size();
      return true;
    }
    return false;
  }

  bool member(FlatJson::Member& out) {
    skip_blanks();
    if (!text(out.key)) return false;
    skip_blanks();
    if (!take(':')) return false;
    skip_blanks();
    if (at == end) return false;
    if (*at == '"') {
      out.kind = FlatJson::Kind::text;
      if (!text(out.text)) return false;
    } else if (*at == '-' || digit()) {
      if (!number(out)) return false;
    } else if (!word(out)) {
      return false;
    }
    skip_blanks();
    return at != end;
  }
};

}  // namespace

bool FlatJson::read(std::string_view line) {
  clear();
  Reader reader{line.data(), line.data() + line.size()};
  reader.skip_blanks();
  if (!reader.take('{')) return false;
  do {
    if (members_.size() == most_members || !reader.member(members_.emplace_back())) return clear(), false;
  } while (reader.take(','));
  const bool closed = reader.take('}');
  reader.skip_blanks();
  if (closed && reader.at == reader.end) return true;
  return clear(), false;
}

}  // namespace tocsin_plugins
