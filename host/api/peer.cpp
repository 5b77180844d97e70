#include "api/peer.hpp"

#include <sys/socket.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cerrno>

#include "base/text.hpp"

namespace tocsin::api {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using base::fail;
using base::Fault;
using base::Result;

constexpr std::uint64_t most_passed_back = 256ull << 20;
constexpr std::size_t tls_piece = 64 * 1024;

PeerAnswer answer_of(http::response<http::string_body>&& message) {
  PeerAnswer out;
  out.status = message.result_int();
  for (const auto& field : message) {
    const auto name = field.name_string(), value = field.value();
    out.headers.emplace_back(base::lower({name.data(), name.size()}), std::string(value.data(), value.size()));
  }
  out.body = std::move(message.body());
  return out;
}

}  // namespace

Peer::Peer(asio::io_context& context, Address address, std::unique_ptr<TlsSession> tls, Times times)
    : address_(std::move(address)),
      tls_(std::move(tls)),
      times_(times),
      resolver_(context),
      socket_(context),
      timer_(context) {}

asio::awaitable<Tried> Peer::ask(std::string head, std::string_view body) {
  const auto self = shared_from_this();
  sent_ = keep_ = false;
  if (!socket_.is_open()) {
    allow(times_.connect);
    const Done connected = co_await connect();
    if (!connected) {
      close();
      const bool never = connected.error().fault() == Fault::invalid;
      co_return Tried{never ? Tried::End::unusable : Tried::End::unreachable, connected.error().message(), {}};
    }
  }
  allow(times_.answer);
  // A failed write is no end yet: a server that refuses early answers before it closes.
  const Done written = co_await write(head, body);
  Result<PeerAnswer> answer = co_await receive();
  timer_.cancel();
  if (!answer || !keep_ || !sent_) close();
  if (answer) co_return Tried{Tried::End::answered, {}, std::move(*answer)};
  const std::string& why = written ? answer.error().message() : written.error().message();
  co_return Tried{!sent_ ? Tried::End::unreachable : late_ ? Tried::End::late : Tried::End::lost, why, {}};
}

