#include "storage/sqlite/chunk.hpp"

#include <bit>
#include <cmath>
#include <cstring>
#include <iterator>
#include <limits>

#include "storage/crc32c.hpp"

namespace tocsin::storage::sqlite {
namespace {

constexpr std::uint8_t with_summaries = 1, with_forms = 2;
constexpr double powers_of_ten[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};
constexpr unsigned most_places = std::size(powers_of_ten) - 1;
/// Beyond it doubles are further apart than one.
constexpr double largest_whole = 9007199254740992;
constexpr unsigned longest_run = 64;

void put_varint(std::string& out, std::uint64_t v) {
  char buffer[10];
  std::size_t n = 0;
  for (; v >= 0x80; v >>= 7) buffer[n++] = static_cast<char>(v | 0x80);
  buffer[n++] = static_cast<char>(v);
  out.append(buffer, n);
}
// Differences wrap: the arithmetic is on unsigned numbers, so any two times can stand beside each other.
std::uint64_t zigzag(std::uint64_t v) {
  return (v << 1) ^ (0 - (v >> 63));
}
std::uint64_t unzigzag(std::uint64_t v) {
  return (v >> 1) ^ (0 - (v & 1));
}

void put_times(std::string& out, std::span<const Sample> samples) {
  std::uint64_t before = 0, step = 0;
  for (std::size_t i = 0; i < samples.size();) {
    const auto ts = static_cast<std::uint64_t>(samples[i].ts);
    const std::uint64_t change = ts - before - step;
    put_varint(out, zigzag(change));
    step = i == 0 ? 0 : ts - before;
    before = ts;
    ++i;
    if (change != 0) continue;
    std::uint64_t zeros = 0;
    for (; i < samples.size() && static_cast<std::uint64_t>(samples[i].ts) - before == step; ++i, ++zeros)
      before += step;
    put_varint(out, zeros);
  }
}

/// `at(i)` is the i-th value.
template <class At>
void put_values(std::string& out, std::size_t count, At at) {
  std::uint64_t before = 0;
  for (std::size_t i = 0; i < count;) {
    const auto bits = std::bit_cast<std::uint64_t>(at(i));
    const std::uint64_t change = bits ^ before;
    if (change == 0) {
      unsigned run = 1;
      while (run < longest_run && i + run < count && std::bit_cast<std::uint64_t>(at(i + run)) == before) ++run;
      out += static_cast<char>(0x80 + run - 1);
      i += run;
      continue;
    }
    const auto left = static_cast<unsigned>(std::countl_zero(change)) / 8;
    const auto right = static_cast<unsigned>(std::countr_zero(change)) / 8;
    const std::uint64_t middle = change >> (right * 8);
    char buffer[9];
    buffer[0] = static_cast<char>(left << 4 | right);
    std::memcpy(buffer + 1, &middle, 8);
    out.append(buffer, 1 + 8 - left - right);
    before = bits;
    ++i;
  }
}

/// Whether the value is `scaled` / 10^places, to the last bit.
bool decimal(double value, unsigned places, std::int64_t& scaled) {
  const double whole = std::nearbyint(value * powers_of_ten[places]);
  if (!(std::fabs(whole) <= largest_whole)) return false;
  scaled = static_cast<std::int64_t>(whole);
  return std::bit_cast<std::uint64_t>(static_cast<double>(scaled) / powers_of_ten[places]) ==
         std::bit_cast<std::uint64_t>(value);
}

/// How many places all of them have; more than most_places: they are no decimals.
template <class At>
unsigned places_of(std::size_t count, At at) {
  unsigned places = 0;
  std::size_t held = 0;  // so many values before the one that raised the scale: it may not hold them
  std::int64_t scaled = 0;
  for (std::size_t i = 0; i < count; ++i) {
    while (!decimal(at(i), places, scaled)) {
      if (++places > most_places) return places;
      held = i;
    }
  }
  for (std::size_t i = 0; i < held; ++i)
    if (!decimal(at(i), places, scaled)) return most_places + 1;
  return places;
}

template <class At>
void put_decimals(std::string& out, std::size_t count, unsigned places, At at) {
  std::uint64_t before = 0, zeros = 0;
  bool run = false;
  for (std::size_t i = 0; i < count; ++i) {
    std::int64_t scaled = 0;
    decimal(at(i), places, scaled);
    const std::uint64_t change = static_cast<std::uint64_t>(scaled) - before;
    before = static_cast<std::uint64_t>(scaled);
    if (run && change == 0) {
      ++zeros;
      continue;
    }
    if (run) put_varint(out, zeros);
    put_varint(out, zigzag(change));
    run = change == 0, zeros = 0;
  }
  if (run) put_varint(out, zeros);
}

/// The form, and the values in it.
template <class At>
void put_column(std::string& out, std::size_t count, At at) {
  const std::size_t begin = out.size();
  if (const unsigned places = places_of(count, at); places <= most_places) {
    out += static_cast<char>(1 + places);
    put_decimals(out, count, places, at);
    // XOR needs two bytes for a value that moved, one for a run: it can win only from here on.
    if (out.size() - begin <= 2 * count) return;
    std::string other(1, '\0');
    put_values(other, count, at);
    if (other.size() < out.size() - begin) out.replace(begin, std::string::npos, other);
    return;
  }
  out += '\0';
  put_values(out, count, at);
}

/// Takes off the front; reads nothing past the end, and is bad() from then on.
class Taker {
 public:
  explicit Taker(std::string_view bytes) : p_(bytes.data()), end_(bytes.data() + bytes.size()) {}
  std::uint8_t byte() {
    if (p_ == end_) return bad_ = true, 0;
    return static_cast<std::uint8_t>(*p_++);
  }
  std::uint64_t varint() {
    std::uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::uint8_t b = byte();
      v |= std::uint64_t{b & 0x7fu} << shift;
      if (b < 0x80) return v;
    }
    bad_ = true;
    return 0;
  }
  std::uint64_t bytes(unsigned n) {
    std::uint64_t v = 0;
    if (static_cast<std::size_t>(end_ - p_) < n) return bad_ = true, 0;
    std::memcpy(&v, p_, n);
    p_ += n;
    return v;
  }
  bool bad() const { return bad_; }
  bool empty() const { return p_ == end_; }

