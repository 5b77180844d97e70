// A connection whose every wait ends: with what was waited for, with the time of the check, or with stop().
#pragma once

#include <sys/socket.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tocsin/plugin.hpp"

struct ssl_st;
struct ssl_ctx_st;

namespace tocsin_plugins::probing {

/// How long a check may take, and the descriptor that is readable once the plugin stops.
struct Limits {
  std::chrono::steady_clock::time_point until;
  int stop = -1;

  int milliseconds() const;  ///< that are left, at least 0
};

/// Waits for `events` (as poll(2)) on `fd`. Throws tsn::Failure at the end of the time (TSN_DEADLINE) and when the
/// plugin stops (TSN_CANCELLED).
void wait_for(int fd, short events, const Limits& limits);
void check_stop(const Limits& limits);

struct Address {
  sockaddr_storage where{};
  socklen_t size = 0;
  int family() const { return where.ss_family; }
  std::string text() const;  ///< "192.0.2.1", "2001:db8::1"
};

/// Addresses of a name, by the system's resolver, which blocks: prepare_thread() bounds it. Throws when there is none.
std::vector<Address> resolve(const std::string& host, int port, const Limits& limits, int type = SOCK_STREAM);

/// For each thread that makes checks: no SIGPIPE, and a resolver that gives up after seconds.
void prepare_thread();

/// An open descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();
  int get() const { return fd_; }

 private:
  int fd_;
};

/// How long certificates are good for, in days from the time of the check; negative: they have expired.
struct Expiry {
  double leaf = 0, chain = 0;  ///< chain: the first to expire of all that the server showed
};

/// TCP, with TLS over it where it is asked for.
class Line {
 public:
  /// Tries the addresses one after the other; each may take its share of the time that is left.
  Line(const std::string& host, int port, const Limits& limits);
  ~Line();
  Line(const Line&) = delete;

  /// The handshake at `now`. Empty: the certificate is good for `name`; else why it is not, and nothing may be sent.
  std::string secure(const std::string& name, const std::string& ca_file, tsn::Time now, const Limits& limits,
                     Expiry& expiry);

  void send(std::string_view bytes, const Limits& limits);
  /// At least one byte; 0 at the end of the stream.
  std::size_t receive(char* to, std::size_t most, const Limits& limits);

 private:
  bool ssl_wants(int result, const char* what, const Limits& limits);

  Descriptor socket_;
  ssl_ctx_st* context_ = nullptr;
  ssl_st* ssl_ = nullptr;
};

}  // namespace tocsin_plugins::probing
