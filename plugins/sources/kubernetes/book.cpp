#include "book.hpp"

#include <algorithm>

namespace tocsin_plugins::kube {

bool Interner::find(const Fact& fact, tsn::Series& out) {
  views_.clear();
  for (const auto& [key, value] : fact.labels)
    if (!value.empty()) views_.emplace_back(key, value);
  const auto status = ctx_.try_series(fact.name, views_, out);
  if (status) return true;
  out = {};
  if (refused_++ == 0) name_ = fact.name, why_ = status.text();
  return false;
}

void Interner::report() {
  if (refused_ == 0) return;
  ctx_.count("series_refused", refused_);
  ctx_.reject({"cardinality", why_, name_, {}, {}, refused_});
  refused_ = 0;
}

void Book::tell(Told& told, tsn::Batch& out, tsn::Time now) {
  if (told.series.handle == 0 && !series_->find(told.fact, told.series)) return;
  const auto& fact = told.fact;
  const double value = fact.since ? static_cast<double>(std::max<tsn::Time>(0, now - fact.since)) / 1e9 : fact.value;
  const auto row = out.push(now, told.series, value);
  if (!fact.text.empty()) row.text(fact.text);
}

void Book::end(const Told& told, tsn::Batch& out, tsn::Time now) {
  if (told.series.handle) out.push(now, told.series, 0).flags(TSN_ROW_STALE);
}

void Book::apply(Object&& object, tsn::Batch& out, tsn::Time now) {
  auto& kept = objects_[object.key];
  kept.list = list_;
  std::vector<Told> fresh;
  fresh.reserve(object.facts.size());
  for (auto& fact : object.facts) {
    const bool twice = std::any_of(fresh.begin(), fresh.end(), [&](auto& one) { return one.fact.same_series(fact); });
    if (twice) continue;
    const auto before =
        std::find_if(kept.facts.begin(), kept.facts.end(), [&](const auto& one) { return one.fact.same_series(fact); });
    Told told{std::move(fact), {}};
    const bool known = before != kept.facts.end();
    if (known) told.series = before->series;
    if (!known || !told.fact.same_value(before->fact)) tell(told, out, now);
    if (known) kept.facts.erase(before);
    fresh.push_back(std::move(told));
  }
  for (const auto& gone : kept.facts) end(gone, out, now);
  kept.facts = std::move(fresh);
}

void Book::remove(const std::string& key, tsn::Batch& out, tsn::Time now) {
  const auto at = objects_.find(key);
  if (at == objects_.end()) return;
  for (const auto& gone : at->second.facts) end(gone, out, now);
  objects_.erase(at);
}

void Book::end_list(tsn::Batch& out, tsn::Time now) {
  for (auto at = objects_.begin(); at != objects_.end();) {
    if (at->second.list == list_) {
      ++at;
      continue;
    }
    for (const auto& gone : at->second.facts) end(gone, out, now);
    at = objects_.erase(at);
  }
}

bool Book::keep(const std::string& key) {
  const auto at = objects_.find(key);
  if (at == objects_.end()) return false;
  at->second.list = list_;
  return true;
}

void Book::write(tsn::Batch& out, tsn::Time now) {
  for (auto& [key, kept] : objects_)
    for (auto& told : kept.facts) tell(told, out, now);
}

}  // namespace tocsin_plugins::kube
