#include "log_match/match.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "log_match/known_keys.hpp"
#include "utf8/utf8.hpp"

namespace tocsin_plugins::log_match {
namespace {

constexpr std::size_t most_matches = 256;

bool label_name(std::string_view name) {
  return !name.empty() &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == name.npos &&
         (name.front() < '0' || name.front() > '9');
}

}  // namespace

Match::Match(const tsn::Config& table, const std::string& where, std::optional<FieldSyntax> source_syntax)
    : signal_(table.str("signal")), value_(table.str("value")) {
  if (source_syntax)
    refuse_unknown_keys(table, where, {"signal", "pattern", "parser", "where", "value", "labels"});
  else
    refuse_unknown_keys(table, where, {"signal", "pattern", "value", "labels"});
  if (const auto word = table.str("parser"); source_syntax && !word.empty()) {
    syntax_ = syntax_of(word);
    if (!syntax_) table["parser"].wrong("json, logfmt or none");
  }
  const bool with_fields = syntax_.value_or(source_syntax.value_or(FieldSyntax::none)) != FieldSyntax::none;
  if (signal_.empty())
    throw tsn::Failure(tsn::invalid(where + ": expected signal = \"…\", the name of what its lines become"));
  if (table.str("pattern").empty() && !with_fields)
    throw tsn::Failure(tsn::invalid(where + ": expected pattern = '…', a regular expression" +
                                    (table.has("where") ? "; `where` needs parser = \"json\" or \"logfmt\"" : "")));
  if (const auto pattern = table.str("pattern"); !pattern.empty()) pattern_.emplace(pattern, where + ".pattern");
  for (const auto& group : pattern_ ? pattern_->named_groups() : std::vector<Pattern::Group>()) {
    if (group.name == value_)
      value_index_ = group.index;
    else
      groups_.push_back(group);
  }
  if (!value_.empty() && !value_index_) {
    if (!with_fields) throw tsn::Failure(tsn::invalid(where + ".value: the pattern has no group (?<" + value_ + ">…)"));
    value_field_ = FieldName{value_};
  }
  add_conditions(table.table("where"), where + ".where");
  add_labels(table.table("labels"), where + ".labels", with_fields);
  needs_fields_ = with_fields && (!pattern_ || !conditions_.empty() || value_field_);
}

Match::Match(std::string_view signal) : signal_(signal), takes_all_(true) {}

std::vector<Match> Match::read(const tsn::Config& config, std::string_view fallback,
                               std::optional<FieldSyntax> source_syntax) {
  std::vector<Match> made;
  const auto entries = config.array("match");
  if (entries.count() > most_matches) entries.wrong("at most 256 [[match]] entries");
  for (std::uint32_t i = 0; i < entries.count(); ++i)
    made.emplace_back(entries.at(i), "match[" + std::to_string(i) + "]", source_syntax);
  if (made.empty()) made.emplace_back(fallback);
  return made;
}

void Match::add_conditions(const tsn::Config& table, const std::string& where) {
  if (table && syntax_ == FieldSyntax::none)
    throw tsn::Failure(tsn::invalid(where + ": there are no fields where parser is \"none\""));
  for (std::uint32_t i = 0; i < table.count(); ++i) conditions_.emplace_back(table.key(i), table.at(i), where);
}

void Match::add_labels(const tsn::Config& table, const std::string& where, bool with_fields) {
  for (std::uint32_t i = 0; i < table.count(); ++i) {
    const std::string key(table.key(i));
    if (!label_name(key))
      throw tsn::Failure(
          tsn::invalid(where + ": \"" + key + "\" is no name of a label; expected letters, digits and _"));
    for (const auto& group : groups_)
      if (group.name == key)
        throw tsn::Failure(tsn::invalid(where + ": \"" + key + "\" is also a group of the pattern"));
    const auto text = table.at(i).as_str();
    if (!with_fields) {
      labels_.emplace_back(key, text);
      continue;
    }
    FieldText made(text, where + "." + key);
    if (made.is_plain())
      labels_.emplace_back(key, made.plain());
    else
      field_labels_.emplace_back(key, std::move(made));
  }
}

bool Match::find(std::string_view line, Fields* fields) {
  fields_ = fields;
  if (needs_fields_ && !fields) return false;
  for (auto& condition : conditions_)
    if (!condition.holds(*fields)) return false;
  if (pattern_ && !pattern_->find(line)) return false;
  if (!value_field_) return true;
  FieldValue found;
  if (!fields->find_unprinted(*value_field_, found)) return false;
  found_value_ = number_of(found);
  return true;
}

bool Match::value(double& out) const {
  out = 1;
  if (value_field_) {
    out = found_value_.value_or(0);
    return found_value_ && std::isfinite(out);
  }
  if (!value_index_) return true;
  const auto text = pattern_->group(value_index_);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size() && std::isfinite(out);
}

tsn::Status Match::series(const tsn::Context& ctx, std::span<const tsn::LabelView> more, tsn::Series& out) {
  key_.clear();
  for (const auto& group : groups_)
    key_.append(utf8::cut(pattern_->group(group.index), most_label)).push_back('\0');  // no line has a NUL
  const auto field_begin = key_.size();
  ends_.clear();
  for (const auto& [name, text] : field_labels_) {
    if (fields_) text.append(*fields_, key_, most_label);
    ends_.push_back(key_.size());
    key_.push_back('\0');
  }
  for (const auto& [name, text] : more)
    key_.append(name).append(1, '\0').append(utf8::cut(text, most_label)).push_back('\0');
  if (const auto at = known_.find(std::string_view(key_)); at != known_.end()) return out = at->second, tsn::ok;
  views_.clear();
  for (const auto& [name, text] : more) views_.emplace_back(name, utf8::cut(text, most_label));
  const auto set = [&](std::string_view name, std::string_view text) {
    const auto same = std::find_if(views_.begin(), views_.end(), [&](const auto& view) { return view.first == name; });
    if (same == views_.end())
      views_.emplace_back(name, text);
    else if (!text.empty())
      same->second = text;
  };
  for (const auto& [name, text] : labels_) set(name, text);
  for (std::size_t i = 0, begin = field_begin; i < field_labels_.size(); begin = ends_[i++] + 1)
    set(field_labels_[i].first, std::string_view(key_).substr(begin, ends_[i] - begin));
  for (const auto& group : groups_) set(group.name, utf8::cut(pattern_->group(group.index), most_label));
  auto status = ctx.try_series(signal_, views_, out);
  if (status) {
    if (known_.size() >= most_series) known_.clear();
    known_.emplace(key_, out);
  }
  return status;
}

}  // namespace tocsin_plugins::log_match
