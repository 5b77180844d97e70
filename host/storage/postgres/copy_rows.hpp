// Rows in the binary form of COPY (PostgreSQL's documentation, "COPY", "Binary Format").
#pragma once

#include <bit>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace tocsin::storage::postgres {

class CopyRows {
 public:
  explicit CopyRows(std::string& to) : to_(to) {}

  void begin() {
    using namespace std::string_view_literals;
    to_ += "PGCOPY\n\377\r\n\0"sv;
    put<std::uint32_t>(0);  // flags
    put<std::uint32_t>(0);  // length of the header's extension
  }
  void row(std::int16_t fields) { put(static_cast<std::uint16_t>(fields)); }
  void null() { put<std::uint32_t>(0xffffffff); }
  void int4(std::int32_t v) { field(static_cast<std::uint32_t>(v)); }
  void int8(std::int64_t v) { field(static_cast<std::uint64_t>(v)); }
  void float8(double v) { field(std::bit_cast<std::uint64_t>(v)); }
  /// Microseconds since 1970; a timestamptz counts from 2000.
  void timestamptz(std::int64_t us) { int8(us - 946'684'800'000'000); }
  /// A float8[] without NULLs.
  void float8s(std::initializer_list<double> values) {
    constexpr std::uint32_t float8_type = 701, head = 5 * 4, element = 4 + 8;
    const auto n = static_cast<std::uint32_t>(values.size());
    put(head + n * element);
    // Dimensions, no NULLs, the elements' type, how many, the first index.
    for (const std::uint32_t v : {1u, 0u, float8_type, n, 1u}) put(v);
    for (const double v : values) float8(v);
  }
  void end() { put<std::uint16_t>(0xffff); }

 private:
  template <class T>
  void field(T v) {
    put(static_cast<std::uint32_t>(sizeof v));
    put(v);
  }
  template <class T>
  void put(T v) {
    if constexpr (std::endian::native == std::endian::little) v = std::byteswap(v);
    to_.append(reinterpret_cast<const char*>(&v), sizeof v);
  }

  std::string& to_;
};

}  // namespace tocsin::storage::postgres
