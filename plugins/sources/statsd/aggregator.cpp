#include "aggregator.hpp"

#include <algorithm>
#include <cmath>

#include "utf8/utf8.hpp"

namespace tocsin_plugins::statsd {
namespace {

/// A tag's key as a label's name, which rules can select: letters, digits and _.
std::string label_of(std::string_view key) {
  std::string made(key);
  std::replace_if(
      made.begin(), made.end(),
      [](char c) { return !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'); },
      '_');
  if (made.front() >= '0' && made.front() <= '9') made.insert(made.begin(), '_');
  return made;
}

/// Checked before the line makes a series.
bool readable(const Line& line) {
  Value value;
  for (auto values = line.values; line.kind != Kind::set && !values.empty();)
    if (!take_value(values, value)) return false;
  return true;
}

const char* kind_name(Kind kind) {
  constexpr const char* names[] = {"counter", "gauge", "timer", "set"};
  return names[static_cast<std::size_t>(kind)];
}

}  // namespace

void Aggregator::take(std::string_view raw, tsn::Time now) {
  if (raw.ends_with('\r')) raw.remove_suffix(1);
  if (raw.empty()) return;
  ++counts_.lines;
  const Line line = parse_line(raw);
  switch (line.what) {
    case Line::What::event:
      ++counts_.events;
      return;
    case Line::What::service_check:
      ++counts_.service_checks;
      return;
    case Line::What::bad:
      return refuse(line.fault, line.reason, {}, raw);
    case Line::What::metric:
      break;
  }
  if (!readable(line)) return refuse("value", "the value is no finite number", line.name, raw);
  auto* entry = find(line, raw);
  if (entry && add(*entry, line, raw)) entry->heard = now;
}

Aggregator::Entry* Aggregator::find(const Line& line, std::string_view raw) {
  text_.assign(line.name).append(1, '\0').append(line.tags);
  Entry* entry = nullptr;
  if (const auto known = texts_.find(std::string_view(text_)); known != texts_.end()) {
    entry = known->second;
  } else {
    entry = intern(line, raw);
    if (!entry) return nullptr;
    if (texts_.size() >= most_texts) texts_.clear();
    texts_.emplace(text_, entry);
  }
  if (entry->kind == line.kind) return entry;
  refuse("type", std::string("the name is that of a ") + kind_name(entry->kind) + " already, with the same tags",
         line.name, raw);
  return nullptr;
}

Aggregator::Entry* Aggregator::intern(const Line& line, std::string_view raw) {
  labels_.clear();
  std::string_view tags = line.tags, key, value;
  while (take_tag(tags, key, value)) {
    auto label = label_of(key);
    const auto same = std::find_if(labels_.begin(), labels_.end(), [&](const auto& l) { return l.first == label; });
    if (same != labels_.end())
      same->second = value;  // the last one counts
    else
      labels_.emplace_back(std::move(label), value);
  }
  views_.assign(labels_.begin(), labels_.end());
  tsn::Series series;
  const auto status = ctx_.try_series(line.name, views_, series);
  if (!status) {
    refuse(status.value() == TSN_CARDINALITY ? "cardinality" : "name", status.text(), line.name, raw);
    return nullptr;
  }
  auto& entry = entries_[series.handle];
  if (entry.heard == 0) entry.series = series, entry.kind = line.kind;
  return &entry;
}

bool Aggregator::add(Entry& entry, const Line& line, std::string_view raw) {
  if (line.at) return add_stamped(entry, line, raw);
  if (entry.kind == Kind::set) {
    if (entry.members.size() >= most_set_members) {
      refuse("set", "a set has more than 100000 values in one interval", line.name, raw);
      return false;
    }
    entry.members.insert(std::hash<std::string_view>{}(line.values));
    return entry.touched = true;
  }
  Value value;
  for (auto values = line.values; !values.empty() && take_value(values, value);) add_number(entry, value, line.rate);
  return entry.touched = true;
}

void Aggregator::add_number(Entry& entry, const Value& value, double rate) {
  if (entry.kind == Kind::counter) {
    entry.value += value.number / rate;
  } else if (entry.kind == Kind::gauge) {
    entry.value = value.has_sign ? entry.value + value.number : value.number;
  } else {
    auto& s = entry.summary;
    s.min = s.count > 0 ? std::min(s.min, value.number) : value.number;
    s.max = s.count > 0 ? std::max(s.max, value.number) : value.number;
    s.count += 1 / rate;
    s.sum += value.number / rate;
  }
}

bool Aggregator::add_stamped(const Entry& entry, const Line& line, std::string_view raw) {
  Value value;
  for (auto values = line.values; !values.empty() && take_value(values, value);) {
    if (stamped_.size() >= most_stamped)
      return refuse("limit", "more than 100000 values with a timestamp in one interval", line.name, raw), false;
    stamped_.push_back({*line.at, entry.series, value.number});
  }
  return true;
}

void Aggregator::flush(tsn::Batch& out, tsn::Time now) {
  while (!stamped_.empty()) {
    const auto& row = stamped_.back();
    out.push(row.at, row.series, row.value);
    stamped_.pop_back();
  }
  for (auto& [handle, entry] : entries_) push(out, entry, now);
  forget(now);
}

void Aggregator::push(tsn::Batch& out, Entry& entry, tsn::Time now) {
  // A counter that nobody counted stands at 0 until it is forgotten; the others say nothing without news.
  if (!entry.touched && entry.kind != Kind::counter) return;
  if (entry.kind == Kind::timing) {
    entry.summary.avg = entry.summary.sum / entry.summary.count;
    out.push(now, entry.series, entry.summary);
    entry.summary = {0, 0, 0, 0, 0};
  } else if (entry.kind == Kind::set) {
    out.push(now, entry.series, static_cast<double>(entry.members.size()));
    entry.members.clear();
  } else {
    out.push(now, entry.series, entry.value);
    if (entry.kind == Kind::counter) entry.value = 0;
  }
  entry.touched = false;
}

void Aggregator::forget(tsn::Time now) {
  const auto over = [&](const Entry& entry) { return !entry.touched && now - entry.heard >= expire_; };
  if (std::none_of(entries_.begin(), entries_.end(), [&](const auto& each) { return over(each.second); })) return;
  std::erase_if(texts_, [&](const auto& each) { return over(*each.second); });
  std::erase_if(entries_, [&](const auto& each) { return over(each.second); });
}

void Aggregator::refuse(const char* type, std::string_view reason, std::string_view name, std::string_view raw) {
  ++counts_.refused;
  auto& refusal = refusals_[type];
  if (refusal.count < UINT32_MAX) ++refusal.count;
  if (refusal.count > 1) return;
  refusal.reason = reason;
  std::string scratch;  // a line that is refused may be any bytes
  refusal.name = utf8::clean(name.substr(0, 1024), scratch);
  refusal.raw = utf8::clean(raw.substr(0, 1024), scratch);
}

void Aggregator::report_refusals() {
  for (const auto& [type, refusal] : refusals_) {
    ctx_.reject({type, refusal.reason, refusal.name, {}, refusal.raw, refusal.count});
    ctx_.count("lines_refused", refusal.count, {{"reason", type}});
  }
  refusals_.clear();
}

}  // namespace tocsin_plugins::statsd
