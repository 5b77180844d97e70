#include "line.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <resolv.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>

namespace tocsin_plugins::probing {
namespace {

using std::chrono::steady_clock;

Descriptor connected_to(const Address& to, const Limits& limits) {
  Descriptor made(::socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (made.get() < 0) throw tsn::Failure(std::string("no socket: ") + std::strerror(errno));
  const int on = 1;
  ::setsockopt(made.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(made.get(), reinterpret_cast<const sockaddr*>(&to.where), to.size) == 0) return made;
  int error = errno;
  if (error == EINPROGRESS) {
    wait_for(made.get(), POLLOUT, limits);
    socklen_t size = sizeof error;
    ::getsockopt(made.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  }
  if (error) throw tsn::Failure("cannot connect to " + to.text() + ": " + std::strerror(error));
  return made;
}

std::string tls_error() {
  const auto code = ERR_get_error();
  ERR_clear_error();
  const char* reason = code ? ERR_reason_error_string(code) : nullptr;
  return reason ? reason : "the other side closed the connection";
}

/// Days from `now` to the end of a certificate.
double days_left(const X509* certificate, tsn::Time now) {
  const time_t seconds = now / 1'000'000'000;
  ASN1_TIME* from = ASN1_TIME_set(nullptr, seconds);
  int days = 0, rest = 0;
  if (from) ASN1_TIME_diff(&days, &rest, from, X509_get0_notAfter(certificate));
  ASN1_TIME_free(from);
  return days + rest / 86'400.0;
}

Expiry expiry_of(SSL* ssl, tsn::Time now) {
  Expiry out;
  const auto* shown = SSL_get_peer_cert_chain(ssl);
  for (int i = 0; i < sk_X509_num(shown); ++i) {
    const double left = days_left(sk_X509_value(shown, i), now);
    if (i == 0) out.leaf = out.chain = left;
    out.chain = std::min(out.chain, left);
  }
  return out;
}

bool numeric(const std::string& host) {
  unsigned char bytes[16];
  return ::inet_pton(AF_INET, host.c_str(), bytes) == 1 || ::inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

/// Judged at the agent's time, for the name, by the system's roots and one's own.
void set_trust(SSL_CTX* context, SSL* ssl, const std::string& name, const std::string& ca_file, tsn::Time now) {
  SSL_CTX_set_default_verify_paths(context);
  if (!ca_file.empty() && SSL_CTX_load_verify_locations(context, ca_file.c_str(), nullptr) != 1) {
    ERR_clear_error();
    throw tsn::Failure(tsn::invalid(ca_file + " cannot be read as certificates; check ca_file"));
  }
  auto* param = SSL_get0_param(ssl);
  X509_VERIFY_PARAM_set_time(param, now / 1'000'000'000);
  X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (numeric(name)) {
    X509_VERIFY_PARAM_set1_ip_asc(param, name.c_str());
  } else {
    X509_VERIFY_PARAM_set1_host(param, name.c_str(), name.size());
    SSL_set_tlsext_host_name(ssl, name.c_str());
  }
}

}  // namespace

int Limits::milliseconds() const {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - steady_clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 86'400'000));
}

void wait_for(int fd, short events, const Limits& limits) {
  for (;;) {
    pollfd both[] = {{fd, events, 0}, {limits.stop, POLLIN, 0}};
    const int ready = ::poll(both, 2, limits.milliseconds());
    if (both[1].revents) throw tsn::Failure(tsn::cancelled("the plugin stops"));
    if (ready > 0 && both[0].revents) return;
    if (ready < 0 && errno != EINTR) throw tsn::Failure(std::string("poll: ") + std::strerror(errno));
    if (limits.milliseconds() == 0) throw tsn::Failure(tsn::timed_out("no answer in time"));
  }
}

void check_stop(const Limits& limits) {
  pollfd stop{limits.stop, POLLIN, 0};
  if (::poll(&stop, 1, 0) > 0) throw tsn::Failure(tsn::cancelled("the plugin stops"));
  if (limits.milliseconds() == 0) throw tsn::Failure(tsn::timed_out("no answer in time"));
}

std::string Address::text() const {
  char host[NI_MAXHOST] = "?";
  ::getnameinfo(reinterpret_cast<const sockaddr*>(&where), size, host, sizeof host, nullptr, 0, NI_NUMERICHOST);
  return host;
}

std::vector<Address> resolve(const std::string& host, int port, const Limits& limits, int type) {
  addrinfo wanted{};
  wanted.ai_socktype = type;
  wanted.ai_flags = AI_NUMERICSERV | (numeric(host) ? AI_NUMERICHOST : AI_ADDRCONFIG);
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found);
  if (error) throw tsn::Failure("the name of the host cannot be resolved: " + std::string(::gai_strerror(error)));
  std::vector<Address> all;
  for (const auto* each = found; each && all.size() < 8; each = each->ai_next) {
    Address address;
    std::memcpy(&address.where, each->ai_addr, each->ai_addrlen);
    address.size = each->ai_addrlen;
    all.push_back(address);
  }
  ::freeaddrinfo(found);
  check_stop(limits);
  return all;
}

void prepare_thread() {
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
  // The state of the resolver is the thread's own: 1 s and then 2 s for each server of resolv.conf.
  ::res_init();
  _res.retrans = 1;
  _res.retry = 2;
}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

Line::Line(const std::string& host, int port, const Limits& limits) {
  const auto addresses = resolve(host, port, limits);
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    Limits share = limits;
    const auto now = steady_clock::now();
    share.until = now + (limits.until - now) / static_cast<int>(addresses.size() - i);
    try {
      socket_ = connected_to(addresses[i], share);
      return;
    } catch (const tsn::Failure& failure) {
      if (i + 1 == addresses.size() || failure.status() == tsn::Code::cancelled) throw;
    }
  }
  throw tsn::Failure("the name of the host has no address");
}

Line::~Line() {
  SSL_free(ssl_);
  SSL_CTX_free(context_);
}

std::string Line::secure(const std::string& name, const std::string& ca_file, tsn::Time now, const Limits& limits,
                         Expiry& expiry) {
  context_ = SSL_CTX_new(TLS_client_method());
  ssl_ = context_ ? SSL_new(context_) : nullptr;
  if (!ssl_) throw tsn::Failure("no TLS: " + tls_error());
  SSL_set_min_proto_version(ssl_, TLS1_2_VERSION);
  // A certificate that is not good ends no handshake: what is wrong with it, and since when, is what is asked for.
  SSL_set_verify(ssl_, SSL_VERIFY_NONE, nullptr);
  set_trust(context_, ssl_, name, ca_file, now);
  SSL_set_fd(ssl_, socket_.get());
  while (ssl_wants(SSL_connect(ssl_), "the TLS handshake failed: ", limits)) {
  }
  expiry = expiry_of(ssl_, now);
  const auto result = SSL_get_verify_result(ssl_);
  if (result == X509_V_OK) return {};
  return std::string("its certificate is not good for \"") + name + "\": " + X509_verify_cert_error_string(result);
}

/// True: what was waited for is there, call again. False: done.
bool Line::ssl_wants(int result, const char* what, const Limits& limits) {
  if (result > 0) return false;
  const int error = SSL_get_error(ssl_, result);
  if (error == SSL_ERROR_WANT_READ) return wait_for(socket_.get(), POLLIN, limits), true;
  if (error == SSL_ERROR_WANT_WRITE) return wait_for(socket_.get(), POLLOUT, limits), true;
  if (error == SSL_ERROR_ZERO_RETURN) return false;
  throw tsn::Failure(what + tls_error());
}

void Line::send(std::string_view bytes, const Limits& limits) {
  while (!bytes.empty()) {
    if (ssl_) {
      std::size_t sent = 0;
      if (!ssl_wants(SSL_write_ex(ssl_, bytes.data(), bytes.size(), &sent), "sending failed: ", limits) && sent == 0)
        throw tsn::Failure("sending failed: the other side closed the connection");
      bytes.remove_prefix(sent);
      continue;
    }
    const auto sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0)
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    else if (errno == EAGAIN || errno == EINTR)
      wait_for(socket_.get(), POLLOUT, limits);
    else
      throw tsn::Failure(std::string("sending failed: ") + std::strerror(errno));
  }
}

std::size_t Line::receive(char* to, std::size_t most, const Limits& limits) {
  for (;;) {
    check_stop(limits);
    if (ssl_) {
      std::size_t got = 0;
      if (!ssl_wants(SSL_read_ex(ssl_, to, most, &got), "reading failed: ", limits)) return got;
      continue;
    }
    const auto got = ::recv(socket_.get(), to, most, 0);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EAGAIN && errno != EINTR) throw tsn::Failure(std::string("reading failed: ") + std::strerror(errno));
    wait_for(socket_.get(), POLLIN, limits);
  }
}

}  // namespace tocsin_plugins::probing
