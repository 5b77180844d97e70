// How the fields of a question are mapped. A field that no index has is no mistake to the server: it answers nothing,
// for ever.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "question.hpp"

namespace tocsin_plugins::elasticsearch {

struct Finding {
  bool fatal = false;  ///< the question cannot be answered as it stands
  std::string text;
};

/// Judges an answer of _field_caps. Nothing found: all is well, or there is no index yet. Throws tsn::Failure where the
/// answer is none.
std::vector<Finding> findings(std::string_view body, const Question& question);

}  // namespace tocsin_plugins::elasticsearch
