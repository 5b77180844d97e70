// The descriptor that a loaded plugin gives, in the form of its ELF note.
#pragma once

#include <string>

#include "tocsin/abi.h"

namespace tsn::conformance {

/// Throws Broken with the first difference between the note and what the entry returns.
void compare_with_note(const tsn_plugin& plugin, const std::string& note);

}  // namespace tsn::conformance
