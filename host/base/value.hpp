// A tree of plain values with the place each was written at: what configuration is before somebody gives it meaning.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace tocsin::base {

/// Where a value stands. `file` is shared by all values of one file; null for values the program made.
struct Place {
  std::shared_ptr<const std::string> file;
  std::uint32_t line = 0;    ///< from 1; 0: unknown
  std::uint32_t column = 0;  ///< from 1, in characters
  /// "agent.toml:12:3", or "default".
  std::string text() const;
};

class Value {
 public:
  using Array = std::vector<Value>;
  /// In the order of the file. `key_place` is where the key stands.
  struct Member;
  using Table = std::vector<Member>;

  Value();
  Value(const Value&);
  Value(Value&&) noexcept;
  Value& operator=(const Value&);
  Value& operator=(Value&&) noexcept;
  ~Value();
  Value(bool v);
  Value(std::int64_t v);
  Value(double v);
  Value(std::string v);
  Value(const char* v);
  Value(Array v);
  Value(Table v);

  bool is_null() const { return std::holds_alternative<std::monostate>(data_); }
  const bool* boolean() const { return std::get_if<bool>(&data_); }
  const std::int64_t* integer() const { return std::get_if<std::int64_t>(&data_); }
  const double* real() const { return std::get_if<double>(&data_); }
  const std::string* string() const { return std::get_if<std::string>(&data_); }
  const Array* array() const { return std::get_if<Array>(&data_); }
  const Table* table() const { return std::get_if<Table>(&data_); }
  Array* array() { return std::get_if<Array>(&data_); }
  Table* table() { return std::get_if<Table>(&data_); }
  std::string* string() { return std::get_if<std::string>(&data_); }

  /// An integer or a real as double; `fallback` for anything else.
  double number(double fallback = 0) const;
  /// The member of a table, or null.
  const Value* find(std::string_view key) const;
  Value* find(std::string_view key);
  /// Adds or replaces a member; the value becomes a table if it is null.
  Value& set(std::string key, Value value);
  bool erase(std::string_view key);

  /// "string", "integer", "table", … for messages.
  std::string_view type_name() const;

  Place place;

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Table> data_;
};

struct Value::Member {
  std::string key;
  Value value;
  Place key_place;
};

inline Value::Value() = default;
inline Value::Value(const Value&) = default;
inline Value::Value(Value&&) noexcept = default;
inline Value& Value::operator=(const Value&) = default;
inline Value& Value::operator=(Value&&) noexcept = default;
inline Value::~Value() = default;
inline Value::Value(bool v) : data_(v) {}
inline Value::Value(std::int64_t v) : data_(v) {}
inline Value::Value(double v) : data_(v) {}
inline Value::Value(std::string v) : data_(std::move(v)) {}
inline Value::Value(const char* v) : data_(std::string(v)) {}
inline Value::Value(Array v) : data_(std::move(v)) {}

/// Compact JSON, for logs and for carrying a value across a process line.
std::string to_json(const Value& value);

}  // namespace tocsin::base
