// Metrics and the key-value state ("tsn.kv/1") of an instance.
#include <algorithm>
#include <cstring>

#include "base/text.hpp"
#include "plugin_host/instance_core.hpp"
#include "plugin_host/metric_name.hpp"

namespace tocsin::plugin_host {
namespace {

constexpr std::size_t max_key = 256, max_value = 64 * 1024;
constexpr std::uint32_t max_metric_labels = 32;

bool valid_key(tsn_str key) {
  return sound(key) && key.n > 0 && key.n <= max_key && base::valid_utf8(view(key));
}

tsn_status bad_key(tsn_err* err) {
  return refuse(err, TSN_INVALID, "kv: a key is UTF-8 text of 1 to 256 bytes");
}

}  // namespace

void InstanceCore::metric(tsn_metric_kind kind, tsn_str name, const tsn_label* labels, std::uint32_t count,
                          double value) {
  bool good = sound(name) && valid_metric_name(view(name)) && kind <= TSN_METRIC_GAUGE && count <= max_metric_labels &&
              (labels != nullptr || count == 0);
  std::vector<model::Labels::Pair> pairs;
  for (std::uint32_t i = 0; good && i < count; ++i) {
    good = sound(labels[i].name) && valid_metric_name(view(labels[i].name)) && sound(labels[i].value) &&
           labels[i].value.n <= 1024 && base::valid_utf8(view(labels[i].value));
    if (good) pairs.emplace_back(view(labels[i].name), view(labels[i].value));
  }
  if (!good) return violation("metric: the name, the kind or a label is not one that Prometheus allows");
  port_.metric(settings_.name, kind, std::string(view(name)), model::Labels(std::move(pairs)), value);
}

tsn_status InstanceCore::kv_get(tsn_str key, tsn_out* value, tsn_err* err) {
  if (!valid_key(key)) return bad_key(err);
  if (value == nullptr || (value->p == nullptr && value->cap > 0))
    return refuse(err, TSN_INVALID, "kv: there is no buffer");
  auto found = port_.kv_get(settings_.name, std::string(view(key)));
  if (!found) return refuse(err, status_of(found.error().fault()), found.error().message());
  if (!*found) return TSN_END;
  value->n = static_cast<std::uint32_t>((*found)->size());
  if (value->cap > 0) std::memcpy(value->p, (*found)->data(), std::min<std::size_t>(value->cap, (*found)->size()));
  return TSN_OK;
}

tsn_status InstanceCore::kv_put(tsn_str key, tsn_bytes value, tsn_err* err) {
  if (!valid_key(key)) return bad_key(err);
  if (value.n > max_value || (value.p == nullptr && value.n > 0)) {
    return refuse(err, TSN_INVALID, "kv: a value has at most 64 KiB, this one " + std::to_string(value.n) + " bytes");
  }
  auto kept = port_.kv_put(settings_.name, std::string(view(key)),
                           value.n == 0 ? std::string() : std::string(static_cast<const char*>(value.p), value.n));
  return kept ? TSN_OK : refuse(err, status_of(kept.error().fault()), kept.error().message());
}

/// An empty value is none (model::Changes::kv).
tsn_status InstanceCore::kv_remove(tsn_str key, tsn_err* err) {
  return kv_put(key, tsn_bytes{}, err);
}

}  // namespace tocsin::plugin_host
