// links: tocsin_timestamp
// libFuzzer target for timestamps of lines: a format (first line) reads the rest; and for time zones, TZif files and
// POSIX rules. The first byte chooses.
#include "target.hpp"
#include "timestamp/time_format.hpp"
#include "timestamp/timestamp.hpp"

using namespace tocsin_plugins;
using fuzz::require;

namespace {

constexpr std::int64_t now = 1'795'168'800'000'000'000;

void formats(fuzz::Input& input) {
  const std::string_view name = input.line();
  std::string error;
  const auto format = TimeFormat::make(name, Zone::fixed(10'800), error);
  if (!format) return require(!error.empty(), "a refusal says why");
  while (input.left() > 0) {
    const fuzz::Exact line(input.line());
    std::string_view rest = "unset";
    const auto at = format->read(line.view(), now, &rest);
    if (!at) continue;
    require(*at >= -14 * 3600 * 1'000'000'000LL, "a time is one of the years 1970 to 2261");
    require(rest.data() >= line.view().data() && rest.data() + rest.size() == line.view().data() + line.view().size(),
            "what follows a time is the end of its line");
  }
}

void use(const Zone& zone, fuzz::Input input) {
  for (int i = 0; i < 8; ++i) {
    const std::int64_t at = input.take<std::int64_t>() % (300LL * 366 * 86400);
    static_cast<void>(zone.offset_at(at));
    static_cast<void>(zone.to_utc(at));
  }
}

void numbers(fuzz::Input& input) {
  static_cast<void>(time_from_integer(input.take<std::int64_t>()));
  static_cast<void>(time_from_number(input.take<double>()));
  const fuzz::Exact text(input.rest());
  if (const auto at = parse_rfc3339(text.view())) require(*at > -86'400'000'000'000, "a time is not before 1970");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  switch (input.below(4)) {
    case 0:
      formats(input);
      break;
    case 1:
      numbers(input);
      break;
    case 2: {
      const fuzz::Input times = input;
      const fuzz::Exact bytes(input.rest());
      if (const auto zone = Zone::read(bytes.view())) use(*zone, times);
      break;
    }
    default: {
      const fuzz::Input times = input;
      const fuzz::Exact text(input.rest());
      if (const auto rule = PosixZone::parse(text.view())) {
        fuzz::Input at = times;
        for (int i = 0; i < 8; ++i)
          require(std::abs(rule->offset_at(at.take<std::int64_t>() % (300LL * 366 * 86400))) <= 25 * 3600,
                  "an offset is within a day");
      }
    }
  }
  return 0;
}
