#include "positions.hpp"

#include <charconv>

namespace tocsin_plugins::prometheus {
namespace {

constexpr std::string_view form = "prometheus/1\n";

}  // namespace

std::string written(const Positions& positions) {
  std::string out(form);
  for (const auto& [name, at] : positions) out += std::to_string(at) + ' ' + name + '\n';
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
    tsn::Time at = 0;
    const auto [rest, error] = std::from_chars(line.data(), line.data() + line.size(), at);
    const auto used = static_cast<std::size_t>(rest - line.data());
    if (error != std::errc() || at < 0 || used + 1 >= line.size() || line[used] != ' ') return std::nullopt;
    out[std::string(line.substr(used + 1))] = at;
  }
  return out;
}

}  // namespace tocsin_plugins::prometheus
