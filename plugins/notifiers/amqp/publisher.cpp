#include "publisher.hpp"

#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>

#include "message_text/text.hpp"

namespace tocsin_plugins {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr amqp_channel_t the_channel = 1;
constexpr int heartbeat_seconds = 30, most_frame = 131072;

timeval left_until(steady_clock::time_point until) {
  const auto left = std::max(std::chrono::duration_cast<microseconds>(until - steady_clock::now()), microseconds(1));
  return {static_cast<time_t>(left.count() / 1'000'000), static_cast<suseconds_t>(left.count() % 1'000'000)};
}

int milliseconds_until(steady_clock::time_point until) {
  const auto left = std::chrono::duration_cast<milliseconds>(until - steady_clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 1, 3'600'000));
}

amqp_bytes_t bytes(std::string_view text) {
  return {text.size(), const_cast<char*>(text.data())};  // the library only reads them
}

std::string text_of(amqp_bytes_t from) {
  return cut(one_line({static_cast<const char*>(from.bytes), from.len}), 110);
}

/// The broker's code and words of a connection.close or channel.close.
struct Closed {
  int code = 0;
  std::string text;
};
Closed closed_by(const amqp_method_t& method) {
  if (method.id == AMQP_CONNECTION_CLOSE_METHOD) {
    const auto* close = static_cast<const amqp_connection_close_t*>(method.decoded);
    return {close->reply_code, text_of(close->reply_text)};
  }
  if (method.id == AMQP_CHANNEL_CLOSE_METHOD) {
    const auto* close = static_cast<const amqp_channel_close_t*>(method.decoded);
    return {close->reply_code, text_of(close->reply_text)};
  }
  return {0, "an unexpected method"};
}

std::string error_text(int error) {
  std::string text = amqp_error_string2(error);
  if (error == AMQP_STATUS_SSL_PEER_VERIFY_FAILED || error == AMQP_STATUS_SSL_HOSTNAME_VERIFY_FAILED ||
      error == AMQP_STATUS_SSL_CONNECTION_FAILED || error == AMQP_STATUS_SSL_ERROR)
    text += "; check the broker's certificate and ca_file";
  return text;
}

}  // namespace

void AmqpPublisher::drop() {
  if (line_) amqp_destroy_connection(line_);
  line_ = nullptr;
  published_ = 0;
}

void AmqpPublisher::close() {
  if (!line_) return;
  const timeval second{1, 0};
  amqp_set_rpc_timeout(line_, &second);
  amqp_connection_close(line_, AMQP_REPLY_SUCCESS);
  drop();
}

tsn::Status AmqpPublisher::broken(const std::string& what, int error, bool sent) {
  const std::string text = "amqp: " + what + " " + settings_.address.text() + ": " + error_text(error);
  drop();
  return sent ? tsn::unknown(text) : tsn::fail(text);
}

tsn::Status AmqpPublisher::reach(Until until) {
  line_ = amqp_new_connection();
  if (!line_) return tsn::fail("amqp: out of memory");
  const timeval wait = left_until(until);
  amqp_set_handshake_timeout(line_, &wait);
  amqp_set_rpc_timeout(line_, &wait);
  const auto& to = settings_.address;
  amqp_socket_t* socket = to.tls ? amqp_ssl_socket_new(line_) : amqp_tcp_socket_new(line_);
  if (!socket) return broken("no socket for", AMQP_STATUS_NO_MEMORY);
  if (to.tls) {
    SSL_CTX_set_default_verify_paths(static_cast<SSL_CTX*>(amqp_ssl_socket_get_context(socket)));
    amqp_ssl_socket_set_verify_peer(socket, 1);
    amqp_ssl_socket_set_verify_hostname(socket, 1);
    amqp_ssl_socket_set_ssl_versions(socket, AMQP_TLSv1_2, AMQP_TLSvLATEST);
    const auto& file = settings_.ca_file;
    if (!file.empty() && amqp_ssl_socket_set_cacert(socket, file.c_str()) != AMQP_STATUS_OK) {
      drop();
      return tsn::fail("amqp: " + file + " cannot be read as certificates; check ca_file of " + settings_.section);
    }
  }
  const timeval open_wait = left_until(until);
  const int error = amqp_socket_open_noblock(socket, to.host.c_str(), to.port, &open_wait);
  return error == AMQP_STATUS_OK ? tsn::Status(tsn::ok) : broken("cannot connect to", error);
}

