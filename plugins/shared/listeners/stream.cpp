#include "listeners/stream.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace tocsin_plugins::net {

Channel::~Channel() {
  ::close(descriptor_);
}

Channel::Got Channel::read(char* to, std::size_t room, std::size_t& got) {
  const auto count = ::recv(descriptor_, to, room, MSG_DONTWAIT);
  if (count > 0) return got = static_cast<std::size_t>(count), Got::bytes;
  if (count == 0) return Got::end;
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return Got::nothing_now;
  if (errno == ECONNRESET) return Got::end;
  complaint_ = std::strerror(errno);
  return Got::failed;
}

}  // namespace tocsin_plugins::net