 private:
  const char* p_;
  const char* end_;
  bool bad_ = false;
};

bool take_times(Taker& in, std::span<Sample> out) {
  std::uint64_t before = 0, step = 0;
  for (std::size_t i = 0; i < out.size();) {
    const std::uint64_t change = unzigzag(in.varint());
    const std::uint64_t ts = before + step + change;
    step = i == 0 ? 0 : ts - before;
    before = ts;
    out[i++].ts = static_cast<std::int64_t>(ts);
    if (in.bad()) return false;
    if (change != 0) continue;
    const std::uint64_t zeros = in.varint();
    if (in.bad() || zeros > out.size() - i) return false;
    for (const std::size_t stop = i + zeros; i < stop; ++i) out[i].ts = static_cast<std::int64_t>(before += step);
  }
  return true;
}

/// `set(i, v)` takes the i-th value.
template <class Set>
bool take_values(Taker& in, std::size_t count, Set set) {
  std::uint64_t before = 0;
  for (std::size_t i = 0; i < count;) {
    const std::uint8_t control = in.byte();
    if (control & 0x80) {
      const std::size_t run = (control & 0x7fu) + 1u;
      if (run > count - i) return false;
      for (const std::size_t stop = i + run; i < stop; ++i) set(i, std::bit_cast<double>(before));
      continue;
    }
    const unsigned left = control >> 4, right = control & 7u;
    if (left + right > 7) return false;
    before ^= in.bytes(8 - left - right) << (right * 8);
    if (in.bad()) return false;
    set(i++, std::bit_cast<double>(before));
  }
  return !in.bad();
}

template <class Set>
bool take_decimals(Taker& in, std::size_t count, unsigned places, Set set) {
  std::uint64_t before = 0;
  const auto value = [&] { return static_cast<double>(static_cast<std::int64_t>(before)) / powers_of_ten[places]; };
  for (std::size_t i = 0; i < count;) {
    const std::uint64_t change = unzigzag(in.varint());
    before += change;
    if (in.bad()) return false;
    set(i++, value());
    if (change != 0) continue;
    const std::uint64_t zeros = in.varint();
    if (in.bad() || zeros > count - i) return false;
    for (const std::size_t stop = i + zeros; i < stop; ++i) set(i, value());
  }
  return true;
}

template <class Set>
bool take_column(Taker& in, bool forms, std::size_t count, Set set) {
  const std::uint8_t form = forms ? in.byte() : 0;
  if (in.bad() || form > 1 + most_places) return false;
  return form == 0 ? take_values(in, count, set) : take_decimals(in, count, form - 1u, set);
}

constexpr double model::Summary::* summary_columns[] = {
    &model::Summary::count, &model::Summary::min, &model::Summary::max, &model::Summary::avg, &model::Summary::sum};

bool take_columns(Taker& in, std::uint8_t flags, std::span<Sample> samples, std::vector<model::Summary>& out,
                  std::size_t first) {
  if (!take_times(in, samples)) return false;
  const bool forms = (flags & with_forms) != 0;
  if (!take_column(in, forms, samples.size(), [&](std::size_t i, double v) { samples[i].value = v; })) return false;
  if (!(flags & with_summaries)) return in.empty();
  for (auto column : summary_columns)
    if (!take_column(in, forms, samples.size(), [&](std::size_t i, double v) { out[first + i].*column = v; }))
      return false;
  return in.empty();
}

}  // namespace

