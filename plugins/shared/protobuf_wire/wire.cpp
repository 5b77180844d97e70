#include "protobuf_wire/wire.hpp"

#include <cstring>

namespace tocsin_plugins::protobuf {

bool take_varint(std::string_view& rest, std::uint64_t& out) {
  out = 0;
  for (unsigned shift = 0; shift < 64 && !rest.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(rest.front());
    rest.remove_prefix(1);
    out |= std::uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

bool take_fixed(std::string_view& rest, std::size_t size, std::uint64_t& out) {
  if (rest.size() < size) return false;
  out = 0;
  std::memcpy(&out, rest.data(), size);  // little endian, as this machine is
  rest.remove_prefix(size);
  return true;
}

bool take_field(std::string_view& rest, Field& out) {
  std::uint64_t key = 0;
  if (!take_varint(rest, key)) return false;
  out.number = key >> 3;
  out.type = static_cast<unsigned>(key & 7);
  if (out.number == 0) return false;
  switch (out.type) {
    case varint:
      return take_varint(rest, out.value);
    case fixed64:
      return take_fixed(rest, 8, out.value);
    case fixed32:
      return take_fixed(rest, 4, out.value);
    case bytes:
      if (!take_varint(rest, out.value) || out.value > rest.size()) return false;
      out.content = rest.substr(0, out.value);
      rest.remove_prefix(out.value);
      return true;
    default:
      return false;  // groups, which proto3 has not
  }
}

void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

void put_number(std::string& out, unsigned number, std::uint64_t value) {
  if (value == 0) return;
  put_varint(out, number << 3 | varint);
  put_varint(out, value);
}

void put_bytes(std::string& out, unsigned number, std::string_view content) {
  put_varint(out, number << 3 | bytes);
  put_varint(out, content.size());
  out += content;
}

}  // namespace tocsin_plugins::protobuf