bool Peer::usable() {
  if (!socket_.is_open()) return false;
  char next = 0;
  const ssize_t size = ::recv(socket_.native_handle(), &next, 1, MSG_PEEK | MSG_DONTWAIT);
  return size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

void Peer::allow(base::Duration span) {
  late_ = false;
  timer_.expires_after(span);
  timer_.async_wait([weak = weak_from_this()](const Error& ec) {
    const auto self = weak.lock();
    if (ec || !self || self->timer_.expiry() > std::chrono::steady_clock::now()) return;
    self->late_ = true;
    self->close();
  });
}

void Peer::close() {
  Error ec;
  socket_.close(ec);
  resolver_.cancel();
}

std::unexpected<base::Error> Peer::failed(const Error& ec) const {
  return fail(Fault::unavailable, late_ ? "it does not answer in time" : ec.message());
}

asio::awaitable<Peer::Done> Peer::connect() {
  std::vector<tcp::endpoint> endpoints;
  Error ec;
  const asio::ip::address number = asio::ip::make_address(address_.host, ec);
  std::uint16_t port = 0;
  for (const char c : address_.port) port = static_cast<std::uint16_t>(port * 10 + (c - '0'));
  if (!ec) {
    endpoints.emplace_back(number, port);
  } else {
    auto [resolved, found] = co_await resolver_.async_resolve(address_.host, address_.port, as_result);
    if (resolved) co_return failed(resolved);
    for (const auto& entry : found) endpoints.push_back(entry.endpoint());
  }
  auto [connected, where] = co_await asio::async_connect(socket_, endpoints, as_result);
  if (connected) co_return failed(connected);
  socket_.set_option(tcp::no_delay(true), ec);
  if (!tls_) co_return Done();
  co_return co_await shake_hands();
}

asio::awaitable<Peer::Done> Peer::shake_hands() {
  while (!tls_->ready()) {
    const TlsSession::Read got = tls_->read(plain_.data(), 0);
    if (const Error ec = co_await write_wire()) co_return failed(ec);
    if (got.state == TlsSession::State::failed || !tls_->error().empty()) {
      co_return fail(Fault::invalid,
                     "TLS: " + tls_->error() + "; [http] tls.client_ca or SSL_CERT_FILE names whom to trust");
    }
    if (tls_->ready()) break;
    const Result<std::size_t> size = co_await read_wire();
    if (!size) co_return fail(size.error());
    if (*size == 0) co_return fail(Fault::unavailable, "it closed the connection during the TLS handshake");
    tls_->feed({wire_.data(), *size});
  }
  co_return Done();
}

asio::awaitable<Peer::Done> Peer::write(std::string_view head, std::string_view body) {
  if (tls_) {
    Done done = co_await write_encrypted(head);
    for (; done && !body.empty(); body.remove_prefix(std::min(body.size(), tls_piece))) {
      done = co_await write_encrypted(body.substr(0, tls_piece));
    }
    sent_ = done.has_value();
    co_return done;
  }
  const std::array parts{asio::buffer(head), asio::buffer(body)};
  auto [ec, size] = co_await asio::async_write(socket_, parts, as_result);
  sent_ = size == head.size() + body.size();
  if (ec) co_return failed(ec);
  co_return Done();
}

asio::awaitable<Peer::Done> Peer::write_encrypted(std::string_view text) {
  if (!tls_->write(text)) co_return fail(Fault::unavailable, "TLS: " + tls_->error());
  if (const Error ec = co_await write_wire()) co_return failed(ec);
  co_return Done();
}

asio::awaitable<Peer::Error> Peer::write_wire() {
  std::string wire;
  tls_->take(wire);
  if (wire.empty()) co_return Error();
  auto [ec, size] = co_await asio::async_write(socket_, asio::buffer(wire), as_result);
  co_return ec;
}

/// 0: the other side closed.
asio::awaitable<Result<std::size_t>> Peer::read_wire() {
  auto [ec, size] = co_await socket_.async_read_some(asio::buffer(wire_), as_result);
  if (ec == asio::error::eof) co_return std::size_t{0};
  if (ec) co_return failed(ec);
  co_return size;
}

/// As it comes, valid until the next call; empty: the other side closed.
asio::awaitable<Result<std::string_view>> Peer::read_plain() {
  for (;;) {
    if (tls_) {
      const TlsSession::Read got = tls_->read(plain_.data(), plain_.size());
      if (got.state == TlsSession::State::failed) co_return fail(Fault::unavailable, "TLS: " + tls_->error());
      if (got.state != TlsSession::State::more) co_return std::string_view(plain_.data(), got.size);
    }
    const Result<std::size_t> size = co_await read_wire();
    if (!size) co_return fail(size.error());
    if (!tls_ || *size == 0) co_return std::string_view(wire_.data(), *size);
    tls_->feed({wire_.data(), *size});
  }
}

asio::awaitable<Result<PeerAnswer>> Peer::receive() {
  http::response_parser<http::string_body> parser;
  parser.body_limit(most_passed_back);
  parser.eager(true);
  std::string pending;
  while (!parser.is_done()) {
    const Result<std::string_view> more = co_await read_plain();
    if (!more) co_return fail(more.error());
    Error ec;
    if (more->empty()) {
      if (!parser.got_some()) co_return fail(Fault::unavailable, "it closed the connection without an answer");
      parser.put_eof(ec);
      if (ec) co_return fail(Fault::unavailable, "its answer ends in the middle");
      break;
    }
    pending += *more;
    pending.erase(0, parser.put(asio::buffer(pending), ec));
    if (ec && ec != http::error::need_more) {
      co_return fail(Fault::unavailable, "what answers there does not speak HTTP (" + ec.message() + ")");
    }
  }
  keep_ = parser.get().keep_alive() && pending.empty() && !parser.need_eof();
  co_return answer_of(parser.release());
}

}  // namespace tocsin::api
