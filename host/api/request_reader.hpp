// Reads one HTTP/1.x request out of a growing buffer, in place: header and body are views into it, the body contiguous.
// Beast's basic_parser does the grammar (request-line, fields, Content-Length against Transfer-Encoding, chunks); this
// keeps offsets, because the buffer may move while a request arrives.
//
// Rejected alternative: Beast's request_parser with a body type copies each header into a fields container and each
// piece of a body into a second buffer; with bulk pushes of 100 KB that is a copy of everything that comes in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "api/message.hpp"
#include "api/problem.hpp"

namespace tocsin::api {

struct ReadLimits {
  std::uint32_t header = 32 * 1024;  ///< request line and fields, bytes
  std::uint64_t body = 64ull << 20;
};

class RequestReader {
 public:
  explicit RequestReader(ReadLimits limits);
  ~RequestReader();
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;

  enum class State : std::uint8_t { more, complete, failed };
  /// `data` holds the request from its first byte on, `size` bytes of it and of what may follow. Call again with the
  /// same bytes and more (at the same place or moved) after `more`. Writes to the buffer: header names become lower
  /// case, the chunks of a chunked body are joined.
  State feed(char* data, std::size_t size);
  /// Ready for the next request.
  void reset();

  bool header_done() const;
  /// Bytes of the whole request where Content-Length tells, else 0. After header_done().
  std::uint64_t expected() const;
  /// "Expect: 100-continue" was asked and the body is still to come; true once.
  bool take_continue();
  /// Bytes of the request in the buffer, after `complete`.
  std::size_t consumed() const;
  bool keep_alive() const;
  bool http11() const;
  /// Why it failed: 400, 413, 417, 431, 501 or 505. The connection must be closed after the answer.
  const Problem& problem() const;
  /// Method, path, query, headers and body as views into `data`, after `complete`; after `failed` as far as they came.
  void view(const char* data, Request& request) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tocsin::api
