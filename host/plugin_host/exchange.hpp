// What a tracker says about its calls ("tsn.exchanges/1") as it may be kept: without the instance's secrets, text of
// bounded length that every database takes.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/option.hpp"
#include "base/result.hpp"
#include "base/value.hpp"
#include "model/ticket.hpp"

namespace tocsin::plugin_host {

/// The values that an instance's configuration keeps secret. Plugins mask what they hand over; this is for what they
/// missed. Any thread.
class Secrets {
 public:
  /// What is declared secret, and what a table that is not declared in detail calls a secret, token, password or
  /// bearer, as the configuration itself does. Those of an earlier configuration stay: a call may have begun with them.
  void learn(const base::Value& config, const std::vector<base::Option>& options);
  /// With "***" in place of each of them, also as JSON would write it and as Basic authentication carries it beside the
  /// option `username`.
  std::string masked(std::string_view text) const;
  base::Error masked(const base::Error& error) const { return base::Error(error.fault(), masked(error.message())); }

 private:
  void take(const base::Value& value, const std::vector<base::Option>& options, bool secret);
  void add(const std::string& value);
  void add_form(std::string form);

  mutable std::mutex mutex_;
  std::string username_;             ///< of the configuration that is learnt
  std::vector<std::string> values_;  ///< longest first, so that one within another does not spoil it
};

/// Masks, then cuts to whole characters; what is no UTF-8, and NUL, becomes U+FFFD.
void make_keepable(model::Exchange& exchange, const Secrets& secrets);

}  // namespace tocsin::plugin_host
