#include "model/received_alert.hpp"

#include <algorithm>

namespace tocsin::model {
namespace {

using base::Fault;

bool valid_name(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  const auto rest = [&](char c) { return letter(c) || (c >= '0' && c <= '9'); };
  return !name.empty() && letter(name.front()) && std::ranges::all_of(name, rest);
}

base::Result<void> check_names(const Labels& labels, std::string_view what) {
  for (const auto& [name, value] : labels) {
    if (!valid_name(name)) {
      return base::fail(Fault::invalid, "the name \"" + name + "\" of " + std::string(what) +
                                            " is not valid: letters, digits and _, no digit first");
    }
    if (value.find('\0') != value.npos) {
      return base::fail(Fault::invalid, "the value of " + std::string(what) + " \"" + name + "\" holds a NUL");
    }
  }
  return {};
}

}  // namespace

base::Result<void> check_received(const ReceivedAlert& alert) {
  if (alert.starts_at != base::no_time && alert.ends_at != base::no_time && alert.ends_at < alert.starts_at) {
    return base::fail(Fault::invalid, "its start must be before its end");
  }
  TRY_VOID(check_names(alert.labels, "a label"));
  if (alert.labels.empty()) return base::fail(Fault::invalid, "it needs at least one label with a value");
  TRY_VOID(check_names(alert.annotations, "an annotation"));
  if (alert.generator_url.find('\0') != std::string::npos) {
    return base::fail(Fault::invalid, "its generatorURL holds a NUL");
  }
  return {};
}

}  // namespace tocsin::model
