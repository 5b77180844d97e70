// Who may use an instance's routes: compares what a request shows with the `auth` of its section.
#pragma once

#include <chrono>
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "plugin_host/session.hpp"
#include "settings/route_auth.hpp"

namespace tocsin::app {

class RouteGuard {
 public:
  using Request = plugin_host::Instance::Request;
  using Response = plugin_host::Instance::Response;
  /// `realm`: the instance, as in "source.http".
  explicit RouteGuard(std::string realm) : realm_(std::move(realm)) {}

  /// From the next request on; nothing: everybody may. Any thread.
  void set(std::optional<settings::RouteAuth> auth);
  /// The user's name (a token's, of basic the user's, of mtls the certificate's subject; else empty), or the answer
  /// that refuses: 401 with WWW-Authenticate, or 403 where showing more would not help. Refusals are logged, once a
  /// minute at most, without what was shown. Any thread.
  std::expected<std::string, Response> admit(const Request& request);
  /// The same where the body has not come yet: what admit() refuses whatever the body is. Any thread.
  std::optional<Response> refuse_head(const Request& request);

 private:
  struct Refusal {
    std::uint32_t status = 401;
    std::string challenge, why;
  };
  std::expected<std::string, Refusal> judge(const settings::RouteAuth& auth, const Request& request) const;
  std::expected<std::string, Refusal> judge_signature(const std::string& key, const Request& request) const;
  std::shared_ptr<const settings::RouteAuth> auth() const;
  Response refused(const Request& request, Refusal refusal);
  void log(const Request& request, const std::string& why);

  const std::string realm_;
  mutable std::mutex mutex_;
  std::shared_ptr<const settings::RouteAuth> auth_;
  std::size_t refused_ = 0;
  std::optional<std::chrono::steady_clock::time_point> logged_;
};

}  // namespace tocsin::app