tsn::Status AmqpPublisher::log_in() {
  const auto& to = settings_.address;
  const auto reply = amqp_login(line_, to.vhost.c_str(), 0, most_frame, heartbeat_seconds, AMQP_SASL_METHOD_PLAIN,
                                to.user.c_str(), settings_.password.c_str());
  if (reply.reply_type == AMQP_RESPONSE_NORMAL) return tsn::ok;
  if (reply.reply_type != AMQP_RESPONSE_SERVER_EXCEPTION) return broken("no session with", reply.library_error);
  const Closed closed = closed_by(reply.reply);
  drop();
  return tsn::denied("amqp: " + to.text() + " refused \"" + cut(one_line(to.user), 40) + "\": " + closed.text +
                     "; check url and password of " + settings_.section)
      .with_code(closed.code);
}

tsn::Status AmqpPublisher::prepare_channel() {
  const auto answered = [&](const std::string& what) -> tsn::Status {
    const auto reply = amqp_get_rpc_reply(line_);
    if (reply.reply_type == AMQP_RESPONSE_NORMAL) return tsn::ok;
    if (reply.reply_type != AMQP_RESPONSE_SERVER_EXCEPTION) return broken(what + " failed at", reply.library_error);
    const Closed closed = closed_by(reply.reply);
    drop();
    const std::string text = "amqp: " + what + ": " + closed.text + "; check exchange and declare of ";
    return (closed.code == AMQP_ACCESS_REFUSED ? tsn::denied(text + settings_.section)
                                               : tsn::fail(text + settings_.section))
        .with_code(closed.code);
  };
  amqp_channel_open(line_, the_channel);
  if (auto status = answered("opening a channel"); !status) return status;
  if (settings_.declare) {
    amqp_exchange_declare(line_, the_channel, bytes(settings_.exchange), bytes("topic"), 0, 1, 0, 0, amqp_empty_table);
    if (auto status = answered("declaring a durable topic exchange"); !status) return status;
  }
  amqp_confirm_select(line_, the_channel);
  return answered("asking for confirms");
}

tsn::Status AmqpPublisher::open(Until until) {
  if (auto status = reach(until); !status) return status;
  if (auto status = log_in(); !status) return status;
  return prepare_channel();
}

tsn::Status AmqpPublisher::look(Until until, bool& there) {
  there = false;
  if (auto status = reach(until); !status) return status;
  if (auto status = log_in(); !status) return status;
  amqp_channel_open(line_, the_channel);
  auto reply = amqp_get_rpc_reply(line_);
  if (reply.reply_type == AMQP_RESPONSE_NORMAL) {
    // Passive: an exchange that is not there closes the channel with 404, and is not made.
    amqp_exchange_declare(line_, the_channel, bytes(settings_.exchange), bytes("topic"), 1, 1, 0, 0, amqp_empty_table);
    reply = amqp_get_rpc_reply(line_);
  }
  there = reply.reply_type == AMQP_RESPONSE_NORMAL;
  if (there) return close(), tsn::Status(tsn::ok);
  if (reply.reply_type != AMQP_RESPONSE_SERVER_EXCEPTION)
    return broken("looking up the exchange failed at", reply.library_error);
  const Closed closed = closed_by(reply.reply);
  close();
  if (closed.code == AMQP_NOT_FOUND) return tsn::ok;
  return tsn::fail("amqp: the exchange: " + closed.text + "; check exchange of " + settings_.section)
      .with_code(closed.code);
}

/// A broker that is out of memory or disk stops reading; the library would then wait without end. The kernel is told to
/// give the line up, and nothing is begun while it has no room.
tsn::Status AmqpPublisher::await_room(Until until) {
  const int socket = amqp_get_sockfd(line_);
  const unsigned most = static_cast<unsigned>(milliseconds_until(until));
  setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &most, sizeof most);
  pollfd room{socket, POLLOUT, 0};
  if (poll(&room, 1, static_cast<int>(most)) > 0) return tsn::ok;
  drop();
  return tsn::fail("amqp: " + settings_.address.text() + " takes no data; check the broker's memory and disk alarms");
}

