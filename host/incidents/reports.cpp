#include "incidents/reports.hpp"

#include <bit>

namespace tocsin::incidents {
namespace {

constexpr double oldest_weight = 0.8, newest_weight = 1.2;

std::uint64_t shifted(std::uint64_t bits, std::int64_t by) {
  return by >= 64 ? 0 : bits << by;
}
std::uint64_t ones(std::int64_t count) {
  return count >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
}
std::int64_t number_at(base::Time at, base::Duration every) {
  return base::to_ns(at) / every.count();
}

}  // namespace

Reports::Reports(base::Duration every, base::Time at) : every_(every), newest_(number_at(at, every)) {}

std::optional<Reports> Reports::from_row(const std::vector<std::uint64_t>& row) {
  if (row.size() != 5 || static_cast<std::int64_t>(row[0]) <= 0) return std::nullopt;
  Reports out(base::Duration(static_cast<std::int64_t>(row[0])), base::no_time);
  out.newest_ = static_cast<std::int64_t>(row[1]);
  out.changed_ = row[2];
  out.fired_ = row[3];
  out.firing_ = (row[4] & 1) != 0;
  out.changing_ = (row[4] & 2) != 0;
  out.flapping = (row[4] & 4) != 0;
  return out;
}

std::vector<std::uint64_t> Reports::to_row() const {
  const std::uint64_t flags = (firing_ ? 1u : 0u) | (changing_ ? 2u : 0u) | (flapping ? 4u : 0u);
  return {static_cast<std::uint64_t>(every_.count()), static_cast<std::uint64_t>(newest_), changed_, fired_, flags};
}

void Reports::look(base::Time at) {
  const std::int64_t passed = number_at(at, every_) - newest_;
  if (passed <= 0) return;
  changed_ = shifted(changed_ << 1 | (changing_ ? 1 : 0), passed - 1);
  fired_ = shifted(fired_, passed) | (firing_ ? ones(passed) : 0);
  changing_ = false;
  newest_ += passed;
}

bool Reports::learn(bool firing, base::Time at) {
  look(at);
  if (firing == firing_) return false;
  firing_ = firing;
  changing_ = true;
  return true;
}

double Reports::percent() const {
  const std::uint64_t bits = changed_ << 1 | (changing_ ? 1 : 0);
  double sum = 0;
  for (unsigned age = 0; age < judged; ++age) {
    if ((bits >> age & 1) != 0) sum += newest_weight - (newest_weight - oldest_weight) * age / (judged - 1);
  }
  return sum * 100 / judged;
}

unsigned Reports::fired(unsigned n) const {
  return static_cast<unsigned>(std::popcount(fired_ & ones(n)));
}

bool Reports::blank() const {
  return !firing_ && !changing_ && ((changed_ | fired_) & ones(most)) == 0;
}

base::Time Reports::fires_enough(unsigned m, unsigned n) const {
  Reports later = *this;
  while (later.firing_ && later.fired(n) < m) later.look(number(later.newest_ + 1));
  return number(later.newest_);
}

base::Time Reports::settles(double below) const {
  Reports later = *this;
  // After so many nothing of it is left.
  for (unsigned i = 0; later.percent() >= below && i <= judged; ++i) later.look(number(later.newest_ + 1));
  return number(later.newest_);
}

}  // namespace tocsin::incidents
