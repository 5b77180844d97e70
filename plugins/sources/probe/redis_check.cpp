// redis: AUTH where there is a secret, PING, and what INFO says of replication.
#include "check.hpp"
#include "resp.hpp"

namespace tocsin_plugins::probing {
namespace {

class RedisTalk {
 public:
  RedisTalk(Line& line, const Limits& limits) : line_(line), limits_(limits) {}

  std::string ask(const char* what, std::initializer_list<std::string_view> words) {
    line_.send(resp_command(words), limits_);
    RespReply reply;
    for (char piece[4096];;) {
      std::size_t used = 0;
      const auto read = read_resp(got_, reply, used);
      if (read == RespRead::bad) throw tsn::Failure("what it answers is not Redis' protocol");
      if (read == RespRead::whole) {
        got_.erase(0, used);
        break;
      }
      const auto n = line_.receive(piece, sizeof piece, limits_);
      if (n == 0) throw tsn::Failure(std::string("it closed the connection instead of answering ") + what);
      got_.append(piece, n);
    }
    if (reply.error) throw tsn::Failure(std::string(what) + ": " + reply.text);
    return reply.text;
  }

 private:
  Line& line_;
  const Limits& limits_;
  std::string got_;
};

void log_in(RedisTalk& talk, const Target& target) {
  if (target.password.empty()) return;
  if (target.username.empty())
    talk.ask("AUTH", {"AUTH", target.password});
  else
    talk.ask("AUTH", {"AUTH", target.username, target.password});
}

}  // namespace

void check_redis(const Target& target, tsn::Time now, const Limits& limits, Outcome& out) {
  Line line(target.url.host, target.url.port, limits);
  if (target.encrypted) {
    Expiry expiry;
    const auto why = line.secure(target.server_name, target.ca_file, now, limits, expiry);
    out.expiry = expiry;
    if (!why.empty()) throw tsn::Failure(why);
  }
  RedisTalk talk(line, limits);
  log_in(talk, target);
  if (talk.ask("PING", {"PING"}) != "PONG") throw tsn::Failure("it answered PING with something else than PONG");
  RedisReplication replication;
  if (!read_replication(talk.ask("INFO replication", {"INFO", "replication"}), replication))
    throw tsn::Failure("INFO replication names no role");
  out.lag = replication.lag;
  check_role(target, replication.replica);
}

}  // namespace tocsin_plugins::probing
