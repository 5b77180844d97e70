// links: remote_write_objects Tocsin::testing
// libFuzzer target for bodies of remote_write: the first byte says whether the rest is packed or what is in it. A body
// is taken, taken in part, or refused, and what is told is what was taken.
#include <cmath>

#include "snappy.hpp"
#include "target.hpp"
#include "tocsin/testing/fake_host.hpp"

using namespace tsn::testing;
using fuzz::require;

namespace {

/// A block of literals only.
std::string packed(std::string_view text) {
  std::string out;
  for (auto left = text.size();; left >>= 7) {
    out += static_cast<char>(left >= 0x80 ? left | 0x80 : left);
    if (left < 0x80) break;
  }
  for (; !text.empty(); text.remove_prefix(std::min<std::size_t>(60, text.size()))) {
    const std::string_view piece = text.substr(0, 60);
    out += static_cast<char>((piece.size() - 1) << 2);
    out += piece;
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const bool plain = input.below(2) == 0;
  FakeHost host;
  host.max_series = 8;
  const auto source = host.create("remote_write");
  HttpRequest request;
  request.path = "/api/v1/write";
  request.headers = {{"content-encoding", "snappy"}, {"content-type", "application/x-protobuf"}};
  request.body = plain ? packed(input.rest()) : std::string(input.rest());
  if (plain) {
    std::string again;
    const char* why = nullptr;
    require(tocsin_plugins::remote_write::unpack_snappy(request.body, 1 << 24, again, why), "what is packed unpacks");
  }
  for (int round = 0; round < 2; ++round) {  // the second one finds the series of the first
    const Answer answer = source->handle(request);
    require(answer.status == TSN_OK, "a request is answered");
    const auto status = answer.response.status;
    require(status == 204 || status == 400, "a body is taken or refused");
    require((status == 204) == answer.response.body.empty(), "a refusal has a reason");
    for (const Row& row : host.rows()) {
      require(std::isfinite(row.value), "a row has a finite value");
      require(!row.name.empty(), "a row has a name");
    }
    require(host.violations().empty(), "the contract is kept");
    host.clear();
  }
  source->stop();
  return 0;
}
