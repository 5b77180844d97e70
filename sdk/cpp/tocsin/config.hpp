// Configuration: a typed, read-only view of a tsn_value, and an owner for values that a plugin makes itself.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tocsin/status.hpp"

namespace tsn {

/// A view of one value. Valid as long as the call that gave it: copy what you keep. A value of the wrong type throws a
/// Failure that names the key and the line; the host has checked declared options already.
class Config {
 public:
  Config() = default;
  explicit Config(const tsn_value* value, std::string path = {}) : value_(value), path_(std::move(path)) {}

  /// The value is there and not null.
  explicit operator bool() const noexcept { return value_ && value_->type != TSN_NULL; }
  tsn_value_type type() const noexcept { return value_ ? value_->type : static_cast<tsn_value_type>(TSN_NULL); }
  std::uint32_t line() const noexcept { return value_ ? value_->line : 0; }
  const tsn_value* raw() const noexcept { return value_; }

  // --- as a table ---
  /// The value of `key`, or an empty view.
  Config operator[](std::string_view key) const {
    for (std::uint32_t i = 0; type() == TSN_TABLE && i < value_->count; ++i)
      if (view(value_->keys[i]) == key) return Config(item(i), join(key));
    return Config(nullptr, join(key));
  }
  bool has(std::string_view key) const { return static_cast<bool>((*this)[key]); }
  std::string_view str(std::string_view key, std::string_view fallback = {}) const {
    const auto value = (*this)[key];
    return value ? value.as_str() : fallback;
  }
  std::int64_t integer(std::string_view key, std::int64_t fallback = 0) const {
    const auto value = (*this)[key];
    return value ? value.as_integer() : fallback;
  }
  double number(std::string_view key, double fallback = 0) const {
    const auto value = (*this)[key];
    return value ? value.as_number() : fallback;
  }
  bool boolean(std::string_view key, bool fallback = false) const {
    const auto value = (*this)[key];
    return value ? value.as_boolean() : fallback;
  }
  std::chrono::nanoseconds duration(std::string_view key, std::chrono::nanoseconds fallback = {}) const {
    return std::chrono::nanoseconds(integer(key, fallback.count()));
  }
  std::uint64_t size(std::string_view key, std::uint64_t fallback = 0) const {
    return static_cast<std::uint64_t>(integer(key, static_cast<std::int64_t>(fallback)));
  }
  /// An array or table to walk over; a single value counts as an array of one, nothing as an empty one.
  Config array(std::string_view key) const { return (*this)[key]; }
  Config table(std::string_view key) const {
    auto value = (*this)[key];
    if (value && value.type() != TSN_TABLE) value.wrong("a table");
    return value;
  }
  std::vector<std::string> strings(std::string_view key) const {
    std::vector<std::string> all;
    for (const auto& entry : array(key)) all.emplace_back(entry.as_str());
    return all;
  }

  // --- as a single value ---
  std::string_view as_str() const {
    return type() == TSN_STRING ? view(value_->s) : (wrong("a string"), std::string_view());
  }
  std::int64_t as_integer() const { return type() == TSN_INT ? value_->i : (wrong("an integer"), 0); }
  double as_number() const {
    if (type() == TSN_INT) return static_cast<double>(value_->i);
    return type() == TSN_FLOAT ? value_->f : (wrong("a number"), 0.0);
  }
  bool as_boolean() const { return type() == TSN_BOOL ? value_->i != 0 : (wrong("true or false"), false); }

  // --- as a list ---
  std::uint32_t count() const noexcept {
    if (!*this) return 0;
    return type() == TSN_ARRAY || type() == TSN_TABLE ? value_->count : 1;
  }
  Config at(std::uint32_t index) const {
    if (type() == TSN_TABLE) return Config(item(index), join(view(value_->keys[index])));
    if (type() == TSN_ARRAY) return Config(item(index), path_ + "[" + std::to_string(index) + "]");
    return *this;
  }
  /// The key of entry `index` of a table.
  std::string_view key(std::uint32_t index) const noexcept { return view(value_->keys[index]); }

