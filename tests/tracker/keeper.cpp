// A tracker whose tickets are "T-NUMBER". Each change, and each sync, is a call in the log, with the token in it that
// no log may show. The option `does` says what happens when it looks: crash, hang, refuse; else it is fine.
#include <poll.h>

#include <csignal>
#include <string>
#include <tocsin/plugin.hpp>

namespace {

[[noreturn]] void hang() {
  for (;;) ::poll(nullptr, 0, 1000);
}

struct Keeper {
  static constexpr auto id = "keeper", version = "1.0.0", doc = "Keeps tickets in memory; for tests";
  static constexpr tsn::Option options[] = {
      {.key = "token", .flags = tsn::required | tsn::secret, .doc = "Never shown"},
      {.key = "does", .fallback = "\"\"", .doc = "crash, hang, refuse: when it looks or is asked to sync"},
  };
  tsn::Context ctx;
  const std::string token{ctx.config().str("token")}, does{ctx.config().str("does")};

  tsn::Status upsert(const tsn::Upsert& change, tsn::Ticket& out, tsn::Deadline) {
    const auto& incident = change.incident;
    out.key = incident.ticket_key.empty() ? "T-" + std::to_string(incident.number) : std::string(incident.ticket_key);
    out.status = "change " + std::to_string(change.change) + " owner " + std::string(change.owner_email);
    log("PUT", "/tickets/" + out.key, incident.correlation_id, out.key, false);
    return tsn::ok;
  }

  tsn::Status sync(tsn::Deadline) {
    if (does == "refuse") return tsn::denied("keeper: the token " + token + " is refused");
    log("GET", "/changes", {}, {}, true);
    return tsn::ok;
  }

  tsn::Status probe(const tsn::Upsert* dry_run, std::string& report, tsn::Deadline) {
    if (does == "crash") std::raise(SIGSEGV);
    if (does == "hang") hang();
    if (does == "refuse") return tsn::denied("keeper: the token " + token + " is refused");
    report = dry_run ? "ok: PUT " + std::string(dry_run->incident.title) + " change " + std::to_string(dry_run->change)
                     : std::string("ok: signed in\nwarning: it keeps nothing");
    return tsn::ok;
  }

 private:
  void log(const char* method, std::string target, std::string_view correlation_id, std::string_view ticket,
           bool incoming) const {
    const std::string request = "{\"authorization\": \"" + token + "\"}";
    tsn::Exchange call;
    call.incoming = incoming;
    call.correlation_id = correlation_id;
    call.ticket = ticket;
    call.method = method;
    call.target = target;
    call.request = request;
    call.response = "{}";
    call.status = 200;
    static_cast<void>(ctx.log_exchange(call));  // it may be lost
  }
};

}  // namespace

TOCSIN_PLUGIN(Keeper)
