// RFC 3164 describes what BSD's syslog did, and few senders do just that. Read here: the timestamp it names or an ISO
// 8601 one (as rsyslog forwards), a host or none (as programs write to the local socket), a tag or none.
#include <algorithm>

#include "message.hpp"

namespace tocsin_plugins::syslog {
namespace {

constexpr std::size_t longest_tag = 64;  // 32 by the RFC; systemd units are longer

bool of_a_tag(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_-./@+~%").find(c) != std::string_view::npos;
}

/// A host's name or address; anything else in its place is text already.
bool of_a_host(std::string_view word) {
  return !word.empty() && word.size() <= 255 && std::all_of(word.begin(), word.end(), [](unsigned char c) {
    return c >= 0x80 || (c >= '0' && c <= ':') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '.' ||
           c == '-' || c == '_';
  });
}

}  // namespace

bool take_tag(std::string_view& rest, std::string_view& app, std::string_view& procid) {
  const auto end = static_cast<std::size_t>(std::find_if_not(rest.begin(), rest.end(), of_a_tag) - rest.begin());
  if (end == 0 || end > longest_tag || end == rest.size()) return false;
  auto after = end;
  std::string_view id;
  if (rest[end] == '[') {
    const auto close = rest.substr(0, end + 130).find(']', end);
    if (close == rest.npos) return false;
    id = rest.substr(end + 1, close - end - 1);
    after = close + 1;
  }
  const bool colon = after < rest.size() && rest[after] == ':';
  if (!colon && id.empty()) return false;
  // "http://…" is no tag.
  if (id.empty() && after + 1 < rest.size() && rest[after + 1] != ' ') return false;
  app = rest.substr(0, end);
  procid = id;
  rest.remove_prefix(after + (colon ? 1 : 0));
  if (rest.starts_with(' ')) rest.remove_prefix(1);
  return true;
}

void Parser::read_bsd(std::string_view rest, tsn::Time now, Message& message) const {
  const auto whole = rest;
  std::string_view after;
  message.at = time_.read(rest, now, &after);
  if (message.at && !after.empty() && after.front() != ' ' && after.front() != ':') message.at.reset();
  if (message.at) {
    rest = after;
    const auto begin = std::min(rest.find_first_not_of(" :"), rest.size());
    rest.remove_prefix(begin);
    message.form = Message::Form::rfc3164;
  }
  if (take_tag(rest, message.app, message.procid)) {
    message.form = Message::Form::rfc3164;
  } else if (message.at) {
    const auto space = std::min(rest.find(' '), rest.size());
    if (of_a_host(rest.substr(0, space))) {
      message.host = rest.substr(0, space);
      rest.remove_prefix(std::min(space + 1, rest.size()));
      take_tag(rest, message.app, message.procid);
    }
  } else {
    rest = whole;
  }
  message.text = rest;
}

}  // namespace tocsin_plugins::syslog
