// A connection of this agent to another one: one request after the other, kept open between them. Everything runs on
// one io_context with one thread.
//
// Rejected alternative: the client of the command line (client.hpp) on a pool of threads. It holds a thread for as long
// as an answer takes, so a few slow answers would stop all others.
#pragma once

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/address.hpp"
#include "api/tls.hpp"

namespace tocsin::api {

/// For co_await: the error beside the result instead of an exception.
constexpr auto as_result = boost::asio::as_tuple(boost::asio::use_awaitable);

struct PeerAnswer {
  unsigned status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case
  std::string body;
};

/// How one try to ask another agent ended.
struct Tried {
  enum class End : std::uint8_t {
    answered,
    nobody,       ///< nobody decides
    unreachable,  ///< the request did not arrive as a whole, so nothing was done
    unusable,     ///< nor will it ever, as things are configured
    lost,         ///< it arrived, and the connection ended before the answer
    late,         ///< it arrived, and the time was up before the answer
  };
  End end = End::nobody;
  std::string why;    ///< not of `answered`
  PeerAnswer answer;  ///< of `answered`
};

class Peer : public std::enable_shared_from_this<Peer> {
 public:
  struct Times {
    base::Duration connect, answer;
  };
  /// `tls` null: plain.
  Peer(boost::asio::io_context& context, Address address, std::unique_ptr<TlsSession> tls, Times times);

  /// Connects first where there is no connection. `body` stays valid until the end.
  boost::asio::awaitable<Tried> ask(std::string head, std::string_view body);
  /// Between two requests: the other side has not closed.
  bool usable();
  /// Ends the try under way as one whose answer is lost.
  void abandon() { close(); }

 private:
  using Done = base::Result<void>;
  using Error = boost::system::error_code;

  boost::asio::awaitable<Done> connect();
  boost::asio::awaitable<Done> shake_hands();
  boost::asio::awaitable<Done> write(std::string_view head, std::string_view body);
  boost::asio::awaitable<Done> write_encrypted(std::string_view text);
  boost::asio::awaitable<Error> write_wire();
  boost::asio::awaitable<base::Result<std::size_t>> read_wire();
  boost::asio::awaitable<base::Result<std::string_view>> read_plain();
  boost::asio::awaitable<base::Result<PeerAnswer>> receive();
  void allow(base::Duration span);
  void close();
  std::unexpected<base::Error> failed(const Error& ec) const;

  const Address address_;
  const std::unique_ptr<TlsSession> tls_;
  const Times times_;
  boost::asio::ip::tcp::resolver resolver_;
  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer timer_;
  bool late_ = false;  ///< the time was up: the socket was closed
  bool sent_ = false;  ///< the kernel took the whole request; until then the other side cannot act on it
  bool keep_ = false;
  std::array<char, 16 * 1024> wire_{}, plain_{};
};

}  // namespace tocsin::api
