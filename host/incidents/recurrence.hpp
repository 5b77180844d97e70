// When something that repeats holds: "fri 22:00" for 4h, in a zone. It begins by the wall clock, so a change of the
// clock does not move it, and lasts as long as it says. Zones come from the machine's tz database.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "model/silence.hpp"

namespace tocsin::incidents {

class Recurring {
 public:
  struct Span {
    base::Time from{}, to{};  ///< [from, to)
  };

  /// `every`: "fri 22:00", "mon-fri 18:30", "sat,sun 00:00", or "22:00" for every day. `length`: above 0, at most 7 d.
  static base::Result<Recurring> make(const model::Recurrence& recurrence);

  /// The one that holds at `t`; of several the last.
  std::optional<Span> at(base::Time t) const;
  /// The first that begins after `t`.
  Span next(base::Time t) const;

 private:
  struct Rule;
  std::shared_ptr<const Rule> rule_;
};

/// RFC 3339, or "2026-11-20", "2026-11-20 03:00" by the wall clock of `zone` (empty: UTC).
base::Result<base::Time> parse_local_time(std::string_view text, const std::string& zone);

}  // namespace tocsin::incidents
