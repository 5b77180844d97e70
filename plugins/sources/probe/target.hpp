// What is looked at, how often, and what is expected of it: one [[source.NAME.target]], read and checked once.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tocsin/plugin.hpp"
#include "url.hpp"

namespace re2 {
class RE2;
}

namespace tocsin_plugins::probing {

enum class Kind : unsigned { http = 1, tcp = 2, tls = 4, dns = 8, postgres = 16, redis = 32 };
enum class Role { any, primary, replica };

const char* name_of(Kind kind);

struct Target {
  std::string name, service, dc;
  Kind kind = Kind::tcp;
  Url url;
  std::string whole_url;  ///< for libraries that read it themselves; never shown
  bool encrypted = false;
  std::chrono::nanoseconds every{}, timeout{};
  std::string username, password;
  std::string bearer, ca_file, server_name;

  std::string method = "GET", body;           // http
  std::vector<std::string> headers;           // http: "Name: value"
  std::vector<std::pair<int, int>> statuses;  // http: from, to
  std::shared_ptr<const re2::RE2> pattern;    // http
  int redirects = 0;                          // http
  std::string send, expect;                   // tcp, tls
  std::string dns_name, dns_type;             // dns
  std::vector<std::string> expected;          // dns: what answers may be; empty: anything
  Role role = Role::any;                      // postgres, redis
};

/// What holds for targets that say nothing else.
struct TargetDefaults {
  std::chrono::nanoseconds every{}, timeout{};
  std::string ca_file;
};

/// The targets of `list`. Throws tsn::Failure (TSN_INVALID) that names the place and what is expected there.
std::vector<Target> read_targets(const tsn::Config& list, const TargetDefaults& defaults);

}  // namespace tocsin_plugins::probing
