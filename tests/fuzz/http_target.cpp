// libFuzzer target for what arrives at the HTTP listener: the request reader in pieces, then the query string, the JSON
// body and the route. The first byte of the input chooses the size of the pieces.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "api/json_reader.hpp"
#include "api/query.hpp"
#include "api/request_reader.hpp"

using namespace tocsin::api;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece = 1 + data[0];
  RequestReader reader(ReadLimits{4096, 65536});
  RequestReader::State state = RequestReader::State::more;
  std::string held;
  for (std::size_t at = 1; at < size && state == RequestReader::State::more; at += piece) {
    // A new block each time, so that a view kept from before is found out.
    held = std::string(held).append(reinterpret_cast<const char*>(data) + at, std::min(piece, size - at));
    state = reader.feed(held.data(), held.size());
  }
  Request request;
  reader.view(held.data(), request);
  if (state != RequestReader::State::complete) return 0;
  if (reader.consumed() > held.size() || request.body.size() > held.size()) std::abort();
  if (auto query = Query::parse(request.query)) static_cast<void>(query->page());
  static_cast<void>(read_json(request.body));
  return 0;
}
