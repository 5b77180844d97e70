#include "plugin_host/value_view.hpp"

#include <cstddef>
#include <cstring>

#include "base/text.hpp"
#include "plugin_host/abi_text.hpp"

namespace tocsin::plugin_host {
namespace {

using base::fail;
using base::Fault;
using base::Result;

constexpr std::uint32_t max_depth = 32;
constexpr std::uint32_t max_values = 100'000;
constexpr std::uint32_t max_string = 1u << 20;
constexpr std::uint64_t max_text = 16u << 20;  ///< of all strings: many values may lead to the same one

class TreeReader {
 public:
  explicit TreeReader(const std::string& file) : file_(std::make_shared<const std::string>(file)) {}

  Result<base::Value> read(const tsn_value& in, std::uint32_t depth) {
    if (depth > max_depth) return bad(in, "tables nest deeper than 32");
    if (++seen_ > max_values) return bad(in, "there are more than 100000 values");
    TRY(auto out, convert(in, depth));
    out.place = {file_, in.line, in.column};
    return out;
  }

 private:
  std::unexpected<base::Error> bad(const tsn_value& in, const std::string& what) const {
    return fail(Fault::invalid, base::Place{file_, in.line, in.column}.text() + ": the plugin gave a table where " +
                                    what + "; report it to the plugin's author");
  }

  Result<std::string> string_of(const tsn_value& at, tsn_str s) {
    if (!sound(s) || s.n > max_string) return bad(at, "a string has an impossible length");
    if ((text_ += s.n) > max_text) return bad(at, "the strings have more than 16 MiB");
    if (!base::valid_utf8(view(s))) return bad(at, "a string is not UTF-8");
    return std::string(view(s));
  }

  Result<base::Value> convert(const tsn_value& in, std::uint32_t depth) {
    switch (in.type) {
      case TSN_NULL:
        return base::Value();
      case TSN_BOOL:
        return base::Value(in.i != 0);
      case TSN_INT:
      case TSN_DURATION:
      case TSN_SIZE:
        return base::Value(in.i);
      case TSN_FLOAT:
        return base::Value(in.f);
      case TSN_STRING: {
        TRY(auto text, string_of(in, in.s));
        return base::Value(std::move(text));
      }
      case TSN_ARRAY:
        return array(in, depth);
      case TSN_TABLE:
        return table(in, depth);
      default:
        return bad(in, "a value has the unknown type " + std::to_string(in.type));
    }
  }

  /// Item `index` copied into a zeroed local, as arrays with a stride are read.
  Result<tsn_value> item(const tsn_value& in, std::uint32_t index) const {
    constexpr std::size_t least = offsetof(tsn_value, stride);
    if (in.items == nullptr || in.stride < least || in.stride % alignof(tsn_value) != 0)
      return bad(in, "items have no place");
    if (in.count > max_values) return bad(in, "there are more than 100000 values");
    tsn_value out{};
    std::memcpy(&out, reinterpret_cast<const char*>(in.items) + std::size_t{index} * in.stride,
                std::min<std::size_t>(in.stride, sizeof out));
    return out;
  }

  Result<base::Value> array(const tsn_value& in, std::uint32_t depth) {
    base::Value::Array out;
    for (std::uint32_t i = 0; i < in.count; ++i) {
      TRY(auto raw, item(in, i));
      TRY(auto value, read(raw, depth + 1));
      out.push_back(std::move(value));
    }
    return base::Value(std::move(out));
  }

  Result<base::Value> table(const tsn_value& in, std::uint32_t depth) {
    base::Value::Table out;
    for (std::uint32_t i = 0; i < in.count; ++i) {
      if (in.keys == nullptr) return bad(in, "the keys are missing");
      TRY(auto raw, item(in, i));
      TRY(auto key, string_of(in, in.keys[i]));
      TRY(auto value, read(raw, depth + 1));
      base::Place place = value.place;
      out.push_back({std::move(key), std::move(value), std::move(place)});
    }
    return base::Value(std::move(out));
  }

  std::shared_ptr<const std::string> file_;
  std::uint32_t seen_ = 0;
  std::uint64_t text_ = 0;
};

}  // namespace

void ValueView::fill(const base::Value& in, tsn_value& out) {
  out.line = in.place.line;
  out.column = in.place.column;
  out.stride = sizeof(tsn_value);
  if (const bool* flag = in.boolean()) {
    out.type = TSN_BOOL;
    out.i = *flag;
  } else if (const std::int64_t* number = in.integer()) {
    out.type = TSN_INT;
    out.i = *number;
    out.f = static_cast<double>(*number);  // an integer where a float is wanted reads as one
  } else if (const double* real = in.real()) {
    out.type = TSN_FLOAT;
    out.f = *real;
  } else if (const std::string* text = in.string()) {
    out.type = TSN_STRING;
    out.s = str(*text);
  } else if (const base::Value::Array* array = in.array()) {
    out.type = TSN_ARRAY;
    out.count = static_cast<std::uint32_t>(array->size());
    auto& items = items_.emplace_back(array->size());
    out.items = items.data();
    for (std::size_t i = 0; i < items.size(); ++i) fill((*array)[i], items[i]);
  } else if (const base::Value::Table* table = in.table()) {
    out.type = TSN_TABLE;
    out.count = static_cast<std::uint32_t>(table->size());
    auto& items = items_.emplace_back(table->size());
    auto& keys = keys_.emplace_back(table->size());
    out.items = items.data();
    out.keys = keys.data();
    for (std::size_t i = 0; i < items.size(); ++i) {
      keys[i] = str((*table)[i].key);
      fill((*table)[i].value, items[i]);
    }
  }
}

Result<base::Value> read_value(const tsn_value* value, const std::string& file) {
  if (value == nullptr)
    return fail(Fault::invalid, file + ": the plugin gave no table; report it to the plugin's author");
  return TreeReader(file).read(*value, 0);
}

}  // namespace tocsin::plugin_host
