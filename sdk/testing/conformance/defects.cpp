#include "defects.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace tsn::conformance {
namespace {

constexpr Defect all[] = {
    // The file.
    {"not_a_plugin", "the agent refuses the file",
     "build a 64-bit shared library for this machine with tocsin_add_plugin()"},
    {"no_export", "the agent cannot enter the plugin", "put TOCSIN_PLUGIN(…) once into the plugin"},
    {"two_exports", "a second symbol collides with other plugins and libraries",
     "link with tocsin_add_plugin(), or with its version script {global: tsn_plugin_entry_v1; local: *;}"},
    {"gnu_unique", "a unique symbol keeps the library from ever being unloaded and ties plugins together",
     "compile with -fno-gnu-unique and link with the version script; tocsin_add_plugin() does both"},
    {"static_tls", "the room for static TLS is small and shared: loading may fail in a running agent",
     "compile with -fPIC and without -ftls-model=initial-exec, and link no library that was built otherwise"},
    {"newer_glibc", "the plugin does not load where the agent runs (Debian 12 and later)",
     "build on Debian 12 or an equally old system, or pass --glibc with the oldest version you support"},
    {"newer_libstdcxx", "the plugin does not load where the agent runs (Debian 12 and later)",
     "build with g++ 12 or link with -static-libstdc++"},
    {"exec_stack", "loading it makes the agent's stacks executable",
     "link with -z noexecstack; an assembler file needs .section .note.GNU-stack,\"\",@progbits"},
    {"text_relocations", "its code must be made writable, which a hardened system refuses",
     "compile everything with -fPIC, assembler included"},
    {"build_rpath", "libraries would be taken from a folder of the build machine, or from one that others can write",
     "set SKIP_BUILD_RPATH or install the plugin; a RUNPATH may name $ORIGIN only"},
    {"missing_library", "the plugin does not load",
     "install the library, link it statically, or remove the dependency"},
    {"no_note", "the agent lists, documents and configures a plugin from its note without running it",
     "use TOCSIN_PLUGIN(…), and keep the section .note.tocsin when stripping"},
    {"odd_note", "the agent cannot read what the plugin declares",
     "use TOCSIN_PLUGIN(…), or write the JSON that abi.h describes"},
    {"note_differs", "options are checked against the note and handed to other code",
     "use TOCSIN_PLUGIN(…), which makes both from one declaration"},
    // What it declares.
    {"odd_descriptor", "the type cannot be configured, listed or called as it says",
     "correct the declaration; sdk/README.md lists what a type declares"},
    {"zero_sizes", "`size` tells the host how much of a struct is there; zero is nothing",
     "fill `size` with sizeof of the struct"},
    // How it ends.
    {"does_not_load", "the agent cannot load it", "the loader's text says what is missing"},
    {"crash_segv", "a plugin in the agent's process takes the agent down",
     "run the test under a debugger or with -DTOCSIN_SANITIZE=address"},
    {"crash_abort", "a plugin in the agent's process takes the agent down",
     "return a status or throw an exception derived from std::exception; an exception out of a noexcept function or a "
     "destructor aborts too"},
    {"crashes", "a plugin in the agent's process takes the agent down", "find the call under a debugger"},
    {"exits", "exit() in a plugin ends the agent", "return a status"},
    {"endless_loop", "the call holds a thread of the agent and a core; the host quarantines the instance",
     "return by the deadline that the call is given"},
    {"waits_for_ever", "the call holds a thread of the agent; the host quarantines the instance",
     "wait with a timeout derived from tsn::Deadline, or answer PENDING and complete the token later"},
    {"eats_memory", "the agent runs out of memory", "bound what is kept"},
    {"throws", "an exception that crosses the line ends the agent",
     "use the SDK's classes, whose functions catch, or make the function noexcept and catch inside"},
    // What it does not give back.
    {"leaks_thread", "threads pile up with each reload, and run code of a plugin that is gone",
     "start threads with ctx.spawn(), and join a library's own before stop() returns"},
    {"leaks_descriptors", "the agent runs out of descriptors", "close before stop() returns what start() opened"},
    {"leaks_memory", "the agent grows with each reload",
     "free before destroy() returns; run the test with -fsanitize=leak"},
    {"leaks_timer", "a timer fires into an instance that is gone", "cancel it in stop()"},
    {"leaks_watch", "a descriptor is watched for an instance that is gone", "unwatch it in stop()"},
    {"never_completes", "the message waits until its deadline, each time",
     "complete each token exactly once, with a failure if need be, and all of them before stop() returns"},
    {"completes_twice", "the second answer may belong to somebody else's call",
     "complete a token once; a call that returned another status than PENDING has answered already"},
    // What it hands over.
    {"garbage_handles", "a handle that was never given is refused and counted against the plugin",
     "use the handles that the host gave to this instance only"},
    {"lying_columns", "the batch is refused and its rows are lost", "fill batches with tsn::Batch"},
    {"writes_past_batch", "memory of others is overwritten, and the batch is refused", "fill batches with tsn::Batch"},
    {"lying_bytes", "the host reads memory that is not there", "set tsn_batch.bytes to the block's length"},
    {"lying_lengths", "the host reads memory that is not there",
     "write at most the buffer's size and say how much it was"},
    {"overruns_buffers", "memory of the host is overwritten",
     "write at most `size` bytes of a struct of the host, and at most `cap` of a buffer"},
    {"odd_answer", "the host cannot act on the answer", "answer what abi.h says for the function"},
    {"silent_failure", "an operator reads an error without a text", "say what failed, on what, why, and what to do"},
    // What it touches.
    {"forks", "without needs = \"processes\" the isolated plugin may start none; in-process a child inherits the agent",
     "declare `needs` = \"processes\", or do without"},
    {"uses_network", "without needs = \"network\" the isolated plugin gets no socket",
     "declare `needs` = \"network\", or do without"},
    {"closes_descriptors", "files and connections of the agent and of other plugins are lost",
     "close each descriptor once, and only those that you opened"},
    {"shows_secret", "a secret stands in a log, an error or a page", "leave it out of every text"},
    {"prints_secret", "a secret stands in the journal", "print nothing; use ctx.info() and leave secrets out"},
};

}  // namespace

std::span<const Defect> defects() {
  return all;
}

const Defect& defect(std::string_view name) {
  const auto at = std::find_if(std::begin(all), std::end(all), [&](const auto& each) { return each.name == name; });
  if (at == std::end(all)) throw std::logic_error("no defect is called " + std::string(name));
  return *at;
}

}  // namespace tsn::conformance
