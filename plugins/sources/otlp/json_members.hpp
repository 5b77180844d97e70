// Members of OTLP's JSON objects as they are expected. What is of another type is told once, with its name.
#pragma once

#include <simdjson.h>

#include <optional>
#include <string>
#include <string_view>

#include "records.hpp"

namespace tocsin_plugins::otlp {

class Members {
 public:
  using Element = simdjson::dom::element;

  explicit Members(Arena& arena) : arena_(&arena) {}

  const std::string& why() const noexcept { return why_; }
  bool ok() const noexcept { return why_.empty(); }
  void clear() { why_.clear(); }

  /// The member, where it is there and not null.
  static std::optional<Element> find(Element object, std::string_view name);

  // Each leaves `out` as it was where there is no such member.
  void text(Element object, std::string_view name, std::string_view& out);
  void unsigned_number(Element object, std::string_view name, std::uint64_t& out);
  void integer(Element object, std::string_view name, std::int64_t& out);
  void real(Element object, std::string_view name, std::optional<double>& out);
  void attributes(Element object, Attributes& out);
  /// The AnyValue of the member.
  void value(Element object, std::string_view name, std::string_view& out);

  /// Calls `each(element)` for each object in the array of that name.
  template <class Each>
  void list(Element object, std::string_view name, Each&& each) {
    simdjson::dom::array array;
    const auto member = find(object, name);
    if (!ok() || !member) return;
    if (member->get_array().get(array)) return wrong(name, "an array");
    for (const auto element : array) {
      if (!ok()) return;
      each(element);
    }
  }
  /// As list(), and an element that is no object is wrong.
  template <class Each>
  void objects(Element object, std::string_view name, Each&& each) {
    list(object, name, [&](Element element) {
      if (!element.is_object()) return wrong(name, "objects");
      each(element);
    });
  }
  void wrong(std::string_view name, std::string_view expected);

  // False: it is none, neither as a number nor in a string.
  static bool as_integer(Element element, std::int64_t& out);
  static bool as_unsigned(Element element, std::uint64_t& out);
  static bool as_real(Element element, double& out);

 private:
  void render(Element any, std::string& out, bool json, int depth);
  void render_list(Element values, std::string& out, bool map, int depth);

  Arena* arena_;
  std::string why_;
};

}  // namespace tocsin_plugins::otlp
