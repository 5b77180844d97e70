#include "consumer.hpp"

#include <amqp_framing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>

namespace tocsin_plugins::amqp {
namespace {

constexpr amqp_channel_t messages = 1, questions = 2;  ///< a question that is refused closes its own channel
constexpr int most_frames = 2000;                      ///< before others have their turn
constexpr std::size_t padding = 64;                    ///< readable bytes behind a body, for the parser
constexpr std::size_t most_header = 1024;

std::string copy(amqp_bytes_t from) {
  return {static_cast<const char*>(from.bytes), from.len};
}

amqp_table_entry_t argument(const char* key, std::string_view text) {
  amqp_table_entry_t entry{};
  entry.key = amqp_cstring_bytes(key);
  entry.value.kind = AMQP_FIELD_KIND_UTF8;
  entry.value.value.bytes = amqp_bytes_of(text);
  return entry;
}

/// A header's value as text; nothing: it is a table, an array or binary.
std::optional<std::string> text_of(const amqp_field_value_t& value) {
  switch (value.kind) {
    case AMQP_FIELD_KIND_UTF8:
    case AMQP_FIELD_KIND_BYTES:
      return copy(value.value.bytes).substr(0, most_header);
    case AMQP_FIELD_KIND_BOOLEAN:
      return value.value.boolean ? "true" : "false";
    case AMQP_FIELD_KIND_I8:
      return std::to_string(value.value.i8);
    case AMQP_FIELD_KIND_U8:
      return std::to_string(value.value.u8);
    case AMQP_FIELD_KIND_I16:
      return std::to_string(value.value.i16);
    case AMQP_FIELD_KIND_U16:
      return std::to_string(value.value.u16);
    case AMQP_FIELD_KIND_I32:
      return std::to_string(value.value.i32);
    case AMQP_FIELD_KIND_U32:
      return std::to_string(value.value.u32);
    case AMQP_FIELD_KIND_I64:
      return std::to_string(value.value.i64);
    case AMQP_FIELD_KIND_U64:
    case AMQP_FIELD_KIND_TIMESTAMP:
      return std::to_string(value.value.u64);
    case AMQP_FIELD_KIND_F64: {
      char text[32];
      return std::string(text, std::to_chars(text, text + sizeof text, value.value.f64).ptr);
    }
    default:
      return std::nullopt;
  }
}

}  // namespace

std::string Consumer::remedy(int code) const {
  const std::string& section = settings_.peer.section;
  switch (code) {
    case AMQP_NOT_FOUND:
      return settings_.declare ? "make the exchanges that declare.bindings of " + section + " names"
                               : "make the queue, or let " + section + " make it by declare = {}";
    case AMQP_ACCESS_REFUSED:
      return "give the user of " + section + " the right to " +
             (settings_.declare ? "configure, bind (write) and read" : "read") + " the queue";
    case AMQP_RESOURCE_LOCKED:
      return "another connection holds the queue for itself alone";
    case AMQP_PRECONDITION_FAILED:
      return "the queue is there with other properties: leave declare out of " + section + ", or write what it is";
    default:
      return "check queue and declare of " + section;
  }
}

tsn::Status Consumer::explained(tsn::Status status, const AmqpClosed& closed, const std::string& what) const {
  if (status || closed.code == 0) return status;
  const std::string text = "amqp: " + what + ": " + closed.text + "; " + remedy(closed.code);
  return (closed.code == AMQP_ACCESS_REFUSED ? tsn::denied(text) : tsn::fail(text)).with_code(closed.code);
}

tsn::Status Consumer::open(Until until) {
  expect_ = Expect::method;
  whole_ = asking_ = false;
  blocked_.clear();
  depth_.reset();
  if (auto status = line_.open(until); !status) return status;
  // A broker that stands still takes no acknowledgement: the kernel gives the line up after as long as heartbeats do.
  const unsigned most = 2000u * AmqpLine::heartbeat_seconds;
  setsockopt(amqp_get_sockfd(line_.state()), IPPROTO_TCP, TCP_USER_TIMEOUT, &most, sizeof most);
  if (auto status = line_.open_channel(messages); !status) return status;
  if (auto status = line_.open_channel(questions); !status) return status;
  if (auto status = settings_.declare ? declare() : look_up(nullptr); !status) return status;
  return consume();
}

tsn::Status Consumer::look(Until until, Depth& depth) {
  if (auto status = line_.open(until); !status) return status;
  if (auto status = line_.open_channel(messages); !status) return status;
  auto status = look_up(&depth);
  line_.close();
  return status;
}

tsn::Status Consumer::look_up(Depth* depth) {
  const auto* ok =
      amqp_queue_declare(line_.state(), messages, amqp_bytes_of(settings_.queue), 1, 0, 0, 0, amqp_empty_table);
  if (ok && depth) *depth = {ok->message_count, ok->consumer_count};
  AmqpClosed closed;
  const std::string what = "the queue \"" + settings_.queue + "\"";
  return explained(line_.answered(what, "", &closed), closed, what);
}

tsn::Status Consumer::declare() {
  const auto& how = *settings_.declare;
  std::vector<amqp_table_entry_t> arguments;
  if (!how.type.empty()) arguments.push_back(argument("x-queue-type", how.type));
  if (!how.dead_letter_exchange.empty())
    arguments.push_back(argument("x-dead-letter-exchange", how.dead_letter_exchange));
  if (!how.dead_letter_routing_key.empty())
    arguments.push_back(argument("x-dead-letter-routing-key", how.dead_letter_routing_key));
  amqp_queue_declare(line_.state(), messages, amqp_bytes_of(settings_.queue), 0, how.durable, 0, 0,
                     {static_cast<int>(arguments.size()), arguments.data()});
  AmqpClosed closed;
  const std::string what = "declaring the queue \"" + settings_.queue + "\"";
  if (auto status = explained(line_.answered(what, "", &closed), closed, what); !status) return status;
  for (const auto& binding : how.bindings)
    if (auto status = bind(binding); !status) return status;
  return tsn::ok;
}

tsn::Status Consumer::bind(const Binding& binding) {
  amqp_queue_bind(line_.state(), messages, amqp_bytes_of(settings_.queue), amqp_bytes_of(binding.exchange),
                  amqp_bytes_of(binding.routing_key), amqp_empty_table);
  AmqpClosed closed;
  const std::string what = "binding the queue \"" + settings_.queue + "\" to \"" + binding.exchange + "\"";
  return explained(line_.answered(what, "", &closed), closed, what);
}

tsn::Status Consumer::consume() {
  AmqpClosed closed;
  amqp_basic_qos(line_.state(), messages, 0, settings_.prefetch, 0);
  std::string what = "bounding what is on its way";
  if (auto status = explained(line_.answered(what, "", &closed), closed, what); !status) return status;
  amqp_basic_consume(line_.state(), messages, amqp_bytes_of(settings_.queue), amqp_bytes_of(settings_.tag), 0, 0, 0,
                     amqp_empty_table);
  what = "consuming from the queue \"" + settings_.queue + "\"";
  return explained(line_.answered(what, "", &closed), closed, what);
}

tsn::Status Consumer::receive(std::deque<Delivery>& to, bool& more) {
  for (int frames = 0; frames < most_frames; ++frames) {
    amqp_maybe_release_buffers(line_.state());
    amqp_frame_t frame;
    const timeval none{0, 0};
    const int error = amqp_simple_wait_frame_noblock(line_.state(), &frame, &none);
    if (error == AMQP_STATUS_TIMEOUT) return more = false, tsn::Status(tsn::ok);
    if (error == AMQP_STATUS_HEARTBEAT_TIMEOUT) return line_.broken("nothing was heard any more from", error);
    if (error != AMQP_STATUS_OK) return line_.broken("the line broke to", error);
    if (frame.frame_type == AMQP_FRAME_METHOD) {
      if (auto status = on_method(frame.payload.method); !status) return status;
    } else if (frame.frame_type == AMQP_FRAME_HEADER && expect_ == Expect::header) {
      on_properties(*static_cast<const amqp_basic_properties_t*>(frame.payload.properties.decoded),
                    frame.payload.properties.body_size);
    } else if (frame.frame_type == AMQP_FRAME_BODY && expect_ == Expect::body) {
      on_body(frame.payload.body_fragment);
    }
    if (std::exchange(whole_, false)) to.push_back(std::move(now_));
  }
  return more = true, tsn::Status(tsn::ok);
}

tsn::Status Consumer::on_method(const amqp_method_t& method) {
  switch (method.id) {
    case AMQP_BASIC_DELIVER_METHOD:
      on_deliver(*static_cast<const amqp_basic_deliver_t*>(method.decoded));
      return tsn::ok;
    case AMQP_QUEUE_DECLARE_OK_METHOD: {
      const auto* ok = static_cast<const amqp_queue_declare_ok_t*>(method.decoded);
      depth_ = Depth{ok->message_count, ok->consumer_count};
      asking_ = false;
      return tsn::ok;
    }
    case AMQP_CONNECTION_BLOCKED_METHOD:
      blocked_ = amqp_text_of(static_cast<const amqp_connection_blocked_t*>(method.decoded)->reason);
      if (blocked_.empty()) blocked_ = "no reason given";
      return tsn::ok;
    case AMQP_CONNECTION_UNBLOCKED_METHOD:
      blocked_.clear();
      return tsn::ok;
    case AMQP_BASIC_CANCEL_METHOD:
      line_.close();
      return tsn::fail("amqp: the broker ended the consumer: the queue \"" + settings_.queue +
                       "\" was deleted or moved; " + remedy(AMQP_NOT_FOUND));
    case AMQP_CHANNEL_CLOSE_METHOD:
    case AMQP_CONNECTION_CLOSE_METHOD: {
      const AmqpClosed closed = amqp_closed_by(method);
      line_.drop();
      const bool channel = method.id == AMQP_CHANNEL_CLOSE_METHOD;
      return tsn::fail(std::string("amqp: the broker closed the ") + (channel ? "channel: " : "connection: ") +
                       closed.text + (channel ? "; " + remedy(closed.code) : ""))
          .with_code(closed.code);
    }
    default:
      return tsn::ok;
  }
}

void Consumer::on_deliver(const amqp_basic_deliver_t& deliver) {
  now_ = Delivery{};
  now_.tag = deliver.delivery_tag;
  now_.redelivered = deliver.redelivered != 0;
  now_.exchange = copy(deliver.exchange);
  now_.routing_key = copy(deliver.routing_key);
  expect_ = Expect::header;
}

void Consumer::on_properties(const amqp_basic_properties_t& from, std::uint64_t body_size) {
  const auto take = [&](amqp_flags_t flag, amqp_bytes_t text, std::string& to) {
    if (from._flags & flag) to = copy(text);
  };
  take(AMQP_BASIC_CONTENT_TYPE_FLAG, from.content_type, now_.content_type);
  take(AMQP_BASIC_CONTENT_ENCODING_FLAG, from.content_encoding, now_.content_encoding);
  take(AMQP_BASIC_MESSAGE_ID_FLAG, from.message_id, now_.message_id);
  take(AMQP_BASIC_APP_ID_FLAG, from.app_id, now_.app_id);
  take(AMQP_BASIC_TYPE_FLAG, from.type, now_.type);
  take(AMQP_BASIC_USER_ID_FLAG, from.user_id, now_.user_id);
  if (from._flags & AMQP_BASIC_TIMESTAMP_FLAG) now_.timestamp = from.timestamp;
  if (from._flags & AMQP_BASIC_HEADERS_FLAG) keep_headers(from.headers);
  now_.too_long = body_size > settings_.max_message;
  if (!now_.too_long) now_.body.reserve(body_size + padding);
  body_left_ = body_size;
  expect_ = body_size > 0 ? Expect::body : Expect::method;
  whole_ = body_size == 0;
}

void Consumer::keep_headers(const amqp_table_t& table) {
  for (int i = 0; i < table.num_entries; ++i) {
    std::string key = copy(table.entries[i].key);
    if (std::find(settings_.headers.begin(), settings_.headers.end(), key) == settings_.headers.end()) continue;
    if (auto text = text_of(table.entries[i].value)) now_.headers.emplace_back(std::move(key), std::move(*text));
  }
}

void Consumer::on_body(amqp_bytes_t part) {
  if (!now_.too_long) now_.body.append(static_cast<const char*>(part.bytes), part.len);
  body_left_ -= std::min<std::uint64_t>(body_left_, part.len);
  if (body_left_ > 0) return;
  expect_ = Expect::method;
  whole_ = true;
}

tsn::Status Consumer::sent(int error) {
  return error == AMQP_STATUS_OK ? tsn::Status(tsn::ok) : line_.broken("the line broke to", error);
}

tsn::Status Consumer::acknowledge(std::uint64_t tag) {
  return sent(amqp_basic_ack(line_.state(), messages, tag, 1));
}

tsn::Status Consumer::reject(std::uint64_t tag) {
  return sent(amqp_basic_nack(line_.state(), messages, tag, 0, 0));
}

tsn::Status Consumer::ask_depth() {
  if (std::exchange(asking_, true)) return tsn::ok;  // the last question was not answered yet
  amqp_queue_declare_t question{};
  question.queue = amqp_bytes_of(settings_.queue);
  question.passive = 1;
  question.arguments = amqp_empty_table;
  return sent(amqp_send_method(line_.state(), questions, AMQP_QUEUE_DECLARE_METHOD, &question));
}

}  // namespace tocsin_plugins::amqp
