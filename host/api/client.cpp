#include "api/client.hpp"

#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>

#include "api/address.hpp"
#include "api/tls.hpp"

namespace tocsin::api {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using base::fail;
using base::Fault;
using base::Result;
using boost::system::error_code;

constexpr std::uint64_t most_answered = 1ull << 30;

/// Who is asked, as messages say it, and what people do when it does not answer.
struct Asked {
  std::string who, when_slow, when_away;
};

Asked agent_at(const std::string& url) {
  return {"the agent at " + url, "is it overloaded? `tocsin status` and its log tell",
          "is it running, and is --url (or TOCSIN_URL) right?"};
}

/// One request over one connection, with one deadline over all of it.
class OneRequest {
 public:
  OneRequest(Asked peer, Address address, base::Duration timeout)
      : peer_(std::move(peer)), address_(std::move(address)), deadline_(std::chrono::steady_clock::now() + timeout) {}

  Result<Answer> run(const std::string& request, bool head) {
    TRY_VOID(connect());
    if (address_.tls) {
      TRY(std::shared_ptr<const TlsContext> context, client_tls());
      TRY(tls_, context->session(address_.host));
      TRY_VOID(shake_hands());
      tls_->write(request);
      TRY_VOID(send_wire());
    } else {
      TRY_VOID(send(request));
    }
    return receive(head);
  }

 private:
  /// Runs one operation of Asio to its end, or to the deadline.
  template <class Start>
  Result<error_code> wait(Start&& start) {
    std::optional<error_code> done;
    start([&done](const error_code& ec, auto&&...) { done = ec; });
    context_.restart();
    context_.run_until(deadline_);
    if (done) return *done;
    error_code ignored;
    resolver_.cancel();
    socket_.close(ignored);
    context_.restart();
    context_.run();
    return fail(Fault::unavailable, peer_.who + " did not answer in time; " + peer_.when_slow);
  }

  std::unexpected<base::Error> unreachable(const std::string& why) const {
    return fail(Fault::unavailable, "cannot reach " + peer_.who + ": " + why + "; " + peer_.when_away);
  }

  Result<void> connect() {
    tcp::resolver::results_type found;
    TRY(error_code resolved, wait([&](auto done) {
          resolver_.async_resolve(address_.host, address_.port,
                                  [&found, done](const error_code& ec, tcp::resolver::results_type results) {
                                    found = std::move(results);
                                    done(ec);
                                  });
        }));
    if (resolved) return unreachable(resolved.message());
    TRY(error_code connected, wait([&](auto done) { asio::async_connect(socket_, found, done); }));
    if (connected) return unreachable(connected.message());
    error_code ignored;
    socket_.set_option(tcp::no_delay(true), ignored);
    return {};
  }

  Result<void> shake_hands() {
    std::array<char, 1> none{};
    while (!tls_->ready()) {
      TlsSession::Read got = tls_->read(none.data(), 0);
      TRY_VOID(send_wire());
      if (got.state == TlsSession::State::failed || !tls_->error().empty()) {
        return unreachable("TLS: " + tls_->error() + "; SSL_CERT_FILE names the certificate to trust");
      }
      if (tls_->ready()) break;
      TRY(std::size_t size, read_wire());
      if (size == 0) return unreachable("TLS: it closed the connection during the handshake; does it speak TLS there?");
      tls_->feed({buffer_.data(), size});
    }
    return {};
  }

  Result<void> send(const std::string& bytes) {
    TRY(error_code ec, wait([&](auto done) { asio::async_write(socket_, asio::buffer(bytes), done); }));
    // A server that refuses early answers and closes: what it said is worth more than "broken pipe".
    if (ec && ec != asio::error::broken_pipe && ec != asio::error::connection_reset) return unreachable(ec.message());
    return {};
  }

  Result<void> send_wire() {
    std::string wire;
    tls_->take(wire);
    return wire.empty() ? Result<void>() : send(wire);
  }

  /// 0: the peer closed.
  Result<std::size_t> read_wire() {
    std::size_t size = 0;
    TRY(error_code ec, wait([&](auto done) {
          socket_.async_read_some(asio::buffer(buffer_), [&size, done](const error_code& result, std::size_t n) {
            size = n;
            done(result);
          });
        }));
    if (ec == asio::error::eof) return std::size_t{0};
    if (ec) return unreachable(ec.message());
    return size;
  }

