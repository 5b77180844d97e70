// `event`: where in a JSON object an event's name, value, time, text and labels stand, by JSON Pointer (RFC 6901).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tocsin/plugin.hpp"

namespace tocsin_plugins::amqp {

class Pointer {
 public:
  /// Throws tsn::Failure (invalid), which begins with `where`, for a text that is no pointer.
  Pointer(std::string_view text, const std::string& where);
  /// Null: nothing is there.
  const nlohmann::json* find(const nlohmann::json& in) const;
  const std::string& text() const noexcept { return text_; }

 private:
  std::string text_;
  std::vector<std::string> steps_;
};

struct EventPaths {
  /// Throws tsn::Failure (invalid).
  explicit EventPaths(const tsn::Config& event);

  std::optional<Pointer> signal, value, time, text;
  std::vector<std::pair<std::string, Pointer>> labels;
};

/// A string as it is, a number or a boolean as JSON writes it; nothing for the rest.
std::optional<std::string> scalar_text(const nlohmann::json& value);

}  // namespace tocsin_plugins::amqp
