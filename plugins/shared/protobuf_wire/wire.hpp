// protobuf's wire format: a message is read field by field off its bytes, without a tree of objects and without a copy.
//
// Format: protobuf.dev/programming-guides/encoding. Groups, which proto3 has not, are an error. A reader passes over
// numbers that it does not know, and over known numbers with another wire type, as every protobuf library does.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

namespace tocsin_plugins::protobuf {

enum Wire : unsigned { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

/// A field of a message: its number, and its value as a number or bytes.
struct Field {
  std::uint64_t number = 0;
  unsigned type = 0;
  std::uint64_t value = 0;
  std::string_view content;

  bool is(std::uint64_t wanted, Wire wire) const noexcept { return number == wanted && type == wire; }
  double real() const noexcept { return std::bit_cast<double>(value); }
  std::int64_t integer() const noexcept { return static_cast<std::int64_t>(value); }
};

/// Each takes from the beginning of `rest`; false: it is not whole.
bool take_varint(std::string_view& rest, std::uint64_t& out);
bool take_fixed(std::string_view& rest, std::size_t size, std::uint64_t& out);
bool take_field(std::string_view& rest, Field& out);

/// sint32 and sint64.
constexpr std::int64_t unzigzag(std::uint64_t value) noexcept {
  return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}

/// Calls `each(field)`, which answers false to end with an error, for every field of `message`.
template <class Each>
bool each_field(std::string_view message, Each&& each) {
  Field field;
  while (!message.empty())
    if (!take_field(message, field) || !each(static_cast<const Field&>(field))) return false;
  return true;
}

/// A repeated number, packed or one by one: calls `each(value)` for what the field holds.
template <class Each>
bool each_number(const Field& field, Wire wire, Each&& each) {
  if (field.type == wire) return each(field.value), true;
  if (field.type != bytes) return true;
  std::uint64_t value = 0;
  for (auto rest = field.content; !rest.empty(); each(value))
    if (!(wire == varint ? take_varint(rest, value) : take_fixed(rest, wire == fixed64 ? 8 : 4, value))) return false;
  return true;
}

void put_varint(std::string& out, std::uint64_t value);
/// A field of varint type; a zero is left out, as proto3 does.
void put_number(std::string& out, unsigned number, std::uint64_t value);
void put_bytes(std::string& out, unsigned number, std::string_view content);

}  // namespace tocsin_plugins::protobuf
