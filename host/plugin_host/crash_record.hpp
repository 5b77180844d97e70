// What is left of a process that a plugin took down: written by a handler on the thread that crashed, read by the
// process that comes after it.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

namespace tocsin::plugin_host {

/// Plain bytes, in memory that two processes share.
struct Finding {
  std::int32_t signal = 0;     ///< 0: no crash, a call hung and the process ended itself
  std::uint64_t address = 0;   ///< what the fault was about
  std::int64_t at = 0;         ///< ns since 1970
  std::uint64_t identity = 0;  ///< of the plugin's file, as Found::identity
  char instance[128] = {};     ///< empty: nobody was found to have run
  char plugin[64] = {};
  char call[16] = {};  ///< the name of an EntryPoint
};

/// A ring of the last ones.
struct Findings {
  static constexpr std::uint32_t most = 8;
  std::atomic<std::uint32_t> count{0};  ///< of all there ever were
  std::atomic<std::uint32_t> read{0};   ///< how many of them are kept elsewhere
  Finding items[most];
  Finding& at(std::uint32_t number) { return items[number % most]; }
};

/// Sets handlers for SIGSEGV, SIGBUS, SIGILL, SIGFPE and SIGABRT that add to `findings`, which must stay. A handler
/// then gives way to the action there was before, so that a core is dumped as ever. Once, before threads are made.
void record_crashes(Findings& findings);
/// Where crashes are recorded; null: record_crashes() was not called, nothing would start the process again.
Findings* recording();

/// Records that a call into this plugin hangs and aborts the process, whose supervisor starts another one. Only where
/// recording() is not null.
[[noreturn]] void end_for_hang(std::string_view instance, std::string_view plugin, std::uint64_t identity,
                               std::string_view call);

/// "SIGSEGV" of 11, "hang" of 0; "another signal" of what has no name here.
const char* signal_name(int signal);

}  // namespace tocsin::plugin_host
