// links: logtail_objects Tocsin::testing PkgConfig::RE2
// libFuzzer target for lines of logs as `logtail` reads them: the first byte chooses a configuration, the rest is a
// file. Two choices more: a pattern (first line) on the other lines, and a checkpoint.
#include <re2/re2.h>

#include <cmath>

#include "checkpoint.hpp"
#include "log_match/pattern.hpp"
#include "row_writer.hpp"
#include "target.hpp"
#include "tocsin/testing/fake_host.hpp"
#include "utf8/utf8.hpp"

using namespace tocsin_plugins::logtail;
using namespace tocsin_plugins::log_match;
using namespace tsn::testing;
using fuzz::require;

namespace {

constexpr const char* configurations[] = {
    R"json({})json",
    R"json({"match": [{"signal": "auth.failure",
                       "pattern": "Failed password for (?:invalid user )?(?<user>.*?) from (?<ip>\\S+) port"}],
            "timestamp": {"format": "rfc3164", "zone": "+03:00"}, "max_age": 3600000000000})json",
    R"json({"match": [{"signal": "req", "pattern": "\"(?<method>[A-Z]+) .* (?<ms>[0-9.eE+-]+)$", "value": "ms",
                       "labels": {"a": "b"}},
                      {"signal": "any", "pattern": "."}], "timestamp": {"format": "clf", "zone": "UTC"}})json",
    R"json({"match": [{"signal": "n", "pattern": "(?<v>\\S*)", "value": "v"}],
            "timestamp": {"format": "epoch_ms"}})json",
    R"json({"timestamp": {"format": "%Y-%m-%d %H:%M:%S.%f %z"}})json",
    R"json({"timestamp": {"pattern": "ts=(?<ts>\\S+)", "format": "iso8601", "zone": "Asia/Riyadh"}})json",
    R"json({"timestamp": {"format": "%d/%b/%y %I:%M:%S %p"}})json",
    R"json({"timestamp": {"format": "epoch"}})json",
};

void lines(fuzz::Input& input, const char* configuration) {
  FakeHost host;
  host.max_series = 16;
  auto config = from_json(configuration);
  tsn_create create{};
  create.size = sizeof create;
  create.instance = host.register_instance();
  create.config = config.view();
  tsn::detail::Session session(host.table(), create);
  session.config = create.config;
  const tsn::detail::Entered entered(&session);
  std::unique_ptr<RowWriter> writer;
  writer = std::make_unique<RowWriter>(tsn::Context(), tsn::Config(config.view()),
                                       [&] { return writer->batch().submit().status.value() == TSN_OK; });
  writer->begin(host.now());
  const std::string file = "/var/log/a.log";
  std::optional<tsn::Time> last_time;
  std::uint64_t count = 0;
  while (input.left() > 0) {
    const fuzz::Exact text(input.line());
    require(writer->take({text.view(), file, count, ++count, last_time}), "a line is taken");
  }
  static_cast<void>(writer->batch().submit());
  for (const Row& row : host.rows()) {
    require(std::isfinite(row.value), "a value is finite");
    require(row.ts > 0, "a row has a time");
    require(row.text.size() <= RowWriter::most_text, "a text is cut");
    std::string scratch;
    require(tocsin_plugins::utf8::clean(row.text, scratch).data() == row.text.data(), "a text is UTF-8 without NUL");
  }
  const RowCounts counts = writer->take_counts();
  require(counts.matched + counts.unmatched == count, "every line is counted");
  require(host.violations().empty(), "the contract is kept");
}

void pattern(fuzz::Input& input) {
  std::string scratch;
  const std::string text(tocsin_plugins::utf8::clean(input.line().substr(0, 64), scratch));
  std::optional<Pattern> made;
  try {
    made.emplace(text, "p");
  } catch (const tsn::Failure&) {
    return;
  }
  re2::RE2::Options quiet;
  quiet.set_log_errors(false);
  quiet.set_max_mem(8 << 20);
  const re2::RE2 plain(translate_groups(text), quiet);
  require(plain.ok(), "a pattern that is taken is one");
  while (input.left() > 0) {
    const std::string line(tocsin_plugins::utf8::clean(input.line(), scratch));
    require(made->find(line) == re2::RE2::PartialMatch(line, plain), "no line is lost to the literal");
  }
}

void checkpoint(std::string_view bytes) {
  const auto made = Checkpoint::decode(bytes);
  if (!made) return;
  const auto again = Checkpoint::decode(made->encode(bytes.size() + 4096));
  require(again && again->files.size() == made->files.size() && again->written == made->written,
          "a checkpoint is written as it reads");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::uint32_t kind = input.below(std::size(configurations) + 2);
  if (kind < std::size(configurations)) return lines(input, configurations[kind]), 0;
  if (kind == std::size(configurations)) return pattern(input), 0;
  const fuzz::Exact bytes(input.rest());
  checkpoint(bytes.view());
  return 0;
}
