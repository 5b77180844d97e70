#include "cursors.hpp"

#include <charconv>

namespace tocsin_plugins::sql {
namespace {

constexpr std::string_view form = "sql/1\n";

void append(std::string& out, const std::string& text) {
  out += std::to_string(text.size());
  out += ':';
  out += text;
}

bool take(std::string_view& block, std::string& out) {
  std::size_t size = 0;
  const auto [end, error] = std::from_chars(block.data(), block.data() + block.size(), size);
  if (error != std::errc()) return false;
  block.remove_prefix(static_cast<std::size_t>(end - block.data()));
  if (!block.starts_with(':') || block.size() - 1 < size) return false;
  out = block.substr(1, size);
  block.remove_prefix(1 + size);
  return true;
}

}  // namespace

std::string written(const Cursors& cursors) {
  std::string out(form);
  for (const auto& [loader, value] : cursors) {
    append(out, loader);
    append(out, value);
  }
  return out;
}

std::optional<Cursors> read_cursors(std::string_view block) {
  if (!block.starts_with(form)) return std::nullopt;
  block.remove_prefix(form.size());
  Cursors out;
  while (!block.empty()) {
    std::string loader, value;
    if (!take(block, loader) || !take(block, value)) return std::nullopt;
    out[std::move(loader)] = std::move(value);
  }
  return out;
}

}  // namespace tocsin_plugins::sql