tsn::Status AmqpPublisher::publish(const AmqpMessage& message, Until until, bool& returned) {
  returned = false;
  keep_alive();
  if (!line_)
    if (auto status = open(until); !status) return status;
  if (auto status = await_room(until); !status) return status;
  amqp_basic_properties_t properties{};
  properties._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG |
                      AMQP_BASIC_TIMESTAMP_FLAG | AMQP_BASIC_TYPE_FLAG | AMQP_BASIC_APP_ID_FLAG;
  properties.content_type = bytes("application/json");
  properties.delivery_mode = AMQP_DELIVERY_PERSISTENT;
  properties.message_id = bytes(message.message_id);
  properties.timestamp = static_cast<std::uint64_t>(std::max<std::int64_t>(0, message.seconds));
  properties.type = bytes(message.routing_key);
  properties.app_id = bytes("tocsin");
  const int error = amqp_basic_publish(line_, the_channel, bytes(settings_.exchange), bytes(message.routing_key), 1, 0,
                                       &properties, bytes(message.body));
  if (error != AMQP_STATUS_OK) return broken("the line broke while sending to", error, true);
  ++published_;
  return await_confirm(until, returned);
}

tsn::Status AmqpPublisher::await_confirm(Until until, bool& returned) {
  while (steady_clock::now() < until) {
    amqp_maybe_release_buffers(line_);
    amqp_frame_t frame;
    const timeval wait = left_until(until);
    const int error = amqp_simple_wait_frame_noblock(line_, &frame, &wait);
    if (error == AMQP_STATUS_TIMEOUT) continue;
    if (error != AMQP_STATUS_OK) return broken("no confirm from", error, true);
    if (frame.frame_type != AMQP_FRAME_METHOD) continue;  // the body of a returned message
    const auto& method = frame.payload.method;
    if (method.id == AMQP_BASIC_RETURN_METHOD) {
      returned = true;
    } else if (method.id == AMQP_BASIC_ACK_METHOD) {
      if (static_cast<const amqp_basic_ack_t*>(method.decoded)->delivery_tag >= published_) return tsn::ok;
    } else if (method.id == AMQP_BASIC_NACK_METHOD) {
      if (static_cast<const amqp_basic_nack_t*>(method.decoded)->delivery_tag >= published_)
        return tsn::retry_later("amqp: " + settings_.address.text() +
                                " did not take the message (basic.nack); check the queues that are bound");
    } else if (method.id == AMQP_CHANNEL_CLOSE_METHOD) {
      const Closed closed = closed_by(method);
      drop();
      return tsn::fail("amqp: the broker closed the channel: " + closed.text + "; check exchange of " +
                       settings_.section)
          .with_code(closed.code);
    } else if (method.id == AMQP_CONNECTION_CLOSE_METHOD) {
      const Closed closed = closed_by(method);
      drop();
      return tsn::unknown("amqp: the broker closed the connection before its confirm: " + closed.text)
          .with_code(closed.code);
    }
  }
  drop();  // a confirm that comes later must not be taken for another message's
  return tsn::unknown("amqp: no confirm from " + settings_.address.text() + " in time; check timeout of " +
                      settings_.section + " and the broker's alarms");
}

void AmqpPublisher::keep_alive() {
  while (line_) {
    amqp_maybe_release_buffers(line_);
    amqp_frame_t frame;
    const timeval none{0, 0};
    const int error = amqp_simple_wait_frame_noblock(line_, &frame, &none);
    if (error == AMQP_STATUS_TIMEOUT) return;
    const bool closed = error == AMQP_STATUS_OK && frame.frame_type == AMQP_FRAME_METHOD &&
                        (frame.payload.method.id == AMQP_CHANNEL_CLOSE_METHOD ||
                         frame.payload.method.id == AMQP_CONNECTION_CLOSE_METHOD);
    if (error != AMQP_STATUS_OK || closed) drop();
  }
}

}  // namespace tocsin_plugins
