#include "timestamp/zone.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "timestamp/timestamp.hpp"

namespace tocsin_plugins {
namespace {

constexpr const char* database = "/usr/share/zoneinfo/";
constexpr std::size_t header_bytes = 44;
constexpr std::size_t largest_file = 1u << 20;

std::int64_t big_endian(std::string_view bytes) {
  std::uint64_t value = (static_cast<unsigned char>(bytes[0]) & 0x80) ? ~std::uint64_t{0} : 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return static_cast<std::int64_t>(value);
}

/// RFC 8536, 3.1: the six counts of a header.
struct Counts {
  std::size_t isut, isstd, leaps, times, types, chars;

  static std::optional<Counts> read(std::string_view bytes) {
    if (bytes.size() < header_bytes || bytes.substr(0, 4) != "TZif") return std::nullopt;
    std::size_t n[6];
    for (std::size_t i = 0; i < 6; ++i) {
      n[i] = static_cast<std::size_t>(big_endian(bytes.substr(20 + 4 * i, 4)) & 0xffffffff);
      if (n[i] > largest_file) return std::nullopt;
    }
    return Counts{n[0], n[1], n[2], n[3], n[4], n[5]};
  }
  std::size_t block_bytes(std::size_t time_bytes) const {
    return times * time_bytes + times + types * 6 + chars + leaps * (time_bytes + 4) + isstd + isut;
  }
};

/// "+03", "+0300", "+03:00".
std::optional<std::int32_t> numeric_offset(std::string_view text) {
  const bool west = detail::take(text, '-');
  if (!west && !detail::take(text, '+')) return std::nullopt;
  const int hours = detail::take_digits(text, 2);
  detail::take(text, ':');
  const int minutes = text.empty() ? 0 : detail::take_digits(text, 2);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || !text.empty()) return std::nullopt;
  return (hours * 3600 + minutes * 60) * (west ? -1 : 1);
}

bool plain_name(std::string_view name) {
  const auto fits = [](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-' ||
           c == '+' || c == '/';
  };
  return !name.empty() && name.front() != '/' && std::all_of(name.begin(), name.end(), fits);
}

}  // namespace

Zone Zone::fixed(std::int32_t offset) {
  Zone zone;
  zone.first_ = offset;
  return zone;
}

std::optional<Zone> Zone::load(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::string bytes;
  bytes.resize(largest_file);
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  return read(bytes);
}

std::optional<Zone> Zone::find(std::string_view name, std::string& error) {
  if (name == "UTC" || name == "Z" || name == "utc") return Zone();
  if (const auto offset = numeric_offset(name)) return fixed(*offset);
  if (name.empty() || name == "local") {
    const char* tz = std::getenv("TZ");
    std::string wanted = tz ? tz : "/etc/localtime";
    if (wanted.starts_with(':')) wanted.erase(0, 1);
    if (wanted.starts_with('/')) {
      auto zone = load(wanted);
      return zone ? zone : Zone();  // as the C library does
    }
    if (wanted.empty()) return Zone();
    if (auto zone = find(wanted == "local" ? "UTC" : wanted, error)) return zone;
    if (auto rule = PosixZone::parse(wanted)) {
      Zone zone;
      zone.later_ = rule;
      error.clear();
      return zone;
    }
    error = "the environment variable TZ: " + error;
    return std::nullopt;
  }
  if (plain_name(name))
    if (auto zone = load(database + std::string(name))) return zone;
  error = "there is no time zone \"" + std::string(name.substr(0, 64)) + "\" in " + database +
          "; expected a name like Asia/Riyadh, UTC, local or +03:00 (and the package tzdata)";
  return std::nullopt;
}

std::optional<Zone> Zone::read(std::string_view bytes) {
  auto counts = Counts::read(bytes);
  if (!counts) return std::nullopt;
  std::size_t time_bytes = 4;
  const bool second_block = bytes[4] >= '2';
  bytes.remove_prefix(header_bytes);
  if (second_block) {  // the same again with 64 bits, then a footer
    if (bytes.size() < counts->block_bytes(4)) return std::nullopt;
    bytes.remove_prefix(counts->block_bytes(4));
    counts = Counts::read(bytes);
    if (!counts) return std::nullopt;
    bytes.remove_prefix(header_bytes);
    time_bytes = 8;
  }
  if (counts->types == 0 || bytes.size() < counts->block_bytes(time_bytes)) return std::nullopt;
  const auto indices = bytes.substr(counts->times * time_bytes, counts->times);
  const auto types = bytes.substr(counts->times * (time_bytes + 1), counts->types * 6);
  Zone zone;
  zone.first_ = static_cast<std::int32_t>(big_endian(types.substr(0, 4)));
  for (std::size_t i = 0; i < counts->times; ++i) {
    const auto type = static_cast<unsigned char>(indices[i]);
    const auto at = big_endian(bytes.substr(i * time_bytes, time_bytes));
    if (type >= counts->types || (i > 0 && at <= zone.changes_.back())) return std::nullopt;
    zone.changes_.push_back(at);
    zone.offsets_.push_back(static_cast<std::int32_t>(big_endian(types.substr(type * 6u, 4))));
  }
  if (second_block) {
    auto footer = bytes.substr(counts->block_bytes(8));
    if (footer.size() >= 2 && footer.front() == '\n')
      zone.later_ = PosixZone::parse(footer.substr(1, footer.find('\n', 1) - 1));
  }
  return zone;
}

std::int32_t Zone::offset_at(std::int64_t utc) const {
  if (later_ && (changes_.empty() || utc >= changes_.back())) return later_->offset_at(utc);
  const auto next = std::upper_bound(changes_.begin(), changes_.end(), utc);
  return next == changes_.begin() ? first_ : offsets_[static_cast<std::size_t>(next - changes_.begin()) - 1];
}

std::int64_t Zone::to_utc(std::int64_t local) const {
  if (changes_.empty() && !later_) return local - first_;
  const auto before = offset_at(local - 86400), after = offset_at(local + 86400);
  if (before == after || offset_at(local - before) == before) return local - before;
  return offset_at(local - after) == after ? local - after : local - before;
}

}  // namespace tocsin_plugins
