// Throws from everything an author can write, through the SDK's barrier.
#include <stdexcept>
#include <tocsin/plugin.hpp>

namespace {

struct Throws {
  static constexpr auto id = "throws", version = "1.0.0", doc = "throws from every callback";
  static constexpr tsn::Route routes[] = {{"GET", "/throws", "throws"}};
  tsn::Context ctx;
  struct Program {};

  void stop() { throw std::runtime_error("stop threw"); }
  tsn::Status reconfigure(const tsn::Config&) { throw std::runtime_error("reconfigure threw"); }
  tsn::Status poll(tsn::Batch&) { throw std::runtime_error("poll threw"); }
  tsn::Status deliver(const tsn::Message&) { throw std::runtime_error("deliver threw"); }
  tsn::Status upsert(const tsn::Upsert&, tsn::Ticket&) { throw 42; }
  tsn::Status handle(const tsn::Request&, tsn::Response&) { throw std::runtime_error("handle threw"); }
  std::unique_ptr<Program> compile(const tsn::Rule&, tsn::Inputs&) { throw std::runtime_error("compile threw"); }
  tsn::Status evaluate(Program&, const tsn::Rows&, tsn::Verdicts&) { throw std::runtime_error("evaluate threw"); }
};

struct ThrowsAtBirth {
  static constexpr auto id = "throws_at_birth", version = "1.0.0", doc = "cannot be made";
  tsn::Context ctx;
  ThrowsAtBirth() { throw std::runtime_error("the constructor threw"); }
  tsn::Status poll(tsn::Batch&) { return tsn::ok; }
};

struct ThrowsAtStart {
  static constexpr auto id = "throws_at_start", version = "1.0.0", doc = "cannot be started";
  tsn::Context ctx;
  tsn::Status start() { throw std::runtime_error("start threw"); }
  tsn::Status poll(tsn::Batch&) { return tsn::ok; }
};

}  // namespace

TOCSIN_PLUGIN(Throws, ThrowsAtBirth, ThrowsAtStart)
