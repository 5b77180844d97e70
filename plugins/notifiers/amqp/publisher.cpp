#include "publisher.hpp"

#include <amqp_framing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>

namespace tocsin_plugins {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr amqp_channel_t the_channel = 1;

int milliseconds_until(steady_clock::time_point until) {
  const auto left = std::chrono::duration_cast<milliseconds>(until - steady_clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 1, 3'600'000));
}

}  // namespace

tsn::Status AmqpPublisher::prepare_channel() {
  published_ = 0;
  const std::string remedy = "check exchange and declare of " + settings_.peer.section;
  if (auto status = line_.open_channel(the_channel); !status) return status;
  if (settings_.declare) {
    amqp_exchange_declare(line_.state(), the_channel, amqp_bytes_of(settings_.exchange), amqp_bytes_of("topic"), 0, 1,
                          0, 0, amqp_empty_table);
    if (auto status = line_.answered("declaring a durable topic exchange", remedy); !status) return status;
  }
  amqp_confirm_select(line_.state(), the_channel);
  return line_.answered("asking for confirms", remedy);
}

tsn::Status AmqpPublisher::open(Until until) {
  if (auto status = line_.open(until); !status) return status;
  return prepare_channel();
}

tsn::Status AmqpPublisher::look(Until until, bool& there) {
  there = false;
  if (auto status = line_.open(until); !status) return status;
  if (auto status = line_.open_channel(the_channel); !status) return status;
  // Passive: an exchange that is not there closes the channel with 404, and is not made.
  amqp_exchange_declare(line_.state(), the_channel, amqp_bytes_of(settings_.exchange), amqp_bytes_of("topic"), 1, 1, 0,
                        0, amqp_empty_table);
  auto status = line_.answered("looking up the exchange", "check exchange of " + settings_.peer.section);
  there = status.is_ok();
  line_.close();
  return status.code() == AMQP_NOT_FOUND ? tsn::Status(tsn::ok) : status;
}

/// A broker that is out of memory or disk stops reading; the library would then wait without end. The kernel is told to
/// give the line up, and nothing is begun while it has no room.
tsn::Status AmqpPublisher::await_room(Until until) {
  const int socket = amqp_get_sockfd(line_.state());
  const unsigned most = static_cast<unsigned>(milliseconds_until(until));
  setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &most, sizeof most);
  pollfd room{socket, POLLOUT, 0};
  if (poll(&room, 1, static_cast<int>(most)) > 0) return tsn::ok;
  line_.drop();
  return tsn::fail("amqp: " + settings_.peer.address.text() +
                   " takes no data; check the broker's memory and disk alarms");
}

tsn::Status AmqpPublisher::publish(const AmqpMessage& message, Until until, bool& returned) {
  returned = false;
  keep_alive();
  if (!line_.connected())
    if (auto status = open(until); !status) return status;
  if (auto status = await_room(until); !status) return status;
  amqp_basic_properties_t properties{};
  properties._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG |
                      AMQP_BASIC_TIMESTAMP_FLAG | AMQP_BASIC_TYPE_FLAG | AMQP_BASIC_APP_ID_FLAG;
  properties.content_type = amqp_bytes_of("application/json");
  properties.delivery_mode = AMQP_DELIVERY_PERSISTENT;
  properties.message_id = amqp_bytes_of(message.message_id);
  properties.timestamp = static_cast<std::uint64_t>(std::max<std::int64_t>(0, message.seconds));
  properties.type = amqp_bytes_of(message.routing_key);
  properties.app_id = amqp_bytes_of("tocsin");
  const int error =
      amqp_basic_publish(line_.state(), the_channel, amqp_bytes_of(settings_.exchange),
                         amqp_bytes_of(message.routing_key), 1, 0, &properties, amqp_bytes_of(message.body));
  if (error != AMQP_STATUS_OK) return line_.broken("the line broke while sending to", error, true);
  ++published_;
  return await_confirm(until, returned);
}

tsn::Status AmqpPublisher::await_confirm(Until until, bool& returned) {
  while (steady_clock::now() < until) {
    amqp_maybe_release_buffers(line_.state());
    amqp_frame_t frame;
    const timeval wait = amqp_left_until(until);
    const int error = amqp_simple_wait_frame_noblock(line_.state(), &frame, &wait);
    if (error == AMQP_STATUS_TIMEOUT) continue;
    if (error != AMQP_STATUS_OK) return line_.broken("no confirm from", error, true);
    if (frame.frame_type != AMQP_FRAME_METHOD) continue;  // the body of a returned message
    const auto& method = frame.payload.method;
    if (method.id == AMQP_BASIC_RETURN_METHOD) {
      returned = true;
    } else if (method.id == AMQP_BASIC_ACK_METHOD) {
      if (static_cast<const amqp_basic_ack_t*>(method.decoded)->delivery_tag >= published_) return tsn::ok;
    } else if (method.id == AMQP_BASIC_NACK_METHOD) {
      if (static_cast<const amqp_basic_nack_t*>(method.decoded)->delivery_tag >= published_)
        return tsn::retry_later("amqp: " + settings_.peer.address.text() +
                                " did not take the message (basic.nack); check the queues that are bound");
    } else if (method.id == AMQP_CHANNEL_CLOSE_METHOD) {
      const AmqpClosed closed = amqp_closed_by(method);
      line_.drop();
      return tsn::fail("amqp: the broker closed the channel: " + closed.text + "; check exchange of " +
                       settings_.peer.section)
          .with_code(closed.code);
    } else if (method.id == AMQP_CONNECTION_CLOSE_METHOD) {
      const AmqpClosed closed = amqp_closed_by(method);
      line_.drop();
      return tsn::unknown("amqp: the broker closed the connection before its confirm: " + closed.text)
          .with_code(closed.code);
    }
  }
  line_.drop();  // a confirm that comes later must not be taken for another message's
  return tsn::unknown("amqp: no confirm from " + settings_.peer.address.text() + " in time; check timeout of " +
                      settings_.peer.section + " and the broker's alarms");
}

void AmqpPublisher::keep_alive() {
  while (line_.connected()) {
    amqp_maybe_release_buffers(line_.state());
    amqp_frame_t frame;
    const timeval none{0, 0};
    const int error = amqp_simple_wait_frame_noblock(line_.state(), &frame, &none);
    if (error == AMQP_STATUS_TIMEOUT) return;
    const bool closed = error == AMQP_STATUS_OK && frame.frame_type == AMQP_FRAME_METHOD &&
                        (frame.payload.method.id == AMQP_CHANNEL_CLOSE_METHOD ||
                         frame.payload.method.id == AMQP_CONNECTION_CLOSE_METHOD);
    if (error != AMQP_STATUS_OK || closed) line_.drop();
  }
}

}  // namespace tocsin_plugins
