#include "plugin_host/runner/messages.hpp"

#include <map>
#include <memory>

namespace tocsin::base {
namespace {

enum Tag : std::uint8_t { null, boolean, integer, real, string, array, table };

}  // namespace

void fields(plugin_host::runner::Writer& out, Value& value) {
  out(value.place.line, value.place.column);
  if (const bool* b = value.boolean()) {
    out(boolean, static_cast<std::uint8_t>(*b));
  } else if (const std::int64_t* i = value.integer()) {
    out(integer, *i);
  } else if (const double* d = value.real()) {
    out(real, *d);
  } else if (const std::string* s = value.string()) {
    out(string, *s);
  } else if (Value::Array* a = value.array()) {
    out(array, static_cast<std::uint32_t>(a->size()));
    for (Value& item : *a) fields(out, item);
  } else if (Value::Table* t = value.table()) {
    out(table, static_cast<std::uint32_t>(t->size()));
    for (Value::Member& member : *t) {
      out(member.key);
      fields(out, member.value);
    }
  } else {
    out(null);
  }
}

void fields(plugin_host::runner::Reader& in, Value& value) {
  if (!in.deeper()) return;
  const auto line = in.value<std::uint32_t>(), column = in.value<std::uint32_t>();
  switch (in.value<std::uint8_t>()) {
    case null:
      value = Value();
      break;
    case boolean:
      value = Value(in.value<std::uint8_t>() != 0);
      break;
    case integer:
      value = Value(in.value<std::int64_t>());
      break;
    case real:
      value = Value(in.value<double>());
      break;
    case string:
      value = Value(std::string(in.text()));
      break;
    case array: {
      Value::Array items;
      for (auto n = in.value<std::uint32_t>(); n > 0 && in.good(); --n) fields(in, items.emplace_back());
      value = Value(std::move(items));
      break;
    }
    case table: {
      Value::Table members;
      for (auto n = in.value<std::uint32_t>(); n > 0 && in.good(); --n) {
        Value::Member& member = members.emplace_back();
        member.key = in.text();
        fields(in, member.value);
      }
      value = Value(std::move(members));
      break;
    }
    default:
      in.fail();
  }
  value.place.line = line;
  value.place.column = column;
  in.shallower();
}

}  // namespace tocsin::base

namespace tocsin::plugin_host::runner {

void write_failure(Writer& out, const base::Error& error) {
  out(static_cast<std::uint8_t>(static_cast<std::uint8_t>(error.fault()) + 1), error.message());
}

base::Result<void> read_outcome(Reader& in) {
  const auto code = in.value<std::uint8_t>();
  if (!in.good()) return base::fail(base::Fault::corrupt, "the runner's answer cannot be read");
  if (code == 0) return {};
  const auto fault = static_cast<std::uint8_t>(code - 1);
  std::string message(in.text().substr(0, 4096));
  if (fault > static_cast<std::uint8_t>(base::Fault::internal) || !in.good())
    return base::fail(base::Fault::corrupt, "the runner's answer cannot be read");
  return base::fail(static_cast<base::Fault>(fault), std::move(message));
}

}  // namespace tocsin::plugin_host::runner
