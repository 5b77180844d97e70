// links: statsd_objects Tocsin::testing
// libFuzzer target for StatsD's lines: each is added up, left out by its kind, or refused and counted, whatever the
// bytes; the first byte says how the rest is cut into pieces of a stream.
#include <cmath>

#include "aggregator.hpp"
#include "listeners/stream.hpp"
#include "target.hpp"
#include "tocsin/testing/fake_host.hpp"
#include "utf8/utf8.hpp"

using namespace tsn::testing;
using fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  FakeHost host;
  host.max_series = 8;
  auto config = from_json("{}");
  tsn_create create{};
  create.size = sizeof create;
  create.instance = host.register_instance();
  create.config = config.view();
  tsn::detail::Session session(host.table(), create);
  const tsn::detail::Entered entered(&session);
  tocsin_plugins::statsd::Aggregator lines{tsn::Context(), std::chrono::seconds(30)};
  tocsin_plugins::net::LineSplitter splitter(4096);
  const std::size_t piece = 1 + input.byte();
  std::uint64_t taken = 0, too_long = 0;
  const auto take = [&](std::string_view line) {
    if (!line.empty() && line != "\r") ++taken;
    const fuzz::Exact exact(line);
    lines.take(exact.view(), host.now());
  };
  while (input.left() > 0) splitter.take(input.bytes(piece), take, [&] { ++too_long, lines.refuse_too_long(); });
  splitter.end(take);
  tsn::Batch batch{tsn::Context()};
  lines.flush(batch, host.now());
  static_cast<void>(batch.submit());
  lines.report_refusals();

  const auto counts = lines.take_counts();
  require(counts.lines == taken, "every line is counted");
  std::uint64_t refused = 0;
  for (const auto& each : host.rejected()) {
    refused += each.count;
    std::string scratch;
    require(tocsin_plugins::utf8::clean(each.raw, scratch).data() == each.raw.data(), "what is told is UTF-8");
    require(!each.reason.empty(), "a refusal has a reason");
  }
  require(refused == counts.refused, "every refusal is told");
  require(counts.refused + counts.events + counts.service_checks <= taken + too_long, "nothing is counted twice");
  for (const Row& row : host.rows()) {
    require(row.summary || std::isfinite(row.value), "a row has a finite value");
    require(!row.name.empty(), "a row has a name");
  }
  require(host.violations().empty(), "the contract is kept");
  return 0;
}
