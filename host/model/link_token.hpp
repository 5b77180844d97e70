// What an action link (https://…/a/TOKEN) says, and its bytes. Who signs them is another matter (app/link_seal.hpp).
//
// The bytes, in this order: version and kind (4 bits each), way, the incident's correlation id (16), the end in seconds
// since 1970 (4), the nonce (6), then the recipient's name, UTF-8, to the end. Binary and short, because the link has
// to fit into an SMS: with a signature of 16 bytes and a name of 20, the path "/a/TOKEN" has 89 characters.
//
// Rejected alternatives: a number under which the store keeps all this (a link would die with a row, and every message
// would cost one); JSON or a JWT (three times as long).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/feedback.hpp"

namespace tocsin::model {

/// How the link came to whoever opens it.
enum class LinkWay : std::uint8_t { other = 0, mail = 1, sms = 2 };
std::string_view to_string(LinkWay way);  ///< "link", "mail link", "SMS link": for the timeline

struct LinkToken {
  AnswerKind kind = AnswerKind::acknowledge;
  LinkWay way = LinkWay::other;
  std::string incident;     ///< correlation id, a UUID
  base::Time expires{};     ///< whole seconds
  std::uint64_t nonce = 0;  ///< the lower 48 bits count
  std::string recipient;    ///< contact, address or channel; cut at most_link_name bytes
  bool operator==(const LinkToken&) const = default;
};
constexpr std::size_t most_link_name = 60;

/// Fault::invalid where the incident's id is no UUID in lower case, or the time has no place in 32 bits.
base::Result<std::string> pack(const LinkToken& token);
/// Fault::invalid where the bytes are none of pack()'s.
base::Result<LinkToken> unpack_link(std::string_view bytes);

}  // namespace tocsin::model
