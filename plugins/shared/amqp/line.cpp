#include "amqp/line.hpp"

#include <amqp_framing.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>

#include "message_text/text.hpp"

namespace tocsin_plugins {
namespace {

using std::chrono::steady_clock;

constexpr int most_frame = 131072;

std::string error_text(int error) {
  std::string text = amqp_error_string2(error);
  if (error == AMQP_STATUS_SSL_PEER_VERIFY_FAILED || error == AMQP_STATUS_SSL_HOSTNAME_VERIFY_FAILED ||
      error == AMQP_STATUS_SSL_CONNECTION_FAILED || error == AMQP_STATUS_SSL_ERROR)
    text += "; check the broker's certificate and ca_file";
  return text;
}

amqp_table_entry_t entry_of(const char* key, std::string_view text) {
  amqp_table_entry_t entry{};
  entry.key = amqp_cstring_bytes(key);
  entry.value.kind = AMQP_FIELD_KIND_UTF8;
  entry.value.value.bytes = amqp_bytes_of(text);
  return entry;
}

amqp_table_entry_t able_to(const char* what) {
  amqp_table_entry_t entry{};
  entry.key = amqp_cstring_bytes(what);
  entry.value.kind = AMQP_FIELD_KIND_BOOLEAN;
  entry.value.value.boolean = 1;
  return entry;
}

}  // namespace

AmqpClosed amqp_closed_by(const amqp_method_t& method) {
  if (method.id == AMQP_CONNECTION_CLOSE_METHOD) {
    const auto* close = static_cast<const amqp_connection_close_t*>(method.decoded);
    return {close->reply_code, amqp_text_of(close->reply_text)};
  }
  if (method.id == AMQP_CHANNEL_CLOSE_METHOD) {
    const auto* close = static_cast<const amqp_channel_close_t*>(method.decoded);
    return {close->reply_code, amqp_text_of(close->reply_text)};
  }
  return {0, "an unexpected method"};
}

std::string amqp_text_of(amqp_bytes_t from) {
  return cut(one_line({static_cast<const char*>(from.bytes), from.len}), 110);
}

timeval amqp_left_until(steady_clock::time_point until) {
  using std::chrono::microseconds;
  const auto left = std::max(std::chrono::duration_cast<microseconds>(until - steady_clock::now()), microseconds(1));
  return {static_cast<time_t>(left.count() / 1'000'000), static_cast<suseconds_t>(left.count() % 1'000'000)};
}

void AmqpLine::drop() {
  {
    std::lock_guard lock(mutex_);
    socket_ = -1;
  }
  if (state_) amqp_destroy_connection(state_);
  state_ = nullptr;
}

void AmqpLine::close() {
  if (!state_) return;
  const timeval second{1, 0};
  amqp_set_rpc_timeout(state_, &second);
  amqp_connection_close(state_, AMQP_REPLY_SUCCESS);
  drop();
}

void AmqpLine::interrupt() {
  std::lock_guard lock(mutex_);
  interrupted_ = true;
  if (socket_ >= 0) ::shutdown(socket_, SHUT_RDWR);
}

tsn::Status AmqpLine::broken(const std::string& what, int error, bool sent) {
  const std::string text = "amqp: " + what + " " + peer_.address.text() + ": " + error_text(error);
  drop();
  return sent ? tsn::unknown(text) : tsn::fail(text);
}

tsn::Status AmqpLine::reach(Until until) {
  state_ = amqp_new_connection();
  if (!state_) return tsn::fail("amqp: out of memory");
  const timeval wait = amqp_left_until(until);
  amqp_set_handshake_timeout(state_, &wait);
  amqp_set_rpc_timeout(state_, &wait);
  const auto& to = peer_.address;
  amqp_socket_t* socket = to.tls ? amqp_ssl_socket_new(state_) : amqp_tcp_socket_new(state_);
  if (!socket) return broken("no socket for", AMQP_STATUS_NO_MEMORY);
  if (to.tls) {
    SSL_CTX_set_default_verify_paths(static_cast<SSL_CTX*>(amqp_ssl_socket_get_context(socket)));
    amqp_ssl_socket_set_verify_peer(socket, 1);
    amqp_ssl_socket_set_verify_hostname(socket, 1);
    amqp_ssl_socket_set_ssl_versions(socket, AMQP_TLSv1_2, AMQP_TLSvLATEST);
    const auto& file = peer_.ca_file;
    if (!file.empty() && amqp_ssl_socket_set_cacert(socket, file.c_str()) != AMQP_STATUS_OK) {
      drop();
      return tsn::fail("amqp: " + file + " cannot be read as certificates; check ca_file of " + peer_.section);
    }
  }
  const timeval open_wait = amqp_left_until(until);
  const int error = amqp_socket_open_noblock(socket, to.host.c_str(), to.port, &open_wait);
  if (error != AMQP_STATUS_OK) return broken("cannot connect to", error);
  std::lock_guard lock(mutex_);
  socket_ = amqp_get_sockfd(state_);
  if (interrupted_) ::shutdown(socket_, SHUT_RDWR);
  return tsn::ok;
}

tsn::Status AmqpLine::log_in() {
  const auto& to = peer_.address;
  amqp_table_entry_t able[] = {able_to("consumer_cancel_notify"), able_to("connection.blocked")};
  amqp_table_entry_t properties[2] = {entry_of("connection_name", peer_.name), {}};
  properties[1].key = amqp_cstring_bytes("capabilities");
  properties[1].value.kind = AMQP_FIELD_KIND_TABLE;
  properties[1].value.value.table = {2, able};
  const amqp_table_t table{2, properties};
  const auto reply = amqp_login_with_properties(state_, to.vhost.c_str(), 0, most_frame, heartbeat_seconds, &table,
                                                AMQP_SASL_METHOD_PLAIN, to.user.c_str(), peer_.password.c_str());
  if (reply.reply_type == AMQP_RESPONSE_NORMAL) return tsn::ok;
  if (reply.reply_type != AMQP_RESPONSE_SERVER_EXCEPTION) return broken("no session with", reply.library_error);
  const AmqpClosed closed = amqp_closed_by(reply.reply);
  drop();
  return tsn::denied("amqp: " + to.text() + " refused \"" + cut(one_line(to.user), 40) + "\": " + closed.text +
                     "; check url and password of " + peer_.section)
      .with_code(closed.code);
}

tsn::Status AmqpLine::open(Until until) {
  if (auto status = reach(until); !status) return status;
  return log_in();
}

tsn::Status AmqpLine::open_channel(amqp_channel_t channel) {
  amqp_channel_open(state_, channel);
  return answered("opening a channel", "check the broker's limit of channels");
}

tsn::Status AmqpLine::answered(const std::string& what, const std::string& remedy, AmqpClosed* closed) {
  const auto reply = amqp_get_rpc_reply(state_);
  if (reply.reply_type == AMQP_RESPONSE_NORMAL) return tsn::ok;
  if (reply.reply_type != AMQP_RESPONSE_SERVER_EXCEPTION) return broken(what + " failed at", reply.library_error);
  const AmqpClosed why = amqp_closed_by(reply.reply);
  if (closed) *closed = why;
  // A refusal ends its channel only: saying goodbye spares the broker a warning of a lost connection.
  if (reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD)
    close();
  else
    drop();
  const std::string text = "amqp: " + what + ": " + why.text + "; " + remedy;
  return (why.code == AMQP_ACCESS_REFUSED ? tsn::denied(text) : tsn::fail(text)).with_code(why.code);
}

}  // namespace tocsin_plugins
