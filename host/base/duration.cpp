// Durations and sizes as text.
#include <charconv>
#include <limits>

#include "base/text.hpp"

namespace tocsin::base {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t ns;
};
// Largest first: a duration names each unit at most once, in this order.
constexpr Unit units[] = {
    {"w", 604'800'000'000'000},
    {"d", 86'400'000'000'000},
    {"h", 3'600'000'000'000},
    {"m", 60'000'000'000},
    {"s", 1'000'000'000},
    {"ms", 1'000'000},
    {"us", 1'000},
    {"ns", 1},
};

struct SizeUnit {
  std::string_view name;  // lower case
  std::uint64_t bytes;
};
constexpr SizeUnit size_units[] = {
    {"", 1},
    {"b", 1},
    {"kb", 1'000},
    {"mb", 1'000'000},
    {"gb", 1'000'000'000},
    {"tb", 1'000'000'000'000},
    {"kib", 1u << 10},
    {"mib", 1u << 20},
    {"gib", 1ull << 30},
    {"tib", 1ull << 40},
};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::unexpected<Error> bad_duration(std::string_view text, std::string_view why) {
  return fail(Fault::invalid, "\"" + std::string(text) + "\" is not a duration: " + std::string(why) +
                                  "; write it as 250ms, 30s, 5m, 1h30m, 7d or 1w");
}

std::unexpected<Error> bad_size(std::string_view text, std::string_view why) {
  return fail(Fault::invalid,
              "\"" + std::string(text) + "\" is not a size: " + std::string(why) + "; write it as 512, 64KiB or 10MB");
}

/// The index in `units` of the unit that begins `text`, or the count of units. Letters up to the next digit are one
/// unit.
std::size_t find_unit(std::string_view name) {
  std::size_t i = 0;
  while (i < std::size(units) && units[i].name != name) ++i;
  return i;
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  std::string_view rest = trim(text);
  if (rest.empty()) return bad_duration(text, "it is empty");
  if (rest == "0") return Duration(0);
  std::int64_t total = 0;
  std::size_t least = 0;  // the next unit must come after this one
  while (!rest.empty()) {
    std::int64_t count = 0;
    auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), count);
    if (!is_digit(rest.front())) return bad_duration(text, "a number is expected before each unit");
    if (error != std::errc()) return bad_duration(text, "it is too long");
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    std::size_t letters = 0;
    while (letters < rest.size() && !is_digit(rest[letters])) ++letters;
    if (letters == 0) return bad_duration(text, "the unit is missing");
    std::size_t unit = find_unit(rest.substr(0, letters));
    if (unit == std::size(units)) return bad_duration(text, "the units are w d h m s ms us ns");
    if (unit < least) return bad_duration(text, "units go from large to small, each once");
    least = unit + 1;
    std::int64_t part = 0;
    if (__builtin_mul_overflow(count, units[unit].ns, &part) || __builtin_add_overflow(total, part, &total)) {
      return bad_duration(text, "it is too long");
    }
    rest.remove_prefix(letters);
  }
  return Duration(total);
}

std::string format_duration(Duration d) {
  std::uint64_t left = static_cast<std::uint64_t>(d.count());
  std::string text;
  if (d.count() < 0) {
    text = "-";
    left = 0 - left;
  }
  if (left == 0) return "0s";
  for (const Unit& unit : units) {
    auto size = static_cast<std::uint64_t>(unit.ns);
    // A week is named only where it says it all: "1w", but "8d".
    if (left < size || (unit.name == "w" && left % size != 0)) continue;
    text += std::to_string(left / size);
    text += unit.name;
    left %= size;
  }
  return text;
}

Result<std::uint64_t> parse_size(std::string_view text) {
  std::string_view rest = trim(text);
  std::uint64_t count = 0;
  auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), count);
  if (error == std::errc::result_out_of_range) return bad_size(text, "it is too large");
  if (error != std::errc()) return bad_size(text, "it begins with no number");
  std::string unit = lower(trim(rest.substr(static_cast<std::size_t>(end - rest.data()))));
  for (const SizeUnit& known : size_units) {
    if (known.name != unit) continue;
    std::uint64_t bytes = 0;
    if (__builtin_mul_overflow(count, known.bytes, &bytes)) return bad_size(text, "it is too large");
    return bytes;
  }
  return bad_size(text, "the units are B kB MB GB TB (1000s) and KiB MiB GiB TiB (1024s)");
}

}  // namespace tocsin::base