  /// Plain text as it comes; empty: the peer closed.
  Result<std::string> read_plain() {
    if (!tls_) {
      TRY(std::size_t size, read_wire());
      return std::string(buffer_.data(), size);
    }
    std::string plain(buffer_.size(), '\0');
    for (;;) {
      TlsSession::Read got = tls_->read(plain.data(), plain.size());
      if (got.state == TlsSession::State::ok || got.state == TlsSession::State::closed) {
        plain.resize(got.size);
        return plain;
      }
      if (got.state == TlsSession::State::failed) return unreachable("TLS: " + tls_->error());
      TRY(std::size_t size, read_wire());
      if (size == 0) return std::string();
      tls_->feed({buffer_.data(), size});
    }
  }

  Result<Answer> receive(bool head) {
    http::response_parser<http::string_body> parser;
    parser.body_limit(most_answered);
    parser.eager(true);
    parser.skip(head);
    std::string pending;
    while (!parser.is_done()) {
      TRY(std::string more, read_plain());
      error_code ec;
      if (more.empty()) {
        if (!parser.got_some()) return unreachable("it closed the connection without an answer");
        parser.put_eof(ec);
        if (ec) return unreachable("its answer ends in the middle");
        break;
      }
      pending += more;
      pending.erase(0, parser.put(asio::buffer(pending), ec));
      if (ec && ec != http::error::need_more)
        return unreachable("what answers there does not speak HTTP (" + ec.message() + ")");
    }
    auto& message = parser.get();
    return Answer{message.result_int(), std::string(message[http::field::content_type]), std::move(message.body())};
  }

  const Asked peer_;
  const Address address_;
  const std::chrono::steady_clock::time_point deadline_;
  asio::io_context context_{1};
  tcp::resolver resolver_{context_};
  tcp::socket socket_{context_};
  std::unique_ptr<TlsSession> tls_;
  std::array<char, 16 * 1024> buffer_{};
};

std::string request_text(const Address& address, std::string_view method, std::string_view target,
                         std::string_view body, const std::string& token, std::string_view content_type) {
  std::string out(method);
  out.append(" ").append(address.prefix).append(target).append(" HTTP/1.1\r\nHost: ");
  out.append(authority_of(address));
  out.append("\r\nUser-Agent: tocsin\r\nAccept: application/json, */*\r\nConnection: close\r\n");
  if (!token.empty()) out.append("Authorization: Bearer ").append(token).append("\r\n");
  if (!body.empty()) out.append("Content-Type: ").append(content_type).append("\r\n");
  bool carries = !body.empty() || (method != "GET" && method != "HEAD");
  if (carries) out.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
  return out.append("\r\n").append(body);
}

}  // namespace

Result<Answer> call(const std::string& url, std::string_view method, std::string_view target, std::string_view body,
                    const std::string& token, base::Duration timeout, std::string_view content_type) {
  TRY(Address address, parse_url(url));
  if (!one_line(method) || !one_line(target) || !one_line(token) || target.find(' ') != target.npos) {
    return fail(Fault::invalid, "the request to " + url + " holds a line break or a space where none may be");
  }
  std::string request = request_text(address, method, target, body, token, content_type);
  return OneRequest(agent_at(url), std::move(address), timeout).run(request, method == "HEAD");
}

Result<Answer> send(const Outgoing& outgoing) {
  const std::size_t scheme = outgoing.url.find("://");
  const std::size_t slash =
      std::min(outgoing.url.find_first_of("/?#", scheme == std::string::npos ? 0 : scheme + 3), outgoing.url.size());
  const std::string origin = outgoing.url.substr(0, slash);
  std::string target = outgoing.url.substr(slash, outgoing.url.find('#') - slash);
  if (!target.starts_with('/')) target.insert(0, "/");
  TRY(Address address, parse_url(origin));
  std::string request = outgoing.method + " " + target + " HTTP/1.1\r\nHost: " + authority_of(address) +
                        "\r\nUser-Agent: tocsin\r\nConnection: close\r\n";
  for (const auto& [name, value] : outgoing.headers) request += name + ": " + value + "\r\n";
  const bool carries = !outgoing.body.empty() || (outgoing.method != "GET" && outgoing.method != "HEAD");
  if (carries) request += "Content-Length: " + std::to_string(outgoing.body.size()) + "\r\n";
  request += "\r\n" + outgoing.body;
  for (const auto& [name, value] : outgoing.headers) {
    if (!one_line(name) || !one_line(value))
      return fail(Fault::invalid, "the header \"" + name + "\" for " + origin + " holds a line break");
  }
  if (!one_line(target) || target.find(' ') != target.npos)
    return fail(Fault::invalid, "the request to " + origin + " holds a line break or a space where none may be");
  const Asked peer{origin, "does it work, and is the network slow?", "is the address right, and is it up?"};
  return OneRequest(peer, std::move(address), outgoing.timeout).run(request, outgoing.method == "HEAD");
}

}  // namespace tocsin::api
