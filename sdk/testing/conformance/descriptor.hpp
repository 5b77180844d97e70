// The descriptor that a loaded plugin gives, in the form of its ELF note.
#pragma once

#include <string>

#include "tocsin/abi.h"

namespace tsn::conformance {

/// What differs between the note and what the entry returns; empty: nothing.
std::string compare_with_note(const tsn_plugin& plugin, const std::string& note);

}  // namespace tsn::conformance
