// Who may ask, before there are users: a loopback listener is trusted, so a web page in somebody's browser must not be
// able to use it. Two attacks are refused: DNS rebinding (a foreign Host) and cross-origin requests that change state.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/message.hpp"
#include "api/problem.hpp"

namespace tocsin::api {

/// One listening address and what it serves.
struct Door {
  bool loopback = true;  ///< listens on loopback only
  bool health_only = false;
  bool tls = false;
};

class Access {
 public:
  /// `own_names`: host names besides loopback's; the machine's own name is added.
  explicit Access(std::vector<std::string> own_names);
  /// `open`: whoever asks shows a right that no browser sends by itself, so from which page it is asked does not
  /// matter.
  std::optional<Problem> refuse(const Request& request, const Door& door, bool open = false) const;

 private:
  bool own(std::string_view host) const;
  std::vector<std::string> names_;
};

/// "LOCALHOST:7676" to "localhost", "[::1]:80" to "::1".
std::string host_of(std::string_view authority);
bool loopback_name(std::string_view host);

}  // namespace tocsin::api
