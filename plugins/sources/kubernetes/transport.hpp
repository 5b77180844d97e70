// Requests to the API server, many at a time on one thread: libcurl's multi interface, over HTTP/1.1.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "access.hpp"
#include "http_client/http_client.hpp"

namespace tocsin_plugins::kube {

struct Outcome {
  HttpAnswer answer;  ///< status 0: none came. Its body is empty: it went to took()
  std::string error;  ///< empty: the answer came whole. Names host and remedy
};

/// Who asked. Called by Transport::run() only.
class Receiver {
 public:
  virtual ~Receiver() = default;
  /// The headers are there.
  virtual void begun(long status) = 0;
  /// False: enough, the request ends with an error.
  virtual bool took(std::string_view bytes) = 0;
  /// The last call of a request; it may start the next.
  virtual void ended(const Outcome& outcome) = 0;
};

class Transport {
 public:
  explicit Transport(const Access& access);
  ~Transport();
  Transport(const Transport&) = delete;

  /// GET of `path` (with its query) for `to`, which has no other request running and outlives this one. `time` is for
  /// the whole of it. Throws tsn::Failure where the token cannot be read.
  void get(Receiver& to, const std::string& path, std::chrono::milliseconds time, bool packed);
  /// Waits for at most `wait`, until something can be moved or wake(), and moves it.
  void run(std::chrono::milliseconds wait);
  /// Ends run(). [any]
  void wake() noexcept;
  /// Drops every request without a word.
  void clear() noexcept;
  std::size_t running() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tocsin_plugins::kube
