// tcp and tls: a connection, and a word each way where the target asks for it.
#include "check.hpp"

namespace tocsin_plugins::probing {
namespace {

constexpr std::size_t most_read = 64 << 10;

void await_text(Line& line, const std::string& expected, const Limits& limits) {
  std::string got;
  char piece[4096];
  while (got.find(expected) == got.npos) {
    if (got.size() > most_read) throw tsn::Failure("what `expect` says is not in the first 64 KiB of its answer");
    const auto n = line.receive(piece, sizeof piece, limits);
    if (n == 0) throw tsn::Failure("it closed the connection before it said what `expect` says");
    got.append(piece, n);
  }
}

}  // namespace

void check_line(const Target& target, tsn::Time now, const Limits& limits, Outcome& out) {
  Line line(target.url.host, target.url.port, limits);
  if (target.encrypted) {
    Expiry expiry;
    const auto why = line.secure(target.server_name, target.ca_file, now, limits, expiry);
    out.expiry = expiry;
    if (!why.empty()) throw tsn::Failure(why);
  }
  if (!target.send.empty()) line.send(target.send, limits);
  if (!target.expect.empty()) await_text(line, target.expect, limits);
}

}  // namespace tocsin_plugins::probing
