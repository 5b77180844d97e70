// Calls that are asked for by a person: a tracker fetches what changed outside, an instance looks whether it could
// work.
#include <algorithm>
#include <optional>

#include "base/text.hpp"
#include "plugin_host/delivery_view.hpp"
#include "plugin_host/instance_core.hpp"

namespace tocsin::plugin_host {
namespace {

constexpr std::uint32_t most_report = 64 * 1024;

/// What a report holds is printed on terminals: no control characters, and text that is UTF-8.
std::string printable(std::string_view report) {
  std::string out;
  for (std::size_t at = 0; at < report.size();) {
    std::size_t n = 1;
    while (at + n < report.size() && (static_cast<unsigned char>(report[at + n]) & 0xC0) == 0x80) ++n;
    const std::string_view one = report.substr(at, n);
    const auto first = static_cast<unsigned char>(one.front());
    const bool control = (first < 0x20 && first != '\n' && first != '\t') || first == 0x7F;
    if (control)
      out += ' ';
    else
      out += base::valid_utf8(one) ? one : std::string_view("\xEF\xBF\xBD");
    at += n;
  }
  return out;
}

}  // namespace

base::Result<void> Instance::sync(base::Time) {
  return base::fail(base::Fault::unsupported, name() + ": it cannot be asked for what changed");
}

base::Result<std::string> Instance::probe(const model::Delivery*, const std::string&, base::Time) {
  return base::fail(base::Fault::unsupported, name() + ": it cannot be checked online");
}

base::Result<void> InstanceCore::sync(base::Time deadline) {
  if (!syncs()) return Instance::sync(deadline);
  tsn_err err = new_err();
  const tsn_status status = call(until(EntryPoint::sync, deadline), err, [&](tsn_err& e) {
    if (!accepts_calls()) return refuse(&e, TSN_CANCELLED, "the instance is stopping");
    return type_.tracker.sync(self_, base::to_ns(deadline), &e);
  });
  if (status == TSN_OK) return {};
  return base::fail(secrets_.masked(error(status, err, "sync")));
}

base::Result<std::string> InstanceCore::probe(const model::Delivery* dry_run, const std::string& external_url,
                                              base::Time deadline) {
  if (!probes()) return Instance::probe(dry_run, external_url, deadline);
  std::optional<DeliveryView> view;
  if (dry_run != nullptr) view.emplace(*dry_run, std::string(), external_url);
  std::string report(most_report, '\0');
  tsn_out out{report.data(), most_report, 0};
  tsn_err err = new_err();
  const tsn_status status = call(until(EntryPoint::probe, deadline), err, [&](tsn_err& e) {
    if (!accepts_calls()) return refuse(&e, TSN_CANCELLED, "the instance is stopping");
    return type_.table.probe(self_, view ? view->upsert() : nullptr, base::to_ns(deadline), &out, &e);
  });
  // TSN_RETRY with a length: the report is longer than there is room for; what fits is enough to read.
  const bool cut = status == TSN_RETRY && out.n > most_report;
  const bool failed = status != TSN_OK && !cut;
  if (failed && out.n == 0) return base::fail(secrets_.masked(error(status, err, "probe")));
  report.resize(std::min(out.n, most_report));
  // It saw something before it failed: both are worth reading.
  if (failed) report += "\nerror: " + text_of(err);
  return secrets_.masked(printable(report));
}

}  // namespace tocsin::plugin_host
