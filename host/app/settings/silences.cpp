#include "settings/silences.hpp"

#include <algorithm>
#include <optional>

#include "config/schema.hpp"
#include "incidents/silences.hpp"
#include "settings/rotations.hpp"
#include "settings/values.hpp"

namespace tocsin::settings {
namespace {

using base::Option;
using base::Value;
using config::Diagnostics;
using config::error_at;
using enum base::OptionType;

/// One [silence.NAME]; `ok` is false where something was reported.
class SilenceReader {
 public:
  SilenceReader(const Value::Member& member, Diagnostics& diagnostics)
      : name_(member.key),
        where_("[silence." + member.key + "]"),
        diagnostics_(diagnostics),
        before_(errors()),
        table_(config::validate(member.value, silence_options(), where_, diagnostics)),
        place_(member.key_place) {}

  std::optional<model::Silence> run() {
    model::Silence silence;
    silence.configured = true;
    silence.id = incidents::configured_silence_id(name_);
    silence.created_by = where_;
    silence.comment = text_of(table_, "comment", where_);
    silence.matchers = matchers("matchers");
    silence.except = matchers("except");
    silence.recurrence = {text_of(table_, "every"), duration_of(table_, "for"), zone()};
    silence.starts_at = time("from", base::no_time);
    silence.ends_at = time("until", model::no_end);
    if (errors() == before_) recurrence(silence.recurrence);
    if (errors() == before_) whole(silence);
    return errors() == before_ ? std::optional(std::move(silence)) : std::nullopt;
  }

 private:
  std::size_t errors() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(diagnostics_, [](const auto& d) { return d.level == config::Diagnostic::Level::error; }));
  }
  void error(std::string_view key, const std::string& message) {
    error_at(diagnostics_, table_.find(key) ? place_of(table_, key) : place_, where_ + " " + message);
  }

  model::Matchers matchers(std::string_view key) {
    model::Matchers out;
    const Value* list = table_.find(key);
    if (!list || !list->array()) return out;
    for (const Value& item : *list->array()) {
      if (!item.string()) continue;
      auto matcher = model::Matcher::parse(*item.string());
      if (matcher)
        out.push_back(std::move(*matcher));
      else
        error_at(diagnostics_, item.place, where_ + " " + std::string(key) + ": " + matcher.error().message());
    }
    return out;
  }

  std::string zone() {
    std::string zone = text_of(table_, "zone");
    if (zone.empty() || known_zone(zone)) return zone;
    error("zone", "zone: there is no time zone \"" + zone + "\"; expected a name such as \"Asia/Riyadh\"");
    return {};
  }

  base::Time time(std::string_view key, base::Time fallback) {
    const std::string text = text_of(table_, key);
    if (text.empty()) return fallback;
    auto parsed = incidents::parse_local_time(text, text_of(table_, "zone"));
    if (parsed) return *parsed;
    // A wrong zone is reported where it stands.
    if (known_zone(text_of(table_, "zone", "UTC"))) error(key, std::string(key) + ": " + parsed.error().message());
    return fallback;
  }

  void recurrence(const model::Recurrence& recurrence) {
    if (recurrence.every.empty()) {
      if (table_.find("for")) error("for", "for: goes with `every`, which says when each begins");
    } else if (!table_.find("for")) {
      error("every", "every: needs `for`, how long each lasts");
    } else if (auto made = incidents::Recurring::make(recurrence); !made) {
      const std::string& message = made.error().message();
      error(message.substr(0, message.find(':')), message);
    }
  }

  /// What concerns the whole; an end in the past is no fault of a file that is kept.
  void whole(const model::Silence& silence) {
    if (silence.starts_at >= silence.ends_at) return error("until", "until: must be after `from`");
    const auto checked = incidents::check_silence(silence, silence.starts_at);
    if (!checked) error("matchers", "matchers: " + checked.error().message());
  }

  std::string name_, where_;
  Diagnostics& diagnostics_;
  std::size_t before_;
  Value table_;
  base::Place place_;
};

}  // namespace

std::span<const Option> silence_options() {
  static const std::vector<Option> options = {
      {.key = "matchers",
       .type = array,
       .required = true,
       .doc = "Which alerts: `team=\"payments\"`, also `!=`, `=~`, `!~`; all must fit.",
       .children = strings},
      {.key = "except",
       .type = array,
       .doc = "Alerts that fit one of these are told all the same.",
       .children = strings},
      {.key = "every",
       .type = string,
       .doc = "It repeats: `fri 22:00`, `mon-fri 18:30`, `sat,sun 00:00`, or `22:00` for every day."},
      {.key = "for", .type = duration, .min = "1s", .max = "7d", .doc = "How long each lasts; with `every`."},
      {.key = "zone",
       .type = string,
       .doc = "A time zone such as Asia/Riyadh for `every`, `from` and `until`; default UTC."},
      {.key = "from", .type = string, .doc = "Not before: `2026-11-20`, `2026-11-20 03:00`, or RFC 3339."},
      {.key = "until", .type = string, .doc = "Not after; forms as of `from`."},
      {.key = "comment", .type = string, .doc = "Why; shown wherever the silence is."},
  };
  return options;
}

std::vector<model::Silence> read_silences(const Value& root, Diagnostics& diagnostics) {
  std::vector<model::Silence> out;
  for (const Value::Member* member : named_tables(root, "silence", diagnostics)) {
    if (auto silence = SilenceReader(*member, diagnostics).run()) out.push_back(std::move(*silence));
  }
  return out;
}

}  // namespace tocsin::settings
