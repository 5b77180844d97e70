// What a request says besides its path: query parameters and a JSON body, read with messages that name the parameter,
// what was given and what is valid.
#pragma once

#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/backend.hpp"
#include "api/problem.hpp"
#include "base/value.hpp"

namespace tocsin::api {

/// `%41` to `A`; with `form`, `+` to a space. Fails on a broken escape.
std::optional<std::string> percent_decode(std::string_view text, bool form);

class Query {
 public:
  static Checked<Query> parse(std::string_view text);

  const std::vector<std::pair<std::string, std::string>>& all() const { return items_; }
  /// Null where it is missing or empty.
  const std::string* find(std::string_view name) const;
  std::string text(std::string_view name) const;
  std::vector<std::string> repeated(std::string_view name) const;
  /// The values of a parameter given several times or as a list with commas.
  std::vector<std::string> list(std::string_view name) const;

  /// `limit` (1 to 1000, default 100) and `after`.
  Checked<Page> page() const;
  Checked<std::size_t> count(std::string_view name, std::size_t fallback, std::size_t most) const;
  /// RFC 3339, a Unix number, "now", "-1h"; no_time where it is missing.
  Checked<base::Time> time(std::string_view name, base::Time now) const;
  /// `wait`: how long the answer may wait for something new, at most a minute; zero where it is missing.
  Checked<base::Duration> wait() const;

 private:
  std::vector<std::pair<std::string, std::string>> items_;
};

/// A JSON object with known keys only.
class Body {
 public:
  /// An empty body is an empty object. 415 where the Content-Type names something else than JSON.
  static Checked<Body> parse(const Request& request, std::initializer_list<std::string_view> keys);

  /// Empty where it is missing or null.
  Checked<std::string> text(std::string_view key) const;
  Checked<std::string> required(std::string_view key) const;
  Checked<std::vector<std::string>> texts(std::string_view key) const;
  /// NaN where it is missing or null.
  Checked<double> number(std::string_view key) const;
  /// "30m"; zero where it is missing. Not negative.
  Checked<base::Duration> duration(std::string_view key) const;
  /// An object of strings.
  Checked<model::Labels> labels(std::string_view key) const;
  const base::Value* find(std::string_view key) const { return root_.find(key); }

 private:
  base::Value root_;
};

/// `name` among `valid`, compared without case: its index.
Checked<std::size_t> pick(std::string_view parameter, std::string_view given, std::span<const std::string> valid);

/// One page of a whole list; the cursor is the index of the first item.
template <class T>
Checked<Listed<T>> slice(std::vector<T> items, const Page& page);

Checked<std::size_t> slice_start(const Page& page);

template <class T>
Checked<Listed<T>> slice(std::vector<T> items, const Page& page) {
  CHECKED(std::size_t start, slice_start(page));
  Listed<T> out;
  for (std::size_t i = start; i < items.size() && out.items.size() < page.limit; ++i) {
    out.items.push_back(std::move(items[i]));
  }
  if (start + out.items.size() < items.size() && !out.items.empty()) {
    out.next = std::to_string(start + out.items.size());
  }
  return out;
}

}  // namespace tocsin::api
