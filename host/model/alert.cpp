#include "model/alert.hpp"

#include "base/id.hpp"
#include "model/words.hpp"

namespace tocsin::model {
namespace {

constexpr std::array<std::string_view, 4> states{"inactive", "pending", "firing", "resolved"};

}  // namespace

std::string_view to_string(AlertState state) {
  return states[static_cast<std::size_t>(state)];
}
base::Result<AlertState> parse_alert_state(std::string_view text) {
  return parse_word<AlertState>(text, states, 0, "an alert state");
}

std::string alert_title(std::string_view rule, const Labels& group) {
  std::string title(rule);
  bool first = true;
  for (const auto& [name, value] : group) {
    title += first ? " " : ", ";
    title += name + '=' + value;
    first = false;
  }
  return title;
}

std::string alert_id(std::string_view rule, const Labels& labels, base::Time active_at) {
  base::Fnv1a hash;
  hash.add(rule).add_byte(0xff);
  for (const auto& [name, value] : labels) hash.add(name).add_byte(0xff).add(value).add_byte(0xff);
  // Byte by byte from the lowest, so that agents of any byte order give the same id.
  auto ns = static_cast<std::uint64_t>(base::to_ns(active_at));
  for (int shift = 0; shift < 64; shift += 8) hash.add_byte(static_cast<unsigned char>(ns >> shift));
  return base::hex16(hash.value());
}

}  // namespace tocsin::model
