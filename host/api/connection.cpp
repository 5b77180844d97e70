#include "api/connection.hpp"

#include <array>
#include <boost/asio/write.hpp>
#include <charconv>

#include "api/exchange.hpp"
#include "telemetry/log.hpp"

namespace tocsin::api {
namespace {

namespace asio = boost::asio;

constexpr std::size_t wire_size = 16 * 1024 + 512;  ///< one TLS record with its head
constexpr std::size_t kept_when_idle = 64 * 1024;   ///< buffers above it are given back
constexpr auto trim_after = std::chrono::seconds(5);
constexpr auto linger_for = std::chrono::seconds(2);
constexpr std::uint64_t slowest = 8 * 1024;      ///< bytes per second below which a peer counts as stuck
constexpr std::size_t flush_above = 256 * 1024;  ///< pipelined answers gathered before they are written
constexpr std::size_t large = 64 * 1024;         ///< a body above it is not read where its head alone is refused
constexpr std::size_t growth = 256 * 1024;       ///< a body's buffer grows by what came, at least by this

std::string remote_of(const asio::ip::tcp::socket& socket) {
  boost::system::error_code ec;
  asio::ip::tcp::endpoint peer = socket.remote_endpoint(ec);
  return ec ? std::string() : peer.address().to_string();
}

void append_number(std::string& out, std::uint64_t number) {
  std::array<char, 24> digits;
  auto [end, ec] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  out.append(digits.data(), end);
}

/// The path within the agent: without the prefix it is served under, and as Alertmanager takes it, with or without a
/// slash at its end.
std::string_view inner_path(std::string_view path, std::string_view prefix) {
  const std::string_view rest = path.starts_with(prefix) ? path.substr(prefix.size()) : path;
  if (rest.empty() && !path.empty()) return "/";
  if (rest.starts_with('/')) path = rest;
  if (path.starts_with("/api/v2/") && path.ends_with('/')) path.remove_suffix(1);
  return path;
}

/// A header of a plugin's answer that would break out of its line, or that is the server's own business.
bool sendable(const std::pair<std::string, std::string>& header) {
  for (const std::string* part : {&header.first, &header.second}) {
    if (part->find_first_of(std::string_view("\r\n\0", 3)) != part->npos) return false;
  }
  std::string name;
  for (char c : header.first) name += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return !name.empty() && name != "content-length" && name != "transfer-encoding" && name != "connection" &&
         name != "date" && name.find_first_of(": \t") == name.npos;
}

}  // namespace

Connection::Connection(std::shared_ptr<Lane> lane, std::shared_ptr<Entrance> entrance, asio::ip::tcp::socket socket)
    : lane_(std::move(lane)),
      site_(lane_->site()),
      entrance_(std::move(entrance)),
      socket_(std::move(socket)),
      remote_(remote_of(socket_)),
      reader_(ReadLimits{32 * 1024, site_.settings.max_body}) {
  request_.remote = remote_;
}

void Connection::start(bool refused) {
  if (site_.stopping) return close();
  Error ec;
  socket_.set_option(asio::ip::tcp::no_delay(true), ec);
  socket_.non_blocking(true, ec);
  if (entrance_->door.tls) {
    base::Result<std::unique_ptr<TlsSession>> session = site_.tls->session({});
    if (!session || refused) return close();  // a refusal would need the handshake first
    tls_ = std::move(*session);
    wire_ = std::make_unique_for_overwrite<char[]>(wire_size);
  }
  SteadyTime now = std::chrono::steady_clock::now();
  idle_since_ = now;
  // A handshake or a first request that never comes is no better than a header that never ends.
  deadline_ = now + (tls_ ? site_.settings.header_timeout : site_.settings.idle_timeout);
  if (!refused) return read_more();
  Problem problem(503, "too many connections; try again in a moment");
  problem.headers.emplace_back("Retry-After", "1");
  fail(problem);
}

void Connection::retire() {
  keep_ = false;
  if (phase_ == Phase::reading && !writing_ && !reader_.header_done()) close();
}

void Connection::close() {
  if (phase_ == Phase::closed) return;
  phase_ = Phase::closed;
  Error ec;
  socket_.close(ec);
  entrance_->open.fetch_sub(1);
  lane_->remove(*this);
  site_.closed();
}

// --- reading ---------------------------------------------------------------------------------------------------------

void Connection::read_more() {
  if (reading_ || writing_ || (phase_ != Phase::reading && phase_ != Phase::lingering)) return;
  reading_ = true;
  auto done = [self = shared_from_this()](const Error& ec, std::size_t size) { self->on_read(ec, size); };
  if (tls_) return socket_.async_read_some(asio::buffer(wire_.get(), wire_size), std::move(done));
  if (buffer_.room() == 0) buffer_.reserve(4096);
  socket_.async_read_some(asio::buffer(buffer_.tail(), buffer_.room()), std::move(done));
}

void Connection::on_read(const Error& ec, std::size_t size) {
  reading_ = false;
  if (phase_ == Phase::closed) return;
  if (ec && std::exchange(trimming_, false)) {
    buffer_.release();
    return read_more();
  }
  trimming_ = false;
  if (ec) return phase_ == Phase::waiting || writing_ ? void() : close();
  if (phase_ == Phase::lingering) return read_more();  // into the same place: nobody reads it
  if (tls_ && !take_plain_text(size)) return;
  if (!tls_) buffer_.added(size);
  process();
}

/// False where the connection ended.
bool Connection::take_plain_text(std::size_t size) {
  tls_->feed({wire_.get(), size});
  TlsSession::Read got;
  do {
    if (buffer_.room() == 0) buffer_.reserve(std::max<std::size_t>(wire_size, buffer_.size()));
    got = tls_->read(buffer_.tail(), buffer_.room());
    buffer_.added(got.size);
  } while (got.state == TlsSession::State::ok);
  if (!identified_ && tls_->ready()) {
    identified_ = true;
    certificate_ = tls_->peer_subject();
    request_.certificate = certificate_;
  }
  if (got.state == TlsSession::State::more) return true;
  if (got.state == TlsSession::State::failed) {
    telemetry::log(telemetry::Level::debug, "api", "TLS with " + remote_ + " failed: " + tls_->error());
    tls_->take(sending_);
    Error ec;
    socket_.write_some(asio::buffer(sending_), ec);  // the alert that says why; lost if it does not fit, which is fine
  }
  close();
  return false;
}

void Connection::process() {
  while (phase_ == Phase::reading && !writing_ && buffer_.size() > 0) {
    RequestReader::State state = reader_.feed(buffer_.data(), buffer_.size());
    if (state == RequestReader::State::more) {
      if (!note_progress()) return;
      break;
    }
    if (state == RequestReader::State::failed) {
      reader_.view(buffer_.data(), request_);
      fail(reader_.problem());
      return;
    }
    dispatch();
    if (out_.size() > flush_above) flush();
  }
  flush();
  read_more();
}

/// A request arrives in pieces: sets its deadline, makes room for the rest, and tells a client that waits to go on.
/// False: its head alone was refused.
bool Connection::note_progress() {
  if (!started_) {
    started_ = true;
    request_began_ = std::chrono::steady_clock::now();
  }
  deadline_ = request_began_ + site_.settings.header_timeout;
  std::size_t held = buffer_.size();
  if (!reader_.header_done()) {
    if (buffer_.room() == 0) buffer_.reserve(held);
    return true;
  }
  // Of a small one it is awaited, so that the connection can go on.
  if (std::max<std::uint64_t>(reader_.expected(), held) > large && !std::exchange(judged_, true)) {
    reader_.view(buffer_.data(), request_);
    request_.path = inner_path(request_.path, site_.settings.route_prefix);
    if (const std::optional<Reply> refused = site_.dispatcher.refuse_early(request_, entrance_->door)) {
      refuse(*refused);
      return false;
    }
  }
  deadline_ += time_for(held);
  std::uint64_t expected = reader_.expected();
  std::size_t step = std::max(growth, held);
  std::size_t missing = expected > held ? expected - held : step;
  buffer_.reserve(std::min(missing, step));
  if (reader_.take_continue()) out_ += "HTTP/1.1 100 Continue\r\n\r\n";
  return true;
}

std::chrono::steady_clock::duration Connection::time_for(std::uint64_t bytes) const {
  return std::chrono::milliseconds(bytes * 1000 / slowest);
}

// --- answering -------------------------------------------------------------------------------------------------------

void Connection::dispatch() {
  reader_.view(buffer_.data(), request_);
  request_.path = inner_path(request_.path, site_.settings.route_prefix);
  if (reader_.consumed() == buffer_.size()) buffer_.pad();
  keep_ = keep_ && reader_.keep_alive() && !site_.stopping.load(std::memory_order_relaxed);
  called_ = std::chrono::steady_clock::now();
  phase_ = Phase::waiting;
  deadline_ = SteadyTime::max();  // whoever answers has deadlines of their own
  auto exchange = std::make_shared<Exchange>(shared_from_this());
  site_.dispatcher.handle(request_, entrance_->door, exchange);
  Reply reply;
  if (exchange->take(reply)) finish(std::move(reply));
}

void Connection::resume(Reply reply) {
  if (phase_ != Phase::waiting) return;
  finish(std::move(reply));
  process();
}

void Connection::finish(Reply reply) {
  SteadyTime now = std::chrono::steady_clock::now();
  lane_->count(request_, reply, now - called_);
  keep_ = keep_ && !reply.close && !site_.stopping.load(std::memory_order_relaxed);
  const bool head = request_.method == "HEAD";
  const bool streams = reply.more && !head;
  chunked_ = reply.more && reader_.http11();
  keep_ = keep_ && (!reply.more || chunked_);  // HTTP/1.0 learns from the end of the connection where the body ends
  append(reply, head);
  if (streams) more_ = std::move(reply.more);
  buffer_.consume(reader_.consumed());
  reader_.reset();
  started_ = judged_ = false;
  idle_since_ = now;
  if (!writing_) deadline_ = now + site_.settings.idle_timeout;
  phase_ = streams ? Phase::streaming : keep_ ? Phase::reading : Phase::closing;
}

/// The next piece of a long answer, made on a worker. Called when all there was is written, so a slow client makes a
/// slow answer and no long queue.
void Connection::pull() {
  if (std::exchange(pulling_, true)) return;
  deadline_ = SteadyTime::max();
  const bool queued = site_.dispatcher.later([self = shared_from_this()] {
    std::string piece;
    base::Result<bool> more = Dispatcher::guarded(self->more_, piece);
    self->lane().post([self, more = std::move(more), piece = std::move(piece)]() mutable {
      self->on_piece(std::move(more), std::move(piece));
    });
  });
  if (!queued) close();  // the client sees an answer that is cut off, not one that is short
}

void Connection::on_piece(base::Result<bool> more, std::string piece) {
  pulling_ = false;
  if (phase_ != Phase::streaming) return;
  if (!more) {
    telemetry::log_warn("api", "an answer to " + remote_ + " was cut off: " + more.error().message());
    return close();
  }
  append_piece(piece);
  if (!*more) {
    if (chunked_) out_ += "0\r\n\r\n";
    more_ = nullptr;
    idle_since_ = std::chrono::steady_clock::now();
    deadline_ = idle_since_ + site_.settings.idle_timeout;
    phase_ = keep_ && !site_.stopping.load(std::memory_order_relaxed) ? Phase::reading : Phase::closing;
  }
  process();
}

void Connection::append_piece(std::string_view piece) {
  if (piece.empty()) return;  // a chunk of no bytes would end the body
  if (!chunked_) {
    out_ += piece;
    return;
  }
  std::array<char, 24> digits;
  auto [end, ec] = std::to_chars(digits.data(), digits.data() + digits.size(), piece.size(), 16);
  out_.append(digits.data(), end).append("\r\n").append(piece).append("\r\n");
}

/// The request cannot be read on: answers and ends.
void Connection::fail(const Problem& problem) {
  refuse(to_reply(problem, request_.path));
}

void Connection::refuse(const Reply& reply) {
  called_ = std::chrono::steady_clock::now();
  keep_ = false;
  cut_short_ = true;
  lane_->count(request_, reply, {});
  append(reply, request_.method == "HEAD");
  phase_ = Phase::closing;
  flush();
}

void Connection::append(const Reply& reply, bool head) {
  out_ += "HTTP/1.1 ";
  append_number(out_, reply.status);
  out_.append(" ").append(reason_phrase(reply.status)).append("\r\n");
  out_ += lane_->date_line(called_);
  if (!reply.content_type.empty()) out_.append("Content-Type: ").append(reply.content_type).append("\r\n");
  for (const auto& header : reply.headers) {
    if (sendable(header)) out_.append(header.first).append(": ").append(header.second).append("\r\n");
  }
  bool bodiless = reply.status == 204 || reply.status == 304;
  if (!bodiless && reply.more) {
    if (chunked_) out_ += "Transfer-Encoding: chunked\r\n";
  } else if (!bodiless) {
    out_ += "Content-Length: ";
    append_number(out_, reply.body.size());
    out_ += "\r\n";
  }
  out_ += "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n";
  // Said both ways, so that clients of HTTP/1.0 know too.
  out_ += keep_ ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
  if (head || bodiless) return;
  if (reply.more)
    append_piece(reply.body);
  else
    out_ += reply.body;
}

// --- writing ---------------------------------------------------------------------------------------------------------

/// Tries at once, which nearly always takes everything; waits for the rest.
void Connection::flush() {
  if (writing_ || phase_ == Phase::closed) return;
  if (tls_) {
    if (!out_.empty() && tls_->ready()) tls_->write(out_);
    tls_->take(sending_);
    out_.clear();
  } else {
    std::swap(out_, sending_);
  }
  std::size_t sent = 0;
  if (!sending_.empty()) {
    Error ec;
    sent = socket_.write_some(asio::buffer(sending_), ec);
    if (ec && ec != asio::error::would_block && ec != asio::error::try_again) return close();
  }
  if (sent == sending_.size()) return on_written({});
  writing_ = true;
  deadline_ = std::chrono::steady_clock::now() + site_.settings.header_timeout + time_for(sending_.size());
  asio::async_write(socket_, asio::buffer(sending_.data() + sent, sending_.size() - sent),
                    [self = shared_from_this()](const Error& ec, std::size_t) {
                      self->writing_ = false;
                      bool waits = self->phase_ == Phase::waiting;
                      self->deadline_ = waits ? SteadyTime::max()
                                              : std::chrono::steady_clock::now() + self->site_.settings.idle_timeout;
                      self->on_written(ec);
                      if (self->phase_ == Phase::reading) self->process();
                    });
}

void Connection::on_written(const Error& ec) {
  if (phase_ == Phase::closed) return;
  if (ec) return close();
  sending_.clear();
  if (!out_.empty()) return flush();
  if (phase_ == Phase::streaming) return pull();
  if (phase_ == Phase::closing) linger();
}

/// Where a request was not read to its end, closing at once would make the kernel reset the connection, and the client
/// might lose the answer: says "no more", and reads until the client has closed too, for two seconds at most.
void Connection::linger() {
  Error ec;
  if (tls_) {
    tls_->close();
    tls_->take(sending_);
    socket_.write_some(asio::buffer(sending_), ec);
  }
  if (!cut_short_) return close();
  phase_ = Phase::lingering;
  deadline_ = std::chrono::steady_clock::now() + linger_for;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ec);
  buffer_.consume(reading_ ? 0 : buffer_.size());
  read_more();
}

// --- time ------------------------------------------------------------------------------------------------------------

void Connection::tick(SteadyTime now) {
  if (now < deadline_) return trim_if_idle(now);
  if (phase_ != Phase::reading || writing_ || between_requests()) return close();
  reader_.view(buffer_.data(), request_);
  fail({408, "the request did not arrive in time"});
}

void Connection::trim_if_idle(SteadyTime now) {
  if (!between_requests() || writing_ || trimming_ || now - idle_since_ < trim_after) return;
  if (sending_.capacity() > kept_when_idle) std::string().swap(sending_);
  if (out_.capacity() > kept_when_idle) std::string().swap(out_);
  if (buffer_.capacity() <= kept_when_idle || !reading_) return;
  trimming_ = true;  // the pending read points into the buffer: it is given back when the read has ended
  Error ec;
  socket_.cancel(ec);
}

}  // namespace tocsin::api
