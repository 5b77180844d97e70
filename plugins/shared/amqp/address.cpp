#include "amqp/address.hpp"

#include <amqp.h>

#include <algorithm>

#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

AmqpAddress amqp_address(const std::string& url) {
  const auto refuse = [](const char* why) { throw tsn::Failure(tsn::invalid(std::string("url: ") + why)); };
  if (!url.starts_with("amqp://") && !url.starts_with("amqps://")) refuse("expected amqp:// or amqps://");
  const auto begin = url.find("://") + 3, end = std::min(url.find_first_of("/?#", begin), url.size());
  const auto who = url.substr(begin, end - begin);
  const auto at = who.rfind('@');
  if (at != who.npos && who.find(':') < at) refuse("leave the password out of it; set password");
  if (url.find_first_of("?#") != url.npos) refuse("options after ? are not known");
  std::string copy = url;  // the parser writes into it
  amqp_connection_info info{};
  amqp_default_connection_info(&info);
  if (amqp_parse_url(copy.data(), &info) != AMQP_STATUS_OK) refuse("expected amqp://user@host:port/vhost");
  AmqpAddress address;
  address.tls = info.ssl != 0;
  address.host = info.host;
  address.port = info.port;
  if (info.user && *info.user) address.user = info.user;
  if (info.vhost && *info.vhost) address.vhost = info.vhost;
  if (address.host.empty()) refuse("names no host");
  if (address.port <= 0 || address.port > 65535) refuse("the port is not from 1 to 65535");
  return address;
}

}  // namespace tocsin_plugins
