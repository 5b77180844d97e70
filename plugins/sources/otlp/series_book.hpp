// Names and labels to series, and which attributes become labels.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "records.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins::otlp {

/// An option's entry: `service.name=service` (an attribute as a label), `host.name` (as host_name) or `k8s.*` (all that
/// begin so).
class LabelRules {
 public:
  /// Throws tsn::Failure (invalid) for an entry that cannot be.
  LabelRules(const tsn::Config& config, std::string_view option);
  bool fits(std::string_view attribute) const { return find(attribute) != nullptr; }
  /// Adds those of `attributes` that become labels.
  void add(const Attributes& attributes, std::vector<tsn::LabelView>& out) const;

 private:
  struct Rule {
    std::string attribute, label;  ///< label empty: of the attribute's own name
    bool prefix = false;
  };
  const Rule* find(std::string_view attribute) const;
  std::vector<Rule> rules_;
};

/// The series of one desk. Labels' names are made such that a selector can have them (`http.route` is http_route); of
/// two that are the same then the first one counts. Values are cut at 1 KiB, and more than 64 labels are
/// refused.
class SeriesBook {
 public:
  explicit SeriesBook(tsn::Context ctx) : ctx_(ctx) {}
  tsn::Status find(std::string_view name, std::span<const tsn::LabelView> labels, tsn::Series& out);
  /// The host no longer knows one of them.
  void forget() { known_.clear(); }

 private:
  struct Hash {
    using is_transparent = void;
    // Not noexcept: libstdc++ then keeps the hashes.
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  static constexpr std::size_t most_known = 200'000, most_label = 1024, most_labels = 64;
  tsn::Status make(std::string_view name, std::span<const tsn::LabelView> labels, tsn::Series& out);

  tsn::Context ctx_;
  std::unordered_map<std::string, tsn::Series, Hash, std::equal_to<>> known_;  ///< by the labels as they were sent
  std::string key_;
};

/// `http.route` → "http_route".
std::string label_name(std::string_view attribute);

}  // namespace tocsin_plugins::otlp