  class Iterator {
   public:
    Iterator(const Config* of, std::uint32_t index) : of_(of), index_(index) {}
    Config operator*() const { return of_->at(index_); }
    Iterator& operator++() { return ++index_, *this; }
    bool operator==(const Iterator& other) const noexcept { return index_ == other.index_; }

   private:
    const Config* of_;
    std::uint32_t index_;
  };
  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, count()}; }

  /// Throws: this value is not what the plugin expects.
  [[noreturn]] void wrong(std::string_view expected) const {
    std::string text = "option \"" + path_ + "\"";
    if (line()) text += " at line " + std::to_string(line());
    throw Failure(invalid(text.append(": expected ").append(expected)));
  }

 private:
  const tsn_value* item(std::uint32_t index) const noexcept {
    return reinterpret_cast<const tsn_value*>(reinterpret_cast<const unsigned char*>(value_->items) +
                                              std::size_t{index} * value_->stride);
  }
  std::string join(std::string_view key) const { return path_.empty() ? std::string(key) : (path_ + ".").append(key); }

  const tsn_value* value_ = nullptr;
  std::string path_;
};

/// A value that owns its memory: what a detector's load() reports, and what tests hand in. Give view() over the ABI; it
/// is valid until the Value changes or dies.
class Value {
 public:
  Value() = default;
  template <class Bool>
    requires std::same_as<Bool, bool>
  Value(Bool value) : type_(TSN_BOOL), integer_(value) {}
  template <class Integer>
    requires(std::integral<Integer> && !std::same_as<Integer, bool>)
  Value(Integer value) : type_(TSN_INT), integer_(static_cast<std::int64_t>(value)) {}
  Value(std::chrono::nanoseconds value) : type_(TSN_INT), integer_(value.count()) {}
  Value(double value) : type_(TSN_FLOAT), number_(value) {}
  Value(const char* value) : type_(TSN_STRING), text_(value) {}
  Value(std::string value) : type_(TSN_STRING), text_(std::move(value)) {}
  Value(std::string_view value) : type_(TSN_STRING), text_(value) {}
  static Value table(std::initializer_list<std::pair<const char*, Value>> entries = {}) {
    Value made;
    made.type_ = TSN_TABLE;
    for (const auto& [key, value] : entries) made.set(key, value);
    return made;
  }
  static Value array(std::initializer_list<Value> items = {}) {
    Value made;
    made.type_ = TSN_ARRAY;
    made.items_ = items;
    return made;
  }

  Value& set(std::string key, Value value) {
    for (std::size_t i = 0; i < keys_.size(); ++i)
      if (keys_[i] == key) return items_[i] = std::move(value), *this;
    keys_.push_back(std::move(key));
    items_.push_back(std::move(value));
    return *this;
  }
  Value& push(Value value) { return items_.push_back(std::move(value)), *this; }
  Value& at_line(std::uint32_t line) { return line_ = line, *this; }
  tsn_value_type type() const noexcept { return type_; }
  const Value* find(std::string_view key) const noexcept {
    for (std::size_t i = 0; i < keys_.size(); ++i)
      if (keys_[i] == key) return &items_[i];
    return nullptr;
  }
  const std::string& text() const noexcept { return text_; }

  const tsn_value* view() {
    fill(view_);
    return &view_;
  }

 private:
  void fill(tsn_value& out) {
    out = tsn_value{};
    out.type = type_;
    out.line = line_;
    out.i = integer_;
    out.f = number_;
    out.s = str(text_);
    item_views_.resize(items_.size());
    key_views_.clear();
    for (std::size_t i = 0; i < items_.size(); ++i) items_[i].fill(item_views_[i]);
    for (const auto& key : keys_) key_views_.push_back(str(key));
    out.count = static_cast<std::uint32_t>(items_.size());
    out.items = item_views_.data();
    out.keys = key_views_.data();
    out.stride = sizeof(tsn_value);
  }

  tsn_value_type type_ = TSN_NULL;
  std::uint32_t line_ = 0;
  std::int64_t integer_ = 0;
  double number_ = 0;
  std::string text_;
  std::vector<std::string> keys_;
  std::vector<Value> items_;
  tsn_value view_{};
  std::vector<tsn_value> item_views_;
  std::vector<tsn_str> key_views_;
};

}  // namespace tsn
