// dns: the question goes to the server by UDP, three times at most, and by TCP when the answer is too long for it.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <random>
#include <sstream>

#include "check.hpp"
#include "dns_message.hpp"

namespace tocsin_plugins::probing {
namespace {

std::string system_server() {
  std::ifstream file("/etc/resolv.conf");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string key, value;
    if (words >> key >> value && key == "nameserver") return value;
  }
  return "127.0.0.1";
}

Descriptor datagram_line(const std::string& server, int port, const Limits& limits) {
  const auto to = resolve(server, port, limits, SOCK_DGRAM).front();
  Descriptor made(::socket(to.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (made.get() < 0 || ::connect(made.get(), reinterpret_cast<const sockaddr*>(&to.where), to.size) != 0)
    throw tsn::Failure(std::string("no socket to the server: ") + std::strerror(errno));
  return made;
}

/// Whether an answer came before `limits` ended; other datagrams are passed over.
bool await_answer(int line, const std::string& question, const Limits& limits, DnsAnswer& out) {
  char buffer[4096];
  for (;;) {
    const auto got = ::recv(line, buffer, sizeof buffer, 0);
    if (got >= 0 && read_dns_answer({buffer, static_cast<std::size_t>(got)}, question, out)) return true;
    if (got >= 0) continue;
    if (errno != EAGAIN && errno != EINTR)
      throw tsn::Failure(std::string("the server cannot be asked: ") + std::strerror(errno));
    try {
      wait_for(line, POLLIN, limits);
    } catch (const tsn::Failure& failure) {
      if (failure.status() == tsn::Code::deadline) return false;
      throw;
    }
  }
}

DnsAnswer ask_by_datagram(const std::string& server, int port, const std::string& question, const Limits& limits) {
  const auto line = datagram_line(server, port, limits);
  DnsAnswer out;
  for (int left = 3; left > 0; --left) {
    Limits share = limits;
    const auto now = std::chrono::steady_clock::now();
    share.until = now + (limits.until - now) / left;
    ::send(line.get(), question.data(), question.size(), MSG_NOSIGNAL);
    if (await_answer(line.get(), question, share, out)) return out;
  }
  throw tsn::Failure(tsn::timed_out("the server did not answer in time"));
}

std::string receive_exactly(Line& line, std::size_t count, const Limits& limits) {
  std::string out(count, '\0');
  for (std::size_t got = 0; got < count;) {
    const auto n = line.receive(out.data() + got, count - got, limits);
    if (n == 0) throw tsn::Failure("the server closed the connection");
    got += n;
  }
  return out;
}

DnsAnswer ask_by_stream(const std::string& server, int port, const std::string& question, const Limits& limits) {
  Line line(server, port, limits);
  const std::string head{static_cast<char>(question.size() >> 8), static_cast<char>(question.size() & 0xff)};
  line.send(head + question, limits);
  const auto size = receive_exactly(line, 2, limits);
  const auto bytes =
      static_cast<std::size_t>(static_cast<unsigned char>(size[0]) << 8 | static_cast<unsigned char>(size[1]));
  DnsAnswer out;
  if (!read_dns_answer(receive_exactly(line, bytes, limits), question, out) || out.truncated)
    throw tsn::Failure("the server's answer by TCP cannot be read");
  return out;
}

}  // namespace

void check_dns(const Target& target, const Limits& limits) {
  std::random_device random;
  const auto question = dns_question(static_cast<std::uint16_t>(random()), target.dns_name, dns_type(target.dns_type));
  if (question.empty()) throw tsn::Failure("url names nothing that DNS could be asked for");
  const auto server = target.url.host.empty() ? system_server() : target.url.host;
  auto answer = ask_by_datagram(server, target.url.port, question, limits);
  if (answer.truncated) answer = ask_by_stream(server, target.url.port, question, limits);
  if (answer.code != 0) throw tsn::Failure("the server answered " + dns_code_text(answer.code));
  if (answer.values.empty()) throw tsn::Failure("the name has no record of type " + target.dns_type);
  const auto& good = target.expected;
  for (const auto& value : answer.values)
    if (!good.empty() && std::find(good.begin(), good.end(), value) == good.end())
      throw tsn::Failure("the server answered " + value + ", which `expect` does not name");
}

}  // namespace tocsin_plugins::probing
