// links: tocsin_api
// libFuzzer target for what arrives at the HTTP listener: the request reader in pieces, then the query string, the JSON
// body and its members. The first byte of the input chooses the size of the pieces.
#include <algorithm>

#include "api/json_reader.hpp"
#include "api/query.hpp"
#include "api/request_reader.hpp"
#include "base/text.hpp"
#include "target.hpp"

using namespace tocsin::api;
using fuzz::require;

namespace {

void read_query(std::string_view text) {
  const auto query = Query::parse(text);
  if (!query) return;
  const auto now = tocsin::base::from_ns(1'795'168'800'000'000'000);
  if (const auto page = query->page()) {
    require(page->limit >= 1 && page->limit <= 1000, "a page has 1 to 1000 items");
    static_cast<void>(slice_start(*page));
  }
  for (const auto& [name, value] : query->all()) {
    static_cast<void>(query->list(name));
    static_cast<void>(query->time(name, now));
    if (const auto count = query->count(name, 5, 100)) require(*count <= 100, "a count keeps its limit");
  }
}

void read_body(const Request& request) {
  const auto body = Body::parse(request, {"text", "labels", "value", "list", "reason", "status", "until"});
  if (!body) return;
  static_cast<void>(body->required("text"));
  static_cast<void>(body->labels("labels"));
  static_cast<void>(body->number("value"));
  static_cast<void>(body->texts("list"));
}

}  // namespace

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
  require(reader.consumed() <= held.size() && request.body.size() <= held.size(), "a request lies within its bytes");
  read_query(request.query);
  read_body(request);
  if (const auto json = read_json(request.body)) {
    // Compact JSON of ours reads as the same value. JSON has no NaN, and our reader gives none.
    const std::string printed = tocsin::base::to_json(*json);
    const auto again = read_json(printed);
    require(again && tocsin::base::to_json(*again) == printed, "JSON is printed as it parses");
  }
  return 0;
}
