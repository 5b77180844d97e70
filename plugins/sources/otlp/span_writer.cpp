#include "span_writer.hpp"

#include <algorithm>

#include "utf8/utf8.hpp"
#include "value_text.hpp"

namespace tocsin_plugins::otlp {
namespace {

constexpr std::string_view kind_words[] = {"unspecified", "internal", "server", "client", "producer", "consumer"};
constexpr std::string_view status_words[] = {"unset", "ok", "error"};
constexpr std::size_t most_name = 256;  ///< bytes of an operation's name

std::string_view value_of(const Attributes& attributes, std::string_view key) {
  for (const auto& each : attributes)
    if (each.key == key) return each.value;
  return {};
}

/// Whom a client span calls, from the name that people gave to the address that was dialled.
std::string_view peer_of(const Attributes& attributes) {
  for (const auto* key : {"peer.service", "service.peer.name", "rpc.service", "messaging.system", "db.system.name",
                          "db.system", "server.address", "net.peer.name"})
    if (const auto value = value_of(attributes, key); !value.empty()) return value;
  return {};
}

}  // namespace

std::string_view Operations::fold(const std::string& service, std::string_view name) {
  const std::lock_guard lock(mutex_);
  const auto at = known_.find(service);
  if (at != known_.end() && at->second.contains(name)) return name;
  if (held_ >= most_of_all || (at != known_.end() && at->second.size() >= most_)) return "other";
  known_[service].emplace(name);
  ++held_;
  return name;
}

void SpanWriter::begin() {
  sums_.clear();
  order_.clear();
  durations_.clear();
}

void SpanWriter::resource(const Attributes& attributes) {
  labels_.clear();
  options_.labels.add(attributes, labels_);
  resource_.assign(labels_.begin(), labels_.end());
  service_ = value_of(attributes, "service.name").substr(0, most_name);
}

void SpanWriter::span(const Span& span, Tally& tally) {
  tally.next_item();
  tsn::Time at = 0, start = 0;
  if (!time_of(span.end, ctx_.now(), at) || !time_of(span.start, at, start))
    return tally.refuse("timestamp", bad_time, span.name);
  if (start > at) return tally.refuse("timestamp", "a span ends before it begins", span.name);
  const auto name = span.name.substr(0, most_name);
  const auto operation = operations_.fold(service_, name);
  if (operation.data() != name.data()) ++folded_;
  const auto status = status_words[std::min<std::uint32_t>(span.status, 2)];
  labels_.assign({{"operation", operation}, {"kind", kind_words[static_cast<std::size_t>(span.kind)]}});
  options_.labels.add(span.attributes, labels_);
  for (const auto& [key, value] : resource_) labels_.emplace_back(key, value);
  if (!add("span.errors", at, span.status == 2 ? 1 : 0, span.name, tally)) return;
  labels_.emplace(labels_.begin() + 2, "status", status);
  if (!add("span.requests", at, 1, span.name, tally)) return;
  tsn::Series series;
  if (const auto made = book_.find("span.duration", labels_, series); !made)
    return tally.refuse(made.value() == TSN_CARDINALITY ? "cardinality" : "labels", made.text(), span.name);
  durations_.push_back(
      {series, at, static_cast<double>(at - start) / 1e9, tally.item(), span.trace_id, span.span_id, span.message});
  add_call(span, at, tally);
}

bool SpanWriter::add(std::string_view name, tsn::Time at, double count, std::string_view of, Tally& tally) {
  tsn::Series series;
  if (const auto made = book_.find(name, labels_, series); !made) {
    tally.refuse(made.value() == TSN_CARDINALITY ? "cardinality" : "labels", made.text(), of);
    return false;
  }
  const auto [found, fresh] = sums_.try_emplace(series.handle);
  if (fresh) order_.push_back(series.handle);
  found->second.count += count;
  found->second.at = std::max(found->second.at, at);
  return true;
}

void SpanWriter::add_call(const Span& span, tsn::Time at, Tally& tally) {
  if (span.kind != SpanKind::client && span.kind != SpanKind::producer) return;
  const auto told = peer_of(span.attributes).substr(0, most_name);
  if (told.empty() || service_.empty()) return;
  const auto peer = operations_.fold(service_ + " calls", told);
  if (peer.data() != told.data()) ++folded_;
  labels_.assign({{"client", service_}, {"server", peer}});
  add("service.calls", at, 1, span.name, tally);
}

void SpanWriter::finish(Rows& rows) {
  for (const auto series : order_) {
    const auto& sum = sums_[series];
    rows.push(sum.at, tsn::Series{series}, sum.count, Tally::no_item);
  }
  write_durations(rows);
}

/// In the order of their times, which is what windows take fastest.
void SpanWriter::write_durations(Rows& rows) {
  std::ranges::stable_sort(durations_, {}, &Duration::at);
  struct Group {
    std::size_t exemplar = 0;
    tsn::Summary summary{0, 0, 0, 0, 0};
    tsn::Time at = 0;
  };
  std::unordered_map<tsn_series, Group> groups;
  for (std::size_t i = 0; i < durations_.size(); ++i) {
    const auto& each = durations_[i];
    auto& group = groups[each.series.handle];
    auto& [count, min, max, avg, sum] = group.summary;
    if (count == 0 || each.seconds > durations_[group.exemplar].seconds) group.exemplar = i;
    min = count == 0 ? each.seconds : std::min(min, each.seconds);
    max = std::max(max, each.seconds);
    sum += each.seconds;
    avg = sum / ++count;
    group.at = std::max(group.at, each.at);
  }
  for (std::size_t i = 0; i < durations_.size(); ++i) {
    const auto& each = durations_[i];
    const auto& group = groups[each.series.handle];
    const bool shown = group.exemplar == i;
    if (!options_.each && !shown) continue;
    const auto row = options_.each ? rows.push(each.at, each.series, each.seconds, each.item)
                                   : rows.push(group.at, each.series, group.summary, Tally::no_item);
    if (shown) row.text(exemplar(each));
  }
}

std::string SpanWriter::exemplar(const Duration& of) {
  std::string out = "{\"trace_id\":", scratch;
  append_quoted(out, utf8::clean(of.trace_id.substr(0, 32), scratch));
  out += ",\"span_id\":";
  append_quoted(out, utf8::clean(of.span_id.substr(0, 16), scratch));
  out += ",\"duration\":";
  append_number(out, of.seconds, true);
  if (!of.message.empty()) {
    out += ",\"message\":";
    append_quoted(out, utf8::cut(utf8::clean(of.message.substr(0, 2048), scratch), 512));
  }
  return out + "}";
}

}  // namespace tocsin_plugins::otlp
