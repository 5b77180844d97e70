#include "write_request.hpp"

#include "protobuf_wire/wire.hpp"

namespace tocsin_plugins::remote_write {
using protobuf::bytes, protobuf::Field, protobuf::fixed64, protobuf::take_field, protobuf::varint;

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
