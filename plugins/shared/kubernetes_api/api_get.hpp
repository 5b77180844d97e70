// One GET at a time on an API server. Certificates are always verified.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "kubernetes_api/credentials.hpp"

namespace tocsin_plugins::kubernetes {

struct Answer {
  long status = 0;
  std::string body;
};

class ApiGet {
 public:
  static constexpr std::size_t most_body = 32u << 20;  ///< bytes of an answer; more is an error

  explicit ApiGet(Credentials credentials);
  ~ApiGet();
  /// `path` with its query. ok: there is an answer of status 200. Else the text names the server, what happened, and
  /// for 401 and 403 what the account needs. Never the token. At most `wait`. Thread: one at a time.
  /// Ends early when `cancelled` becomes true.
  tsn::Status get(const std::string& path, const std::string& accept, std::chrono::milliseconds wait,
                  const std::atomic<bool>& cancelled, Answer& answer);

 private:
  struct Connection;
  const Credentials credentials_;
  std::unique_ptr<Connection> connection_;  ///< kept from one request to the next
};

}  // namespace tocsin_plugins::kubernetes
