// Whose log a file is, and what was asked for it.
#pragma once

#include <optional>

#include "log_match/match.hpp"
#include "multiline.hpp"
#include "pod_path.hpp"

namespace tocsin_plugins::logtail {

struct LogOrigin {
  std::optional<Pod> pod;
  // What annotations of the pod say instead of the source.
  std::string said;  ///< all of it, to see that it changed
  bool wanted = true;
  std::optional<log_match::FieldSyntax> parser;
  std::vector<log_match::Match> matches;  ///< besides the source's
};

}  // namespace tocsin_plugins::logtail
