#include "check.hpp"

#include "message_text/text.hpp"

namespace tocsin_plugins::probing {
namespace {

void check_kind(const Target& target, tsn::Time now, const Limits& limits, Outcome& out) {
  switch (target.kind) {
    case Kind::http:
      return check_http(target, limits, out);
    case Kind::tcp:
    case Kind::tls:
      return check_line(target, now, limits, out);
    case Kind::dns:
      return check_dns(target, limits);
    case Kind::postgres:
      return check_postgres(target, limits, out);
    case Kind::redis:
      return check_redis(target, now, limits, out);
  }
}

/// What servers say is shown in logs, and a secret that one sends back is not.
std::string shown(std::string text, const Target& target) {
  for (const auto* secret : {&target.password, &target.bearer})
    for (std::size_t at; !secret->empty() && (at = text.find(*secret)) != text.npos;)
      text.replace(at, secret->size(), "…");
  return cut(one_line(text), 300);
}

}  // namespace

Outcome check(const Target& target, tsn::Time now, const Limits& limits) {
  const auto begin = std::chrono::steady_clock::now();
  Outcome out;
  try {
    check_kind(target, now, limits, out);
    out.up = true;
  } catch (const tsn::Failure& failure) {
    out.stopped = failure.status() == tsn::Code::cancelled;
    out.why = shown(failure.what(), target);
  } catch (const std::exception& error) {
    out.why = shown(error.what(), target);
  }
  out.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return out;
}

void check_role(const Target& target, bool replica) {
  if (target.role == Role::primary && replica) throw tsn::Failure("it is a replica, and role says primary");
  if (target.role == Role::replica && !replica) throw tsn::Failure("it is a primary, and role says replica");
}

}  // namespace tocsin_plugins::probing
