// One plugin with one defect, chosen by a macro: what the conformance suite must find.
#include <fcntl.h>

#include <cstdio>
#include <tocsin/plugin.hpp>

namespace {

struct Broken {
  static constexpr auto id = "broken", version = "1.0.0", doc = "Has a defect";
  static constexpr tsn::Option options[] = {
      {.key = "token", .type = tsn::string, .flags = tsn::secret, .doc = "A secret"},
      {.key = "name", .type = tsn::any, .fallback = "\"x\"", .doc = "A name"},
  };
  tsn::Context ctx;
  std::string token{ctx.config().str("token")};

#ifdef BROKEN_CRASH
  Broken() {
    if (ctx.config()["name"].type() == TSN_TABLE) *reinterpret_cast<volatile int*>(8) = 1;
  }
#endif
#ifdef BROKEN_DESCRIPTORS_LEAK
  void start() { (void)!open("/dev/null", O_RDONLY | O_CLOEXEC); }
#endif
  tsn::Status deliver(const tsn::Message&, tsn::Delivered&, [[maybe_unused]] tsn::Token& token_of_call, tsn::Deadline) {
#ifdef BROKEN_TWICE
    auto taken = std::move(token_of_call);
    tsn::Token again(&ctx.session(), taken.id());
    taken.complete(tsn::ok);
    again.complete(tsn::ok);
#endif
#ifdef BROKEN_PRINTS
    std::printf("token %s\n", token.c_str());
#endif
#ifdef BROKEN_SECRET
    return tsn::fail("server refused token " + token);
#else
    return tsn::ok;
#endif
  }
};

}  // namespace

#ifdef BROKEN_EXPORTS
extern "C" [[gnu::visibility("default")]] int broken_extra_symbol() {
  return 1;
}
#endif
#if defined(BROKEN_NOTE) || defined(BROKEN_DESCRIPTOR)
#ifdef BROKEN_DESCRIPTOR
namespace {
struct Other : Broken {
  static constexpr auto version = "0.9.0";
};
}  // namespace
[[gnu::section(TSN_NOTE_SECTION), gnu::used,
  gnu::retain]] alignas(4) static constexpr auto other_note = tsn::detail::make_note<Other>();
#endif
extern "C" [[gnu::visibility("default")]] const tsn_plugin* tsn_plugin_entry_v1() noexcept;
extern "C" const tsn_plugin* tsn_plugin_entry_v1() noexcept {
  return &tsn::detail::plugin_of<Broken>;
}
#else
TOCSIN_PLUGIN(Broken)
#endif
