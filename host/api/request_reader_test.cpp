#include "api/request_reader.hpp"

#include <gtest/gtest.h>

#include <random>

namespace tocsin::api {
namespace {

using State = RequestReader::State;

struct Got {
  State state = State::more;
  std::string method, path, query, body, headers;
  unsigned status = 0;
  std::size_t consumed = 0;
};

/// Feeds `bytes` in pieces, each time into a new block, so that nothing may rely on an old one.
Got feed(const std::string& bytes, std::size_t piece, ReadLimits limits = {}) {
  RequestReader reader(limits);
  Got got;
  std::string held;
  for (std::size_t at = 0; at < bytes.size() && got.state == State::more; at += piece) {
    held = std::string(held).append(bytes, at, piece);
    got.state = reader.feed(held.data(), held.size());
  }
  Request request;
  reader.view(held.data(), request);
  got.method = request.method;
  got.path = request.path;
  got.query = request.query;
  for (const auto& [name, value] : request.headers) got.headers.append(name).append("=").append(value).append(";");
  if (got.state == State::failed) got.status = reader.problem().status;
  if (got.state != State::complete) return got;
  got.body = request.body;
  got.consumed = reader.consumed();
  return got;
}

const std::string plain = "POST /a/b?c=d HTTP/1.1\r\nHost: x\r\nX-Upper: Value\r\nContent-Length: 5\r\n\r\nhello";
const std::string chunked =
    "POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    "5;ext=1\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\nTrailer: t\r\n\r\n";

TEST(RequestReader, ReadsTheSameHoweverTheBytesArrive) {
  for (std::size_t piece : {1ul, 2ul, 3ul, 7ul, 1000ul}) {
    Got got = feed(plain, piece);
    ASSERT_EQ(got.state, State::complete) << piece;
    EXPECT_EQ(got.method + " " + got.path + "?" + got.query + " " + got.body, "POST /a/b?c=d hello");
    EXPECT_EQ(got.headers, "host=x;x-upper=Value;content-length=5;");
    EXPECT_EQ(got.consumed, plain.size());
  }
}

TEST(RequestReader, JoinsChunksInPlaceHoweverTheyArrive) {
  for (std::size_t piece : {1ul, 2ul, 5ul, 1000ul}) {
    Got got = feed(chunked, piece);
    ASSERT_EQ(got.state, State::complete) << piece;
    EXPECT_EQ(got.body, "hello world");
    EXPECT_EQ(got.consumed, chunked.size());
  }
}

TEST(RequestReader, ReadsAnEmptyChunkedBodyByteByByte) {
  Got got = feed("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 1);
  EXPECT_EQ(got.state, State::complete);
  EXPECT_EQ(got.body, "");
}

TEST(RequestReader, LeavesTheNextRequestAlone) {
  Got got = feed(plain + "GET / HTTP/1.1\r\n", 1000);
  EXPECT_EQ(got.state, State::complete);
  EXPECT_EQ(got.consumed, plain.size());
}

TEST(RequestReader, TakesTheAbsoluteForm) {
  Got got = feed("GET http://localhost:80/x?y HTTP/1.1\r\nHost: localhost\r\n\r\n", 1000);
  EXPECT_EQ(got.path + "|" + got.query, "/x|y");
}

TEST(RequestReader, RefusesWhatSmugglesOrBreaksTheGrammar) {
  struct Case {
    std::string bytes;
    unsigned status;
  };
  const std::string line = "POST / HTTP/1.1\r\nHost: x\r\n";
  for (const Case& c : {
           Case{"GET\r\n\r\n", 400},
           Case{"GET / HTTP/1.1\r\n\r\n", 400},
           Case{line + "Host: y\r\n\r\n", 400},
           Case{"GET / HTTP/3.0\r\nHost: x\r\n\r\n", 400},
           Case{"\x16\x03\x01\x02", 400},
           Case{line + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400},
           Case{line + "Content-Length: -5\r\n\r\n", 400},
           Case{line + "Content-Length: 5x\r\n\r\n", 400},
           Case{line + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
           Case{line + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400},
           Case{line + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
           Case{line + "Transfer-Encoding: xchunked\r\n\r\n", 501},
           Case{"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
           Case{line + "Bad Name: x\r\n\r\n", 400},
           Case{line + "A: b\r\n folded\r\n\r\n", 400},
           Case{line + "Expect: miracles\r\n\r\n", 417},
           Case{line + "Transfer-Encoding: chunked\r\n\r\nzzzz\r\n", 400},
           Case{line + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", 400},
       }) {
    Got got = feed(c.bytes, 1000);
    EXPECT_EQ(got.state, State::failed) << c.bytes;
    EXPECT_EQ(got.status, c.status) << c.bytes;
  }
}

TEST(RequestReader, HoldsTheHeaderToItsLimitInOnePieceAndInMany) {
  std::string many = "GET / HTTP/1.1\r\nHost: x\r\n";
  for (int i = 0; i < 40; ++i) many += "A" + std::to_string(i) + ": " + std::string(100, 'v') + "\r\n";
  std::string one = "GET /" + std::string(5000, 'p') + " HTTP/1.1\r\nHost: x\r\n\r\n";
  for (std::size_t piece : {1ul, 100ul, 100'000ul}) {
    EXPECT_EQ(feed(many + "\r\n", piece, {2048, 100}).status, 431u) << piece;
    EXPECT_EQ(feed(one, piece, {2048, 100}).status, 431u) << piece;
  }
}

TEST(RequestReader, HoldsBodiesToTheirLimit) {
  EXPECT_EQ(feed("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n", 1000, {2048, 100}).status, 413u);
  std::string chunks = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 3; ++i) chunks += "32\r\n" + std::string(50, 'b') + "\r\n";
  EXPECT_EQ(feed(chunks, 1000, {2048, 100}).status, 413u);
}

TEST(RequestReader, DoesNotGatherChunkExtensionsWithoutEnd) {
  std::string endless = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;" + std::string(20'000, 'e');
  EXPECT_EQ(feed(endless, 512).status, 400u);
}

TEST(RequestReader, SurvivesRandomBytesInRandomPieces) {
  std::mt19937 random(20261120);
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = round % 2 == 0 ? plain : chunked;
    for (unsigned i = random() % 6; i > 0; --i) bytes[random() % bytes.size()] = static_cast<char>(random());
    bytes.resize(random() % (bytes.size() + 1));
    Got got = feed(bytes, 1 + random() % 40);
    if (got.state == State::failed) {
      EXPECT_GE(got.status, 400u);
    }
    EXPECT_LE(got.consumed, bytes.size());
  }
}

}  // namespace
}  // namespace tocsin::api
