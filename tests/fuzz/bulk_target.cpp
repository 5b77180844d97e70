// links: http_objects Tocsin::testing nlohmann_json::nlohmann_json
// libFuzzer target for the body of a bulk push: every item is taken or refused with its index, and the answer is JSON.
#include <cmath>
#include <nlohmann/json.hpp>

#include "target.hpp"
#include "tocsin/testing/fake_host.hpp"

using namespace tsn::testing;
using fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FakeHost host;
  host.max_series = 8;
  const auto source = host.create("http");
  require(source->start().status == TSN_OK, "the source starts");
  HttpRequest request;
  request.path = "/api/v1/signals/bulk";
  request.body.assign(reinterpret_cast<const char*>(data), size);
  for (int round = 0; round < 2; ++round) {  // the second one finds the series of the first
    const Answer answer = source->handle(request);
    require(answer.status == TSN_OK, "a request is answered");
    const auto told = nlohmann::json::parse(answer.response.body, nullptr, false);
    require(told.is_object(), "the answer is JSON");
    if (answer.response.status == 202) {
      const auto accepted = told["accepted"].get<std::size_t>();
      const auto body = nlohmann::json::parse(request.body, nullptr, false);
      if (body.is_object() && body.contains("signals") && body["signals"].is_array())
        require(
            accepted + told["rejected"].size() + told.value("rejected_more", std::size_t{0}) == body["signals"].size(),
            "every item is taken or refused");
      for (const auto& refused : told["rejected"])
        require(refused["index"].is_number_unsigned() && refused["error_type"].is_string(), "a refusal names its item");
      require(host.rows().size() == accepted, "what is told is what was taken");
    } else {
      require(answer.response.status == 400, "a body is taken or refused");
    }
    for (const Row& row : host.rows()) {
      require(row.summary || std::isfinite(row.value), "a row has a finite value");
      require(!row.name.empty(), "a row has a name");
    }
    require(host.violations().empty(), "the contract is kept");
    host.clear();
  }
  source->stop();
  return 0;
}
