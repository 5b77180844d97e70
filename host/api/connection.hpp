// One client's connection: reads requests in place, has each answered before it reads the next (which keeps pipelined
// answers in order and pushes back), writes. Lives on one lane; everything here runs on that lane's thread.
#pragma once

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <string>

#include "api/lane.hpp"
#include "api/read_buffer.hpp"
#include "api/request_reader.hpp"

namespace tocsin::api {

/// A listening address: what it serves and how many it serves at once.
struct Entrance {
  Door door;
  std::atomic<std::size_t> open{0};
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<Lane> lane, std::shared_ptr<Entrance> entrance, boost::asio::ip::tcp::socket socket);

  /// `refused`: there are too many connections; says so and ends.
  void start(bool refused);
  /// Ends now if nothing is being answered, else after the answer.
  void retire();
  void close();
  /// Looks at the deadline.
  void tick(SteadyTime now);
  /// The answer of a request that was answered later.
  void resume(Reply reply);

  Lane& lane() { return *lane_; }
  std::size_t place() const { return place_; }
  void set_place(std::size_t place) { place_ = place; }

 private:
  enum class Phase : std::uint8_t { reading, waiting, streaming, closing, lingering, closed };
  using Error = boost::system::error_code;

  void read_more();
  void on_read(const Error& ec, std::size_t size);
  bool take_plain_text(std::size_t size);
  void process();
  bool note_progress();
  void dispatch();
  void finish(Reply reply);
  void fail(const Problem& problem);
  void refuse(const Reply& reply);
  void pull();
  void on_piece(base::Result<bool> more, std::string piece);
  void append_piece(std::string_view piece);
  void append(const Reply& reply, bool head);
  void flush();
  void on_written(const Error& ec);
  void linger();
  void trim_if_idle(SteadyTime now);
  bool between_requests() const { return phase_ == Phase::reading && buffer_.size() == 0; }
  std::chrono::steady_clock::duration time_for(std::uint64_t bytes) const;

  std::shared_ptr<Lane> lane_;  ///< owns the io_context of socket_, so it goes last
  Site& site_;                  ///< valid while the lane's thread runs
  const std::shared_ptr<Entrance> entrance_;
  boost::asio::ip::tcp::socket socket_;
  std::size_t place_ = 0;
  std::string remote_;
  std::string certificate_;  ///< subject of the client's
  bool identified_ = false;  ///< the handshake is done, and certificate_ is what it gave
  std::unique_ptr<TlsSession> tls_;
  std::unique_ptr<char[]> wire_;  ///< TLS: what was read, before it is plain text

  Phase phase_ = Phase::reading;
  bool reading_ = false, writing_ = false, started_ = false, judged_ = false, keep_ = true, trimming_ = false,
       cut_short_ = false;  ///< the last request was answered before it was read to its end
  ReadBuffer buffer_;
  RequestReader reader_;
  Request request_;
  std::string out_, sending_;  ///< being gathered; on its way
  // An answer that comes in pieces: the next one is asked for when the last one is on its way.
  std::function<base::Result<bool>(std::string&)> more_;
  bool pulling_ = false, chunked_ = false;
  SteadyTime deadline_ = SteadyTime::max(), request_began_{}, called_{}, idle_since_{};
};

}  // namespace tocsin::api
