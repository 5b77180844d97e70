#include "listeners/datagram_socket.hpp"

#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tocsin/plugin.hpp"

namespace tocsin_plugins::net {
namespace {

std::string remedy_for(int error) {
  switch (error) {
    case EACCES:
    case EPERM:
      return "; a port below 1024 needs CAP_NET_BIND_SERVICE: choose a higher one, or give it to the agent's unit";
    case EADDRINUSE:
      return "; another program listens there: choose another port, or end it";
    case EADDRNOTAVAIL:
      return "; it is no address of this machine";
    case ENOENT:
      return "; the directory is not there: make it";
    default:
      return "";
  }
}

[[noreturn]] void cannot_listen(const ListenAddress& address, int error, int descriptor) {
  if (descriptor >= 0) ::close(descriptor);
  throw tsn::Failure("cannot listen on " + address.text + ": " + std::strerror(error) + remedy_for(error));
}

/// A socket's file whose program has ended refuses connections: it is in the way and nobody's.
void remove_left_over(const ListenAddress& address, int type) {
  struct stat facts;
  if (::lstat(address.path.c_str(), &facts) != 0 || !S_ISSOCK(facts.st_mode)) return;
  const int probe = ::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return;
  if (::connect(probe, address.socket.raw(), address.socket.length) != 0 && errno == ECONNREFUSED)
    ::unlink(address.path.c_str());
  ::close(probe);
}

}  // namespace

int open_socket(const ListenAddress& address) {
  const int type = address.is_datagram() ? SOCK_DGRAM : SOCK_STREAM;
  if (address.is_unix()) remove_left_over(address, type);
  const int descriptor = ::socket(address.socket.storage.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) cannot_listen(address, errno, -1);
  const int on = 1, off = 0;
  // On UDP it would let a second agent take the port over.
  if (!address.is_datagram()) ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.socket.storage.ss_family == AF_INET6)
    ::setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (::bind(descriptor, address.socket.raw(), address.socket.length) != 0) cannot_listen(address, errno, descriptor);
  if (address.is_unix() && ::chmod(address.path.c_str(), 0666) != 0) cannot_listen(address, errno, descriptor);
  if (!address.is_datagram() && ::listen(descriptor, 128) != 0) cannot_listen(address, errno, descriptor);
  return descriptor;
}

void close_socket(const ListenAddress& address, int descriptor) noexcept {
  if (descriptor < 0) return;
  if (address.is_unix()) ::unlink(address.path.c_str());
  ::close(descriptor);
}

SocketAddress bound_address(int descriptor) {
  SocketAddress found;
  found.length = sizeof found.storage;
  if (::getsockname(descriptor, found.raw(), &found.length) != 0) found = {};
  return found;
}

DatagramSocket::DatagramSocket(const ListenAddress& address, std::uint64_t buffer)
    : address_(address), descriptor_(open_socket(address)), buffers_(new char[at_once * most_bytes]) {
  const int on = 1, wanted = static_cast<int>(std::min<std::uint64_t>(buffer, 1u << 30));
  ::setsockopt(descriptor_, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
  // The first works with CAP_NET_ADMIN only; the second is cut to net.core.rmem_max.
  if (::setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof wanted) != 0)
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof wanted);
  int given = 0;
  socklen_t size = sizeof given;
  // The kernel keeps, and tells, twice of what was asked for: the other half is its own bookkeeping.
  if (::getsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &given, &size) == 0)
    granted_ = static_cast<std::uint64_t>(given) / 2;
}

DatagramSocket::~DatagramSocket() {
  close_socket(address_, descriptor_);
}

bool DatagramSocket::read(const Take& take, DatagramCounts& counts) {
  mmsghdr messages[at_once];
  iovec pieces[at_once];
  SocketAddress from[at_once];
  alignas(cmsghdr) char control[at_once][CMSG_SPACE(sizeof(std::uint32_t))];
  for (unsigned i = 0; i < at_once; ++i) {
    pieces[i] = {buffers_.get() + i * most_bytes, most_bytes};
    messages[i] = {};
    auto& header = messages[i].msg_hdr;
    header.msg_name = &from[i].storage;
    header.msg_namelen = sizeof from[i].storage;
    header.msg_iov = &pieces[i];
    header.msg_iovlen = 1;
    header.msg_control = control[i];
    header.msg_controllen = sizeof control[i];
  }
  const int count = ::recvmmsg(descriptor_, messages, at_once, MSG_DONTWAIT, nullptr);
  for (int i = 0; i < count; ++i) {
    auto& header = messages[i].msg_hdr;
    from[i].length = header.msg_namelen;
    if (header.msg_namelen == 0) from[i].storage.ss_family = AF_UNIX;
    count_drops(header, counts);
    ++counts.datagrams;
    counts.bytes += messages[i].msg_len;
    if (header.msg_flags & MSG_TRUNC)
      ++counts.cut;
    else
      take({static_cast<const char*>(pieces[i].iov_base), messages[i].msg_len}, from[i]);
  }
  return count == static_cast<int>(at_once);
}

void DatagramSocket::count_drops(msghdr& header, DatagramCounts& counts) {
  for (auto* part = CMSG_FIRSTHDR(&header); part; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SO_RXQ_OVFL) continue;
    std::uint32_t drops = 0;
    std::memcpy(&drops, CMSG_DATA(part), sizeof drops);
    counts.dropped += drops - drops_seen_;  // wraps as the kernel's does
    drops_seen_ = drops;
  }
}

}  // namespace tocsin_plugins::net
