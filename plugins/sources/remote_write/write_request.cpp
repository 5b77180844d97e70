#include "write_request.hpp"

#include <cstring>

namespace tocsin_plugins::remote_write {
namespace {

enum : unsigned { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

/// A field of a message: its number, and its value as a number or bytes.
struct Field {
  std::uint64_t number = 0;
  unsigned type = 0;
  std::uint64_t value = 0;
  std::string_view content;
};

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

}  // namespace

/// The labels stand before the samples in one piece, as every encoder writes them; else they are gathered.
WriteRequest::Next WriteRequest::next(SeriesBytes& out, std::string& scratch) {
  Field field;
  while (!rest_.empty()) {
    if (!take_field(rest_, field)) return Next::error;
    if (field.number != 1 || field.type != bytes) continue;  // metadata, and what later versions add
    out = {{}, field.content, 0};
    const char *begin = nullptr, *end = nullptr;
    bool in_one_piece = true;
    scratch.clear();
    for (auto rest = field.content; !rest.empty();) {
      const auto* at = rest.data();
      Field part;
      if (!take_field(rest, part)) return Next::error;
      if (part.number == 4) ++out.histograms;
      if (part.number != 1) continue;
      if (begin && in_one_piece && end != at) in_one_piece = false, scratch.assign(begin, end);
      if (!begin) begin = at;
      end = rest.data();
      if (!in_one_piece) scratch.append(at, end);
    }
    out.labels = in_one_piece && begin ? std::string_view(begin, static_cast<std::size_t>(end - begin)) : scratch;
    return Next::series;
  }
  return Next::end;
}

Take take_sample(std::string_view& series, std::uint64_t& value, std::int64_t& ms) {
  Field field;
  while (!series.empty()) {
    if (!take_field(series, field)) return Take::error;
    if (field.number != 2 || field.type != bytes) continue;
    value = 0, ms = 0;  // proto3 leaves zeros out
    for (auto rest = field.content; !rest.empty();) {
      Field part;
      if (!take_field(rest, part)) return Take::error;
      if (part.number == 1 && part.type == fixed64) value = part.value;
      if (part.number == 2 && part.type == varint) ms = static_cast<std::int64_t>(part.value);
    }
    return Take::sample;
  }
  return Take::end;
}

bool read_labels(std::string_view encoded, std::vector<std::pair<std::string_view, std::string_view>>& out) {
  out.clear();
  Field field;
  while (!encoded.empty()) {
    if (!take_field(encoded, field) || field.type != bytes) return false;
    std::string_view name, value;
    for (auto rest = field.content; !rest.empty();) {
      Field part;
      if (!take_field(rest, part)) return false;
      if (part.number == 1 && part.type == bytes) name = part.content;
      if (part.number == 2 && part.type == bytes) value = part.content;
    }
    out.emplace_back(name, value);
  }
  return true;
}

}  // namespace tocsin_plugins::remote_write
