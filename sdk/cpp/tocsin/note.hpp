// The ELF note `.note.tocsin`: the declarations of the types as JSON, made by the compiler (form: abi.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tocsin/abi.h"
#include "tocsin/traits.hpp"

namespace tsn::detail {

/// Writes JSON into a buffer, or only counts when there is none.
class JsonWriter {
 public:
  constexpr explicit JsonWriter(char* to) : to_(to) {}
  constexpr std::size_t size() const { return size_; }

  constexpr void raw(std::string_view text) {
    for (const char c : text) put(c);
  }
  constexpr void text(std::string_view value) {
    put('"');
    for (const char c : value) character(c);
    put('"');
  }
  constexpr void member(std::string_view key, std::string_view value, bool first = false) {
    name(key, first);
    text(value);
  }
  constexpr void member(std::string_view key, std::uint32_t value, bool first = false) {
    name(key, first);
    digits(value);
  }
  constexpr void name(std::string_view key, bool first = false) {
    if (!first) put(',');
    text(key);
    put(':');
  }

 private:
  constexpr void put(char c) {
    if (to_) to_[size_] = c;
    ++size_;
  }
  constexpr void character(char c) {
    constexpr std::string_view hex = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') put('\\');
    if (byte >= 0x20) return put(c);
    raw("\\u00");
    put(hex[byte >> 4]);
    put(hex[byte & 15]);
  }
  constexpr void digits(std::uint32_t value) {
    if (value >= 10) digits(value / 10);
    put(static_cast<char>('0' + value % 10));
  }
  char* to_;
  std::size_t size_ = 0;
};

constexpr void write(JsonWriter& out, const tsn_option& option) {
  out.member("key", view(option.key), true);
  out.member("type", option.type);
  out.member("flags", option.flags);
  out.member("default", view(option.fallback));
  out.member("min", view(option.min));
  out.member("max", view(option.max));
  out.member("choices", view(option.choices));
  out.member("doc", view(option.doc));
}
constexpr void write(JsonWriter& out, const tsn_signal_doc& signal) {
  out.member("name", view(signal.name), true);
  out.member("unit", view(signal.unit));
  out.member("labels", view(signal.labels));
  out.member("doc", view(signal.doc));
}
constexpr void write(JsonWriter& out, const tsn_route& route) {
  out.member("method", view(route.method), true);
  out.member("path", view(route.path));
  out.member("doc", view(route.doc));
}
template <class List>
constexpr void write_objects(JsonWriter& out, std::string_view key, const List& list) {
  out.name(key);
  out.raw("[");
  for (std::size_t i = 0; i < list.size(); ++i) {
    out.raw(i ? ",{" : "{");
    write(out, list[i]);
    out.raw("}");
  }
  out.raw("]");
}
template <class List>
constexpr void write_texts(JsonWriter& out, std::string_view key, const List& list) {
  out.name(key);
  out.raw("[");
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (i) out.raw(",");
    out.text(view(list[i]));
  }
  out.raw("]");
}
constexpr void write_kinds(JsonWriter& out, tsn_kind kinds) {
  constexpr std::string_view names[] = {"source", "detector", "notifier", "tracker"};
  out.name("kinds");
  out.raw("[");
  for (std::uint32_t bit = 0, written = 0; bit < 4; ++bit) {
    if (!(kinds & (1u << bit))) continue;
    if (written++) out.raw(",");
    out.text(names[bit]);
  }
  out.raw("]");
}

template <class T>
constexpr void write_type(JsonWriter& out) {
  using D = Declared<T>;
  out.member("id", view(D::id), true);
  out.member("version", view(D::version));
  out.member("doc", view(D::doc));
  write_kinds(out, D::kinds);
  write_texts(out, "needs", D::needs);
  write_objects(out, "options", D::options);
  write_objects(out, "rule_options", D::rule_options);
  write_objects(out, "query_options", D::query_options);
  write_objects(out, "signals", D::signals);
  write_objects(out, "routes", D::routes);
  out.member("address_field", view(D::address_field));
  out.name("features");
  out.raw("{");
  out.member("source", D::source_features, true);
  out.member("detector", D::detector_features);
  out.member("notifier", D::notifier_features);
  out.raw("}");
  out.member("extension", view(D::extension_text));
}

template <class First, class... Rest>
constexpr std::size_t write_note(char* to) {
  JsonWriter out(to);
  out.raw("{");
  out.member("abi", TSN_ABI_VERSION, true);
  out.name("types");
  out.raw("[{");
  write_type<First>(out);
  ((out.raw("},{"), write_type<Rest>(out)), ...);
  out.raw("}]}");
  return out.size();
}

/// An ELF note as it lies in the section: header, name, description, each padded to four bytes.
template <std::size_t Bytes>
struct alignas(4) Note {
  std::uint32_t name_size = sizeof(TSN_NOTE_NAME);
  std::uint32_t description_size = Bytes;
  std::uint32_t type = TSN_NOTE_DESCRIPTOR;
  char name[(sizeof(TSN_NOTE_NAME) + 3) / 4 * 4] = TSN_NOTE_NAME;
  char description[(Bytes + 3) / 4 * 4] = {};
};

template <class... Types>
consteval auto make_note() {
  Note<write_note<Types...>(nullptr)> note;
  write_note<Types...>(note.description);
  return note;
}

}  // namespace tsn::detail
