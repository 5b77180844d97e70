// Which lines belong to one record: the option `multiline`, and the stack traces of Java, Python and Go.
#pragma once

#include <memory>
#include <string_view>

#include "log_match/pattern.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins::logtail {

/// Where in a stack trace the line before stood.
enum class Trace { none, head, frames, end, chained };

class Multiline {
 public:
  static constexpr std::string_view known_presets = "java, python, go";

  Multiline() = default;  ///< every line is a record
  /// The option `multiline`. Throws tsn::Failure (invalid).
  explicit Multiline(const tsn::Config& table);
  /// The same limits with another preset, or "none"; false: there is none of that name.
  bool use_preset(std::string_view name);

  explicit operator bool() const noexcept { return kind_ != Kind::off; }
  /// `line` belongs to the record of the lines before it. `trace` is where they stood, and becomes where it stands.
  bool continues(std::string_view line, Trace& trace) const;

  std::size_t max_lines() const noexcept { return max_lines_; }
  std::size_t max_bytes() const noexcept { return max_bytes_; }
  tsn::Time timeout() const noexcept { return timeout_; }

 private:
  enum class Kind { off, start, next, java, python, go };
  Kind kind_ = Kind::off;
  std::shared_ptr<log_match::Pattern> pattern_;
  std::size_t max_lines_ = 500;
  std::size_t max_bytes_ = 256 * 1024;
  tsn::Time timeout_ = 1'000'000'000;
};

}  // namespace tocsin_plugins::logtail
