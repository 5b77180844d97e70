// The plugins' HTTP client with the answers of an input instead of a network. A program that has scripted_http.cpp
// links it in place of the real one.
#pragma once

#include <deque>

#include "http_client/http_client.hpp"
#include "target.hpp"

namespace fuzz {

/// What the next calls answer; when they are used up, nothing can be reached.
extern std::deque<tocsin_plugins::HttpAnswer> answers;

/// Reads them from the rest of an input, each up to a NUL: "status retry-after\n" and the body. A status of 0 is a lost
/// answer.
void script(Input& input);

}  // namespace fuzz
