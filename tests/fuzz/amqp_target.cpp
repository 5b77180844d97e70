// links: amqp_source_objects Tocsin::testing nlohmann_json::nlohmann_json
// libFuzzer target for the messages of the source amqp: the first byte chooses the format and how the body is packed,
// the second how the input is cut into two messages. A message is taken or refused whole; what is taken is a good row.
#include <cmath>
#include <memory>

#include "id_window.hpp"
#include "message_reader.hpp"
#include "target.hpp"
#include "tocsin/testing/fake_host.hpp"
#include "utf8/utf8.hpp"

using namespace tocsin_plugins::amqp;
using namespace tsn::testing;
using fuzz::require;

namespace {

constexpr const char* formats[] = {
    R"json({"format": "signals", "max_message": 65536})json",
    R"json({"format": "event", "fields": ["routing_key", "type", "header:h"], "max_age": 60000000000, "max_message": 65536,
      "event": {"signal": "/kind", "value": "/v", "time": "/at", "text": "/text", "labels": {"a": "/labels/a", "b": "/list/0"}}})json",
    R"json({"format": "event", "match": [{"signal": "any", "pattern": "(?s)(?<first>.)"}], "max_message": 65536})json",
    R"json({"format": "text", "match": [{"signal": "n", "pattern": "(?<v>[0-9.eE+-]+)", "value": "v"}, {"signal": "any", "pattern": "(?s)."}],
      "max_message": 65536})json"};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const auto choice = input.byte();
  const std::size_t first = input.byte();
  const bool packed = choice & 4;

  FakeHost host;
  host.max_series = 16;
  auto config = from_json(formats[choice & 3]);
  tsn_create create{};
  create.size = sizeof create;
  create.instance = host.register_instance();
  create.config = config.view();
  tsn::detail::Session session(host.table(), create);
  session.config = create.config;
  const tsn::detail::Entered entered(&session);
  MessageReader reader(tsn::Context(), tsn::Config(config.view()));

  std::uint64_t rows = 0;
  for (const std::string_view body : {input.bytes(first), input.rest()}) {
    Delivery message;
    message.body = body;
    message.routing_key = message.type = body.substr(0, 8);
    message.headers.emplace_back("h", body.substr(0, 4));
    message.timestamp = body.size() * 1'000'000;
    if (packed) message.content_encoding = choice & 8 ? "zstd" : "gzip";
    const auto poison = reader.take(message);
    const auto now = reader.batch().rows();
    require(now >= rows, "what came before stays");
    if (poison) {
      require(now == rows, "a message that is refused gives nothing");
      require(!poison->type.empty() && !poison->reason.empty(), "a refusal says why");
      reader.refuse(poison->type, poison->reason, {}, message.body);
    }
    rows = now;
  }
  require(reader.take_counts().signals == rows, "every row is counted");
  require(reader.batch().submit().status.is_ok(), "what came is handed over");
  reader.report_refusals();
  for (const Row& row : host.rows()) {
    require(row.summary || std::isfinite(row.value), "a row has a finite value");
    require(!row.name.empty(), "a row has a name");
    std::string scratch;
    require(tocsin_plugins::utf8::clean(row.text, scratch).data() == row.text.data(), "a text is UTF-8 without NUL");
  }
  require(host.violations().empty(), "the contract is kept");

  IdWindow ids(4);
  const std::string_view cursor(reinterpret_cast<const char*>(data), size);
  if (ids.load(cursor)) require(ids.size() <= 4, "a cursor of any size is bounded");
  return 0;
}
