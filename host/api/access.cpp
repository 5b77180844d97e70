#include "api/access.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace tocsin::api {
namespace {

std::string machine_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? base::lower(name.data()) : std::string();
}

/// "http://localhost:7676" to "localhost:7676"; empty for "null" and whatever has no authority.
std::string_view authority_of(std::string_view origin) {
  std::size_t start = origin.find("://");
  return start == origin.npos ? std::string_view() : origin.substr(start + 3);
}

}  // namespace

std::string host_of(std::string_view authority) {
  if (authority.starts_with('[')) return base::lower(authority.substr(1, authority.find(']') - 1));
  std::string host = base::lower(authority.substr(0, authority.rfind(':')));
  if (host.ends_with('.')) host.pop_back();
  return host;
}

bool loopback_name(std::string_view host) {
  if (host == "localhost" || host.ends_with(".localhost") || host == "::1") return true;
  // 127.0.0.0/8 as digits and dots only: "127.0.0.1.evil.example" is a name.
  return host.starts_with("127.") && host.find_first_not_of("0123456789.") == host.npos;
}

Access::Access(std::vector<std::string> own_names) {
  for (const std::string& name : own_names) {
    if (!name.empty()) names_.push_back(host_of(name));
  }
  if (std::string name = machine_name(); !name.empty()) names_.push_back(std::move(name));
}

bool Access::own(std::string_view host) const {
  return loopback_name(host) || std::find(names_.begin(), names_.end(), host) != names_.end();
}

std::optional<Problem> Access::refuse(const Request& request, const Door& door, bool open) const {
  std::string_view authority = request.header("host");
  if (door.loopback && !authority.empty() && !own(host_of(authority))) {
    return Problem(403,
                   "Host is \"" + std::string(authority) +
                       "\", which is not this agent's name on loopback (DNS rebinding is refused); use 127.0.0.1 or "
                       "localhost, or set [http] external_url");
  }
  if (open || !request.state_changing()) return std::nullopt;
  std::string_view origin = request.header("origin");
  bool foreign = origin.empty() ? request.header("sec-fetch-site") == "cross-site"
                                : !base::equal_without_case(authority_of(origin), authority);
  if (!foreign) return std::nullopt;
  return Problem(403, "a page of another origin (\"" + std::string(origin) + "\") may not change anything here");
}

}  // namespace tocsin::api
