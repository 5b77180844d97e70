// Starts a thread of its own that nobody joins
#include <unistd.h>

#include <thread>

#include "zoo.hpp"

namespace {

struct Defect {
  ZOO_NAMES(leaks_thread, "Starts a thread of its own that nobody joins");
  static void act(auto&) {
    std::thread([] {
      for (;;) pause();
    }).detach();
  }
};

}  // namespace

ZOO_PLUGIN(Defect)
