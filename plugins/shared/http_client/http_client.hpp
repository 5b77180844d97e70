// One HTTP client for notifiers and trackers: a kept connection, a deadline for every call, certificates always
// verified, and for every failure the answer to "may it have arrived?".
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

struct HttpSettings {
  std::string ca_file;    ///< PEM; adds a root to the system's
  std::string proxy_url;  ///< empty: none; the environment is not read
  std::string no_proxy;   ///< hosts, separated by commas
  /// PEM; a certificate of our own, with its chain, for servers that ask for one.
  std::string cert_file = {};
  /// PEM, without a passphrase; its key. Empty: it stands in cert_file.
  std::string key_file = {};
};

struct HttpRequest {
  std::string method = "POST", url, body;
  std::vector<std::string> headers;  ///< "Name: value"
  std::string username, password;    ///< basic authentication; empty: none
  /// Sent at most once: on a connection of its own. On a kept one that the other side cuts before a byte of the answer,
  /// libcurl sends again by itself, although the request may have been carried out.
  bool once = false;
  /// Asks for a compressed answer; what counts against most_body is what it unpacks to.
  bool compressed = false;
  std::size_t most_body = 4u << 20;  ///< bytes of the answer; more is an error
};

struct HttpAnswer {
  long status = 0;
  std::string body;
  std::map<std::string, std::string> headers;  ///< names in lower case
  bool too_long = false;                       ///< the call failed because of HttpRequest::most_body

  /// `Retry-After` in seconds or as a date (RFC 9110, 10.2.3); 0: none.
  std::chrono::milliseconds retry_after(tsn::Time now) const;
};

/// One call at a time.
class HttpClient {
 public:
  explicit HttpClient(HttpSettings settings);
  ~HttpClient();

  /// Performs the request. ok: there is an answer, whatever its status. TSN_FAILED: it cannot have arrived (name,
  /// connect, TLS). TSN_UNKNOWN: it may have arrived, the answer is lost. Texts name host and remedy, never headers or
  /// body.
  tsn::Status perform(const HttpRequest& request, tsn::Deadline deadline, HttpAnswer& answer);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// What an HTTP status means for a message: ok for 2xx; TSN_RETRY for 429 and 503 with Retry-After; TSN_FAILED for 5xx,
/// 408, 425 and 429; TSN_DENIED for 401 and 403; TSN_INVALID for the rest. `what` begins the text ("slack:
/// chat.postMessage").
tsn::Status status_of(const HttpAnswer& answer, std::string_view what, tsn::Time now);

/// Whether JSON text nests deeper than any answer does (64 levels): libraries copy and print trees recursively, and the
/// 4 MiB of an answer have room for millions of levels.
bool nests_deep(std::string_view json);

/// "https://host:port" of a URL, for messages: user, path and query may hold secrets.
std::string host_of(std::string_view url);

}  // namespace tocsin_plugins
