#include "resp.hpp"

#include <algorithm>
#include <charconv>

namespace tocsin_plugins::probing {
namespace {

std::optional<double> resp_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return static_cast<double>(value);
}

/// "ip=…,port=…,state=online,offset=…,lag=1": its lag.
std::optional<double> lag_of_replica(std::string_view text) {
  const auto at = text.rfind(",lag=");
  if (at == text.npos) return std::nullopt;
  text.remove_prefix(at + 5);
  return resp_number(text.substr(0, text.find(',')));
}

}  // namespace

RespRead read_resp(std::string_view bytes, RespReply& out, std::size_t& used, std::size_t most) {
  out = {};
  if (bytes.empty()) return RespRead::more;
  const auto end = bytes.find("\r\n");
  if (end == bytes.npos) return bytes.size() > most ? RespRead::bad : RespRead::more;
  const auto line = end == 0 ? std::string_view() : bytes.substr(1, end - 1);
  used = end + 2;
  switch (bytes.front()) {
    case '-':
      out.error = true;
      [[fallthrough]];
    case '+':
    case ':':
      out.text = line;
      return line.size() > most ? RespRead::bad : RespRead::whole;
    case '$':
      break;
    default:
      return RespRead::bad;
  }
  if (line == "-1") return RespRead::whole;
  const auto size = resp_number(line);
  if (!size || *size < 0 || *size > static_cast<double>(most)) return RespRead::bad;
  const auto count = static_cast<std::size_t>(*size);
  if (bytes.size() - used < count + 2) return RespRead::more;
  if (bytes.substr(used + count, 2) != "\r\n") return RespRead::bad;
  out.text = bytes.substr(used, count);
  used += count + 2;
  return RespRead::whole;
}

std::string resp_command(std::initializer_list<std::string_view> words) {
  std::string out = "*" + std::to_string(words.size()) + "\r\n";
  for (const auto word : words) out.append("$" + std::to_string(word.size()) + "\r\n").append(word).append("\r\n");
  return out;
}

bool read_replication(std::string_view info, RedisReplication& out) {
  out = {};
  bool role = false;
  std::optional<double> heard, down, furthest;
  while (!info.empty()) {
    auto line = info.substr(0, info.find('\n'));
    info.remove_prefix(std::min(line.size() + 1, info.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    const auto colon = std::min(line.find(':'), line.size());
    const auto key = line.substr(0, colon), value = line.substr(std::min(colon + 1, line.size()));
    if (key == "role") role = true, out.replica = value == "slave";
    if (key == "master_link_status") out.link_up = value == "up";
    if (key == "master_last_io_seconds_ago") heard = resp_number(value);
    if (key == "master_link_down_since_seconds") down = resp_number(value);
    if (key.starts_with("slave") && key.size() > 5 && key[5] >= '0' && key[5] <= '9')
      if (const auto lag = lag_of_replica(value)) furthest = std::max(*lag, furthest.value_or(0));
  }
  out.lag = !out.replica ? furthest : out.link_up ? heard : down;
  if (out.lag && *out.lag < 0) out.lag.reset();  // -1: it never was connected
  return role;
}

}  // namespace tocsin_plugins::probing
