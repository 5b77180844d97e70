// links: otlp_objects Tocsin::testing
// libFuzzer target for bodies of otlp: the first byte says which signal, the second how it is encoded and packed. A
// body is taken, taken in part, or refused, and what is told is what was taken.
#include <cmath>

#include "target.hpp"
#include "tocsin/testing/fake_host.hpp"

using namespace tsn::testing;
using fuzz::require;

namespace {

constexpr const char* paths[] = {"/v1/metrics", "/v1/logs", "/v1/traces"};

void look_at(const Row& row) {
  require(!row.name.empty(), "a row has a name");
  if (row.summary) {
    const auto& s = *row.summary;
    require(std::isfinite(s.sum) && std::isfinite(s.avg) && s.count > 0, "a summary has finite numbers");
    require(s.min <= s.avg && s.avg <= s.max, "a summary's average lies between its limits");
  } else {
    require(std::isfinite(row.value), "a row has a finite value");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  FakeHost host;
  host.max_series = 64;
  auto config = tsn::Value::table();
  config.set("max_size", 1 << 20).set("max_operations", 4);
  const auto source = host.create("otlp", config);
  HttpRequest request;
  request.path = paths[input.below(3)];
  const auto way = input.below(6);
  request.headers = {{"content-type", way % 2 ? "application/json" : "application/x-protobuf"}};
  if (way >= 2) request.headers.emplace_back("content-encoding", way < 4 ? "gzip" : "zstd");
  request.body = std::string(input.rest());
  for (int round = 0; round < 2; ++round) {  // the second one finds what the first left
    const Answer answer = source->handle(request);
    require(answer.status == TSN_OK, "a request is answered");
    const auto status = answer.response.status;
    require(status == 200 || status == 400 || status == 413, "a body is taken or refused");
    require(status == 200 || !answer.response.body.empty(), "a refusal has a reason");
    require(status == 200 || host.rows().empty(), "of a refused body nothing is taken");
    for (const Row& row : host.rows()) look_at(row);
    require(host.violations().empty(), "the contract is kept");
    host.clear();
  }
  source->stop();
  return 0;
}
