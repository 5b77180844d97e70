#include "model/attachment.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace tocsin::model {
namespace {

using base::fail;
using base::Fault;

struct Kind {
  std::string_view ending, magic, type;  ///< no magic: text
};
constexpr std::array kinds{
    Kind{"pdf", "%PDF-", "application/pdf"},      Kind{"png", "\x89PNG\r\n\x1a\n", "image/png"},
    Kind{"jpg", "\xff\xd8\xff", "image/jpeg"},    Kind{"jpeg", "\xff\xd8\xff", "image/jpeg"},
    Kind{"txt", "", "text/plain; charset=utf-8"}, Kind{"log", "", "text/plain; charset=utf-8"},
};

/// Bytes that stand in no text file; a log may hold colours (ESC) and form feeds.
bool binary(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != '\v' && byte != 0x1b) || byte == 0x7f;
}

/// Characters that change the direction of what follows: "report\u202Egnp.exe" reads "reportexe.png".
bool turns_direction(std::string_view name) {
  for (std::size_t i = 0; i + 2 < name.size(); ++i) {
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(name[at]); };
    if (byte(i) != 0xE2) continue;
    const bool embedding = byte(i + 1) == 0x80 && byte(i + 2) >= 0xAA && byte(i + 2) <= 0xAE;
    const bool isolate = byte(i + 1) == 0x81 && byte(i + 2) >= 0xA6 && byte(i + 2) <= 0xA9;
    const bool mark = byte(i + 1) == 0x80 && (byte(i + 2) == 0x8E || byte(i + 2) == 0x8F);
    if (embedding || isolate || mark) return true;
  }
  return false;
}

}  // namespace

base::Result<void> check_attachment_name(std::string_view name) {
  const auto refuse = [&](const std::string& why) {
    return fail(Fault::invalid, "the attachment's name " + base::json_quote(name.substr(0, 200)) + " " + why);
  };
  if (base::trim(name).empty()) return fail(Fault::invalid, "an attachment needs a name: ?name=report.pdf");
  if (name.size() > 200) return refuse("is longer than 200 bytes");
  if (!base::valid_utf8(name)) return refuse("is not UTF-8");
  if (name.find_first_of("/\\") != name.npos) return refuse("holds a folder; give the file's own name");
  if (name.starts_with('.') || name.ends_with('.') || name != base::trim(name)) {
    return refuse("begins or ends with a dot or a blank");
  }
  const bool control = std::ranges::any_of(
      name, [](char c) { return static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) == 0x7f; });
  if (control || turns_direction(name)) return refuse("holds control characters");
  return {};
}

base::Result<std::string> attachment_type(std::string_view name, std::string_view content) {
  const auto refuse = [&](const std::string& why) {
    return fail(Fault::unsupported,
                "the attachment " + base::json_quote(name) + " " + why + "; taken are pdf, png, jpg, txt and log");
  };
  const std::size_t dot = name.rfind('.');
  const std::string ending = dot == name.npos ? std::string() : base::lower(name.substr(dot + 1));
  const auto kind = std::ranges::find(kinds, ending, &Kind::ending);
  if (kind == kinds.end()) return refuse("is of no kind that is taken");
  if (content.empty()) return refuse("is empty");
  if (!kind->magic.empty()) {
    if (!content.starts_with(kind->magic)) return refuse("does not hold what its name says: it is no " + ending);
    return std::string(kind->type);
  }
  const bool other =
      std::ranges::any_of(kinds, [&](const Kind& k) { return !k.magic.empty() && content.starts_with(k.magic); });
  if (other || std::ranges::any_of(content, binary)) return refuse("does not hold what its name says: it is no text");
  return std::string(kind->type);
}

}  // namespace tocsin::model
