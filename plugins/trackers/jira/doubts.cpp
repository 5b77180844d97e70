#include "doubts.hpp"

#include <charconv>

namespace tocsin_plugins::jira {
namespace {

std::string doubt_key(std::string_view what) {
  return "doubt/" + std::string(what.substr(0, 200));
}

}  // namespace

std::string Doubts::get(std::string_view what) const {
  return state_.get(doubt_key(what)).value_or("");
}

void Doubts::put(std::string_view what, std::string value) {
  state_.put(doubt_key(what), std::move(value));
}

void Doubts::raise(std::string_view what) {
  put(what, "0");
}

bool Doubts::any(std::string_view what) const {
  return !get(what).empty();
}

std::chrono::nanoseconds Doubts::found_nothing(std::string_view what, std::chrono::nanoseconds settle) {
  const auto kept = get(what);
  const tsn::Time now = ctx_.now();
  tsn::Time first = 0;
  std::from_chars(kept.data(), kept.data() + kept.size(), first);
  // A clock set back begins anew rather than counting a time that did not pass.
  if (first == 0 || first > now) {
    put(what, std::to_string(now));
    return settle;
  }
  return std::max(settle - std::chrono::nanoseconds(now - first), std::chrono::nanoseconds(0));
}

void Doubts::clear(std::string_view what) {
  if (get(what).empty()) return;
  state_.remove(doubt_key(what));
}

}  // namespace tocsin_plugins::jira
