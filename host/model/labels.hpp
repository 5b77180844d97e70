// Label sets: sorted by name, no empty values, with the fingerprint Alertmanager's users know. Copies share what they
// hold until one of them is changed: an alert's labels stand in its group, its incident and every message about it.
#pragma once

#include <compare>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tocsin::model {

class Labels {
 public:
  using Pair = std::pair<std::string, std::string>;

  Labels() = default;
  Labels(std::initializer_list<Pair> pairs);
  explicit Labels(std::vector<Pair> pairs);  ///< any order; the last of equal names wins; empty values are dropped

  /// The value, or empty where the label is missing (as in Prometheus, the two are the same).
  std::string_view get(std::string_view name) const;
  bool has(std::string_view name) const { return !get(name).empty(); }
  void set(std::string_view name, std::string_view value);
  void erase(std::string_view name);
  /// Adds the labels of `other` that are not here yet.
  void add_missing(const Labels& other);
  /// Only the named ones.
  Labels only(std::span<const std::string> names) const;

  bool empty() const { return !pairs_; }
  std::size_t size() const { return pairs_ ? pairs_->size() : 0; }
  const Pair* begin() const { return pairs_ ? pairs_->data() : nullptr; }
  const Pair* end() const { return begin() + size(); }

  /// FNV-1a 64 over `name 0xff value 0xff` in order of name.
  std::uint64_t fingerprint() const;
  /// `{a="b",c="d"}` with quotes and backslashes escaped.
  std::string text() const;

  bool operator==(const Labels& other) const;
  std::strong_ordering operator<=>(const Labels& other) const;

 private:
  using Pairs = std::vector<Pair>;
  /// Takes pairs that are in order.
  void keep(Pairs&& pairs);
  Pairs copy() const { return Pairs(begin(), end()); }

  std::shared_ptr<const Pairs> pairs_;  ///< never changed; null: empty
};

}  // namespace tocsin::model
