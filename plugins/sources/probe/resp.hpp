// Redis' protocol RESP2 (redis.io/docs/reference/protocol-spec), as far as PING, AUTH and INFO need it.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace tocsin_plugins::probing {

struct RespReply {
  bool error = false;
  std::string text;  ///< of a simple string, an error, a number, a bulk string; empty for a null
};

enum class RespRead { whole, more, bad };

/// A reply at the beginning of `bytes`; `used` are its bytes. At most `most` bytes; an array is bad: nothing here is
/// answered with one.
RespRead read_resp(std::string_view bytes, RespReply& out, std::size_t& used, std::size_t most = 256 << 10);

/// A command as an array of bulk strings.
std::string resp_command(std::initializer_list<std::string_view> words);

/// What INFO replication says.
struct RedisReplication {
  bool replica = false, link_up = true;
  /// A replica's: since it last heard of its primary. A primary's: of the replica that is furthest behind.
  std::optional<double> lag;
};

/// False: `info` has no role.
bool read_replication(std::string_view info, RedisReplication& out);

}  // namespace tocsin_plugins::probing
