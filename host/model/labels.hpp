// Label sets: sorted by name, no empty values, with the fingerprint Alertmanager's users know.
#pragma once

#include <cstdint>
#include <initializer_list>
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

  bool empty() const { return pairs_.empty(); }
  std::size_t size() const { return pairs_.size(); }
  auto begin() const { return pairs_.begin(); }
  auto end() const { return pairs_.end(); }

  /// FNV-1a 64 over `name 0xff value 0xff` in order of name.
  std::uint64_t fingerprint() const;
  /// `{a="b",c="d"}` with quotes and backslashes escaped.
  std::string text() const;

  bool operator==(const Labels&) const = default;
  auto operator<=>(const Labels&) const = default;

 private:
  std::vector<Pair> pairs_;
};

}  // namespace tocsin::model
