// links: probe_objects
// libFuzzer target for what a watched server says: DNS answers, Redis' replies, and URLs. The first byte says which.
#include <algorithm>

#include "dns_message.hpp"
#include "resp.hpp"
#include "target.hpp"
#include "url.hpp"

using fuzz::require;
using namespace tocsin_plugins::probing;

namespace {

void read_dns(std::string_view text) {
  constexpr DnsType types[] = {DnsType::a, DnsType::aaaa, DnsType::cname, DnsType::mx, DnsType::txt};
  for (const auto type : types) {
    const auto question = dns_question(0x6161, "a.example", type);
    // What a server sends has the question in it; the fuzzer chooses the flags, the counts and what follows.
    std::string message = question;
    for (std::size_t i = 0; i < 10 && i < text.size(); ++i) message[2 + i] = text[i];
    message += text.substr(std::min<std::size_t>(10, text.size()));
    for (const std::string_view bytes : {std::string_view(message), text}) {
      const fuzz::Exact exact(bytes);
      DnsAnswer answer;
      if (!read_dns_answer(exact.view(), question, answer)) continue;
      require(answer.code >= 0 && answer.code <= 15, "a code has four bits");
      require(answer.values.size() <= bytes.size(), "a record has bytes");
      require(!dns_code_text(answer.code).empty(), "a code has a text");
    }
  }
}

void read_redis(std::string_view text) {
  const fuzz::Exact exact(text);
  RespReply reply;
  std::size_t used = 0;
  if (read_resp(exact.view(), reply, used, 4096) == RespRead::whole) {
    require(used <= text.size() && used >= 3, "a reply is part of what came");
    require(reply.text.size() <= 4096, "a reply is no longer than it may be");
  }
  RedisReplication seen;
  read_replication(exact.view(), seen);
  require(!seen.lag || *seen.lag >= 0, "a lag is not negative");
}

void read_url_text(std::string_view text) {
  Url url;
  if (!read_url(std::string(text), url).empty()) return;
  require(url.port >= 0 && url.port <= 65535, "a port is one");
  require(url.user.find('\0') == url.user.npos, "a user has no NUL");
  require(url.origin().find("://") != std::string::npos, "an origin has a scheme");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 3) {
    case 0:
      read_dns(text);
      break;
    case 1:
      read_redis(text);
      break;
    default:
      read_url_text(text);
  }
  return 0;
}
