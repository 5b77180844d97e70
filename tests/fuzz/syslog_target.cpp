// links: syslog_objects Tocsin::testing
// libFuzzer target for syslog: the first byte says how the rest is cut into pieces of a stream, the second the longest
// message. The pieces give the messages of the whole, and each message is a signal whatever its bytes.
#include <vector>

#include "framer.hpp"
#include "record_writer.hpp"
#include "target.hpp"
#include "tocsin/testing/fake_host.hpp"
#include "utf8/utf8.hpp"

using namespace tocsin_plugins::syslog;
using namespace tsn::testing;
using fuzz::require;

namespace {

std::vector<std::string> messages_of(std::string_view stream, std::size_t piece, std::size_t most) {
  std::vector<std::string> all;
  Framer framer(most, [&](std::string_view message, bool) {
    require(message.size() <= most, "a message is cut");
    all.emplace_back(message);
  });
  for (std::size_t at = 0; at < stream.size(); at += piece) framer.take(stream.substr(at, piece));
  framer.end();
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::size_t piece = 1 + input.byte(), most = 16 + input.byte() * 4u;
  const std::string_view stream = input.rest();
  const auto messages = messages_of(stream, piece, most);
  require(messages == messages_of(stream, stream.size() + 1, most), "pieces give the messages of the whole");

  FakeHost host;
  host.max_series = 16;
  auto config =
      from_json(R"json({"fields": ["severity", "app", "host", "procid", "msgid"], "structured_data": ["*", "meta"],
    "zone": "Asia/Riyadh", "max_age": 3600000000000,
    "match": [{"signal": "any", "pattern": "(?s)."}]})json");
  tsn_create create{};
  create.size = sizeof create;
  create.instance = host.register_instance();
  create.config = config.view();
  tsn::detail::Session session(host.table(), create);
  session.config = create.config;
  const tsn::detail::Entered entered(&session);
  RecordWriter records(tsn::Context(), tsn::Config(config.view()));
  for (const auto& message : messages) {
    const fuzz::Exact exact(message);
    records.take(exact.view(), false, "10.0.0.1");
  }
  require(records.submit().is_ok(), "what came is handed over");
  const RecordCounts counts = records.take_counts();
  require(counts.matched + counts.unmatched == counts.messages, "every message is counted");
  require(host.rows().size() + counts.refused == counts.matched, "and is a signal or refused");
  for (const Row& row : host.rows()) {
    require(row.ts > 0 && row.ts <= host.now() + RecordWriter::clock_slack, "a row has a time that is not ahead");
    std::string scratch;
    require(tocsin_plugins::utf8::clean(row.text, scratch).data() == row.text.data(), "a text is UTF-8 without NUL");
    for (const auto& [name, value] : row.labels)
      require(!name.empty() && value.size() <= 1024, "a label has a name and is bounded");
  }
  require(host.violations().empty(), "the contract is kept");
  return 0;
}
