// A source and a notifier that do what a file tells them: crash in one of many ways, or hang until a FIFO is written.
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <tocsin/plugin.hpp>

namespace {

volatile int* volatile nowhere = nullptr;

[[gnu::noinline]] int deeper(volatile char* above, int depth) {
  volatile char page[4096];
  page[0] = above == nullptr ? '\0' : above[0];
  return depth == 0 ? page[0] : deeper(page, depth - 1) + page[1];
}

/// The order, which is then gone: after the restart the plugin behaves.
std::string take_order(const std::string& file) {
  std::string word;
  if (!(std::ifstream(file) >> word)) return {};
  ::unlink(file.c_str());
  return word;
}

/// Opening a FIFO waits until somebody writes to it.
void hang(const std::string& fifo) {
  std::ifstream waits(fifo);
}

void carry_out(const std::string& order, const std::string& fifo, tsn::Context& ctx) {
  if (order == "segv") *nowhere = 1;
  if (order == "abort") std::abort();
  if (order == "exit") std::exit(7);
  if (order == "stack") deeper(nullptr, 1 << 20);
  if (order == "kill") ::kill(::getpid(), SIGKILL);
  if (order == "spawned") ctx.spawn("crasher", [] { *nowhere = 1; });
  if (order == "inner") std::thread([] { *nowhere = 1; }).join();
  if (order == "hang") hang(fifo);
}

struct Told {
  static constexpr tsn::Option options[] = {
      {.key = "order", .type = tsn::string, .fallback = "\"\"", .doc = "A file; its first word is done, once"},
      {.key = "fifo", .type = tsn::string, .fallback = "\"\"", .doc = "What a hanging call waits for"},
  };
  tsn::Context ctx;
  std::string order{ctx.config().str("order")}, fifo{ctx.config().str("fifo")};
};

struct Crasher : Told {
  static constexpr auto id = "crasher", version = "1.0.0", doc = "Goes wrong when told";
  static constexpr tsn::Signal signals[] = {{.name = "crasher.polls", .unit = "1", .doc = "Polls"}};
  static constexpr tsn::Route routes[] = {{.method = "POST", .path = "/crasher", .doc = "The body is an order"}};

  tsn::Series polls = ctx.series("crasher.polls");

  tsn::Status poll(tsn::Batch& out, tsn::Deadline) {
    carry_out(take_order(order), fifo, ctx);
    out.push(ctx.now(), polls, 1);
    return tsn::ok;
  }
  void handle(const tsn::Request& request, tsn::Response& response) {
    carry_out(std::string(request.body()), fifo, ctx);
    response.status(204);
  }
};

struct CrashTeller : Told {
  static constexpr auto id = "crashteller", version = "1.0.0", doc = "A notifier that goes wrong when told";
  static constexpr std::uint32_t features = tsn::no_recipient;

  tsn::Status deliver(const tsn::Message&) {
    carry_out(take_order(order), fifo, ctx);
    return tsn::ok;
  }
};

}  // namespace

TOCSIN_PLUGIN(Crasher, CrashTeller)
