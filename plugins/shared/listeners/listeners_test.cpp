// What needs no host: addresses, networks, splitting of streams, the kernel's drops.
#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "listeners/datagram_socket.hpp"
#include "listeners/networks.hpp"
#include "listeners/stream.hpp"

namespace tocsin_plugins::net {
namespace {

SocketAddress address_of(const std::string& text) {
  return ListenAddress::parse("udp://" + text, "listen").socket;
}

Networks networks(std::initializer_list<const char*> list) {
  auto value = tsn::Value::array();
  for (const auto* each : list) value.push(each);
  return Networks::read(tsn::Config(value.view()), "allow");
}

TEST(ListenAddress, ReadsEachScheme) {
  using Kind = ListenAddress::Kind;
  EXPECT_EQ(ListenAddress::parse("udp://127.0.0.1:514", "listen").kind, Kind::udp);
  EXPECT_EQ(ListenAddress::parse("tcp://[::1]:601", "listen").socket.port(), 601);
  EXPECT_EQ(ListenAddress::parse("tls://localhost:6514", "listen").socket.host(), "127.0.0.1");
  EXPECT_EQ(ListenAddress::parse("unixgram:///run/a.sock", "listen").path, "/run/a.sock");
  EXPECT_EQ(ListenAddress::parse("unix:///run/a.sock", "listen").kind, Kind::unix_stream);
}

TEST(ListenAddress, SaysWhatIsWrongWithPlaceAndRemedy) {
  for (const char* bad :
       {"", "127.0.0.1:514", "udp://127.0.0.1", "udp://127.0.0.1:", "udp://127.0.0.1:70000", "udp://::1:514",
        "udp://[::1:514", "udp://host.example:514", "unix://", "http://127.0.0.1:80"}) {
    try {
      ListenAddress::parse(bad, "listen");
      FAIL() << bad << " was taken";
    } catch (const tsn::Failure& failure) {
      EXPECT_EQ(failure.status().value(), TSN_INVALID);
      EXPECT_TRUE(std::string(failure.what()).starts_with("listen: ")) << failure.what();
      EXPECT_NE(std::string(failure.what()).find("expected udp://"), std::string::npos);
    }
  }
}

TEST(ListenAddress, KnowsLoopback) {
  for (const char* text : {"127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1", "localhost:1"})
    EXPECT_TRUE(address_of(text).is_loopback()) << text;
  for (const char* text : {"0.0.0.0:1", "10.0.0.1:1", "[::]:1", "[2001:db8::1]:1"})
    EXPECT_FALSE(address_of(text).is_loopback()) << text;
}

TEST(Networks, HoldWhatBeginsAsTheyDo) {
  const auto some = networks({"10.1.0.0/16", "192.168.7.9", "2001:db8::/33"});
  for (const char* text : {"10.1.2.3:1", "192.168.7.9:1", "[2001:db8:7fff::1]:1", "[::ffff:10.1.9.9]:1", "127.0.0.1:1"})
    EXPECT_TRUE(some.hold(address_of(text))) << text;
  for (const char* text : {"10.2.0.1:1", "192.168.7.8:1", "[2001:db8:8000::1]:1", "[::ffff:10.2.9.9]:1"})
    EXPECT_FALSE(some.hold(address_of(text))) << text;
}

TEST(Networks, OfLengthZeroHoldEverybodyOfTheirFamily) {
  EXPECT_TRUE(networks({"0.0.0.0/0"}).hold(address_of("8.8.8.8:1")));
  EXPECT_FALSE(networks({"0.0.0.0/0"}).hold(address_of("[2001:db8::1]:1")));
}

TEST(Networks, RefuseWhatIsNone) {
  for (const char* bad : {"", "10.0.0.0/", "10.0.0.0/33", "10.0.0/8", "corp", "::/129", "10.0.0.0/8x"})
    EXPECT_THROW(networks({bad}), tsn::Failure) << bad;
}

TEST(LineSplitter, GivesTheLinesOfTheWholeWhateverThePieces) {
  const std::string text = "a\n\nbc\r\ntoo long a line\nd";
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    LineSplitter splitter(8);
    std::vector<std::string> lines;
    int too_long = 0;
    const auto take = [&](std::string_view line) { lines.emplace_back(line); };
    for (std::size_t at = 0; at < text.size(); at += piece)
      splitter.take(std::string_view(text).substr(at, piece), take, [&] { ++too_long; });
    splitter.end(take);
    std::erase(lines, "");
    EXPECT_EQ(lines, (std::vector<std::string>{"a", "bc\r", "d"})) << piece;
    EXPECT_EQ(too_long, 1) << piece;
  }
}

}  // namespace
}  // namespace tocsin_plugins::net
