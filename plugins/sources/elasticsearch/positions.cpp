#include "positions.hpp"

#include <charconv>

namespace tocsin_plugins::elasticsearch {
namespace {

constexpr std::string_view form = "elasticsearch/1\n";
constexpr std::int64_t latest = INT64_MAX / 1'000'000;  // what nanoseconds hold

}  // namespace

std::string written(const Positions& positions) {
  std::string out(form);
  for (const auto& [name, position] : positions) out += std::to_string(position) + " " + name + "\n";
  return out;
}

std::optional<Positions> read_positions(std::string_view block) {
  if (!block.starts_with(form)) return std::nullopt;
  block.remove_prefix(form.size());
  Positions out;
  while (!block.empty()) {
    const auto end = block.find('\n');
    if (end == block.npos) return std::nullopt;
    const auto line = block.substr(0, end);
    block.remove_prefix(end + 1);
    std::int64_t position = 0;
    const auto [rest, error] = std::from_chars(line.data(), line.data() + line.size(), position);
    const auto used = static_cast<std::size_t>(rest - line.data());
    if (error != std::errc() || used + 1 >= line.size() || line[used] != ' ' || position < 0 || position > latest)
      return std::nullopt;
    out[std::string(line.substr(used + 1))] = position;
  }
  return out;
}

}  // namespace tocsin_plugins::elasticsearch
