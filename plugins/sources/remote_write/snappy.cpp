#include "snappy.hpp"

#include <cstdint>

namespace tocsin_plugins::remote_write {
namespace {

bool take_length(std::string_view& rest, std::uint64_t& out) {
  out = 0;
  for (unsigned shift = 0; shift < 35 && !rest.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(rest.front());
    rest.remove_prefix(1);
    out |= std::uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return out <= UINT32_MAX;
  }
  return false;
}

/// `count` bytes, the lowest first.
bool take_little_endian(std::string_view& rest, unsigned count, std::uint64_t& out) {
  if (rest.size() < count) return false;
  out = 0;
  for (unsigned i = 0; i < count; ++i) out |= std::uint64_t{static_cast<unsigned char>(rest[i])} << (8 * i);
  rest.remove_prefix(count);
  return true;
}

bool literal(std::string_view& rest, unsigned tag, std::size_t whole, std::string& out) {
  std::uint64_t length = tag >> 2;
  if (length >= 60 && !take_little_endian(rest, static_cast<unsigned>(length - 59), length)) return false;
  ++length;
  if (length > rest.size() || length > whole - out.size()) return false;
  out.append(rest.substr(0, length));
  rest.remove_prefix(length);
  return true;
}

bool copy(std::string_view& rest, unsigned tag, std::size_t whole, std::string& out) {
  std::uint64_t length = (tag >> 2) + 1, offset = 0;
  if ((tag & 3) == 1) {
    length = ((tag >> 2) & 7) + 4;
    if (!take_little_endian(rest, 1, offset)) return false;
    offset |= std::uint64_t{tag >> 5} << 8;
  } else if (!take_little_endian(rest, (tag & 3) == 2 ? 2 : 4, offset)) {
    return false;
  }
  if (offset == 0 || offset > out.size() || length > whole - out.size()) return false;
  // What is copied may reach into what it writes: a short pattern repeats itself.
  for (auto from = out.size() - offset; length > 0; --length) out += out[from++];
  return true;
}

}  // namespace

bool unpack_snappy(std::string_view packed, std::size_t most, std::string& out, const char*& why) {
  out.clear();
  std::uint64_t whole = 0;
  why = "the body is no whole snappy block";
  if (!take_length(packed, whole)) return false;
  if (whole > most) return why = "the body unpacks to more than max_size", false;
  // A block grows by 64 bytes for each 2 at most: a length beyond that is a lie, and memory for it is not given.
  if (whole > packed.size() * 64) return false;
  out.reserve(whole);
  while (!packed.empty()) {
    const unsigned tag = static_cast<unsigned char>(packed.front());
    packed.remove_prefix(1);
    if (!((tag & 3) == 0 ? literal(packed, tag, whole, out) : copy(packed, tag, whole, out))) return false;
  }
  return out.size() == whole;
}

}  // namespace tocsin_plugins::remote_write