model::Summary no_summary() {
  return {std::numeric_limits<double>::quiet_NaN(), 0, 0, 0, 0};
}
bool has_summary(const model::Summary& s) {
  return !std::isnan(s.count);
}

std::string encode_chunk(std::span<const Sample> samples, std::span<const model::Summary> summaries) {
  std::string out;
  out.reserve(64 + samples.size() * 9);
  out += static_cast<char>(with_forms | (summaries.empty() ? 0 : with_summaries));
  put_varint(out, samples.size());
  put_times(out, samples);
  put_column(out, samples.size(), [&](std::size_t i) { return samples[i].value; });
  if (!summaries.empty())
    for (auto column : summary_columns)
      put_column(out, samples.size(), [&](std::size_t i) { return summaries[i].*column; });
  const std::uint32_t crc = crc32c(0, out.data(), out.size());
  out.append(reinterpret_cast<const char*>(&crc), sizeof crc);
  out.shrink_to_fit();
  return out;
}

base::Result<void> decode_chunk(std::string_view bytes, Chunk& out) {
  const auto damaged = [] { return base::fail(base::Fault::corrupt, "store: a history chunk is damaged"); };
  std::uint32_t crc = 0;
  if (bytes.size() < sizeof crc + 2) return damaged();
  std::memcpy(&crc, bytes.data() + bytes.size() - sizeof crc, sizeof crc);
  bytes.remove_suffix(sizeof crc);
  if (crc32c(0, bytes.data(), bytes.size()) != crc) return damaged();
  Taker in(bytes);
  const std::uint8_t flags = in.byte();
  const std::uint64_t count = in.varint();
  if (in.bad() || flags > (with_summaries | with_forms) || count > chunk_samples) return damaged();
  const std::size_t first = out.samples.size();
  const bool had_summaries = !out.summaries.empty();
  out.samples.resize(first + count);
  const bool summaries = (flags & with_summaries) != 0;
  if (summaries || had_summaries) out.summaries.resize(first + count, no_summary());
  if (take_columns(in, flags, std::span(out.samples).subspan(first), out.summaries, first)) return {};
  out.samples.resize(first);
  out.summaries.resize(had_summaries ? first : 0);
  return damaged();
}

}  // namespace tocsin::storage::sqlite
