// Requests to the API server, many at a time on one thread: libcurl's multi interface, over HTTP/1.1.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "kubernetes_api/access.hpp"

namespace tocsin_plugins::kube {

struct Outcome {
  long status = 0;  ///< 0: no answer came. Its body went to took()
  std::chrono::seconds retry_after{};
  std::string error;    ///< empty: the answer came whole. Names the server and the remedy
  bool silent = false;  ///< with `error`: nothing came for Question::silence, after the answer had begun
};

struct Question {
  std::string path;                ///< with its query
  std::chrono::milliseconds time;  ///< for the whole of it
  std::chrono::seconds silence{};  ///< ends it where nothing comes for so long; zero: it may be silent
  bool packed = true;              ///< gzip is welcome
  std::string accept = "application/json";
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

/// The same text as part of a URL's path or query.
std::string escape(std::string_view text);

class Transport {
 public:
  /// Throws tsn::Failure where there is no libcurl.
  explicit Transport(const Access& access);
  ~Transport();
  Transport(const Transport&) = delete;

  /// GET for `to`, which has no other request running and outlives this one. Throws tsn::Failure where the token cannot
  /// be read.
  void get(Receiver& to, const Question& question);
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
