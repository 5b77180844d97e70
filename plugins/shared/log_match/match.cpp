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

Match::Match(const tsn::Config& table, const std::string& where)
    : signal_(table.str("signal")), value_(table.str("value")) {
  refuse_unknown_keys(table, where, {"signal", "pattern", "value", "labels"});
  if (signal_.empty())
    throw tsn::Failure(tsn::invalid(where + ": expected signal = \"…\", the name of what its lines become"));
  if (table.str("pattern").empty())
    throw tsn::Failure(tsn::invalid(where + ": expected pattern = '…', a regular expression"));
  pattern_.emplace(table.str("pattern"), where + ".pattern");
  for (const auto& group : pattern_->named_groups()) {
    if (group.name == value_)
      value_index_ = group.index;
    else
      groups_.push_back(group);
  }
  if (!value_.empty() && !value_index_)
    throw tsn::Failure(tsn::invalid(where + ".value: the pattern has no group (?<" + value_ + ">…)"));
  add_static_labels(table.table("labels"), where + ".labels");
}

Match::Match(std::string_view signal) : signal_(signal) {}

std::vector<Match> Match::read(const tsn::Config& config, std::string_view fallback) {
  std::vector<Match> made;
  const auto entries = config.array("match");
  if (entries.count() > most_matches) entries.wrong("at most 256 [[match]] entries");
  for (std::uint32_t i = 0; i < entries.count(); ++i)
    made.emplace_back(entries.at(i), "match[" + std::to_string(i) + "]");
  if (made.empty()) made.emplace_back(fallback);
  return made;
}

void Match::add_static_labels(const tsn::Config& table, const std::string& where) {
  for (std::uint32_t i = 0; i < table.count(); ++i) {
    const std::string key(table.key(i));
    if (!label_name(key))
      throw tsn::Failure(
          tsn::invalid(where + ": \"" + key + "\" is no name of a label; expected letters, digits and _"));
    for (const auto& group : groups_)
      if (group.name == key)
        throw tsn::Failure(tsn::invalid(where + ": \"" + key + "\" is also a group of the pattern"));
    labels_.emplace_back(key, table.at(i).as_str());
  }
}

bool Match::value(double& out) const {
  out = 1;
  if (!value_index_) return true;
  const auto text = pattern_->group(value_index_);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size() && std::isfinite(out);
}

tsn::Status Match::series(const tsn::Context& ctx, std::span<const tsn::LabelView> more, tsn::Series& out) {
  key_.clear();
  for (const auto& group : groups_)
    key_.append(utf8::cut(pattern_->group(group.index), most_label)).push_back('\0');  // no line has a NUL
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
  for (const auto& group : groups_) set(group.name, utf8::cut(pattern_->group(group.index), most_label));
  auto status = ctx.try_series(signal_, views_, out);
  if (status) {
    if (known_.size() >= most_series) known_.clear();
    known_.emplace(key_, out);
  }
  return status;
}

}  // namespace tocsin_plugins::log_match
