#include "collecting.hpp"

#include <algorithm>
#include <ctime>

#include "json.hpp"

namespace tocsin_plugins::jira {
namespace {

using nlohmann::json;

constexpr std::size_t most_issues = 200, most_incidents = 1500;

/// "tocsin-collecting-OPS-20261120T1000": one in each window of a project.
std::string window_label(const std::string& project, tsn::Time begin) {
  const std::time_t seconds = begin / 1'000'000'000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[32];
  const auto n = std::strftime(text, sizeof text, "%Y%m%dT%H%M", &utc);
  return "tocsin-collecting-" + project + "-" + std::string(text, n);
}

std::string place_key(std::string_view correlation_id) {
  return "collect/" + std::string(correlation_id.substr(0, 200));
}

}  // namespace

std::string Collecting::place_of(const std::string& project, std::string_view correlation_id) {
  if (settings_.max_new.most == 0) return {};
  if (auto kept = state_.get(place_key(correlation_id))) return *kept;
  const auto window = settings_.max_new.window.count();
  const auto begin = ctx_.now() / window * window;
  const auto key = "new/" + project;
  auto kept = parsed(state_.get(key).value_or("{}"));
  if (number_at(kept, {"begin"}, -1) != begin || !member(kept, {"ids"}).is_array())
    kept = {{"begin", begin}, {"ids", json::array()}};
  auto& ids = kept["ids"];
  if (std::ranges::find(ids, json(correlation_id)) != ids.end()) return {};
  if (ids.size() < settings_.max_new.most) {
    ids.push_back(correlation_id);
    state_.put(key, printed(kept));
    return {};
  }
  const auto label = window_label(project, begin);
  state_.put(place_key(correlation_id), label);
  return label;
}

void Collecting::load() {
  if (loaded_) return;
  const auto kept = parsed(state_.get("collecting").value_or("[]"));
  loaded_ = true;
  for (const auto& each : list_at(kept, {})) issues_.push_back({text_at(each, {"label"}), text_at(each, {"key"})});
}

void Collecting::save() {
  auto all = json::array();
  for (const auto& each : issues_) all.push_back({{"label", each.label}, {"key", each.key}});
  state_.put("collecting", printed(all));
}

std::string Collecting::issue(const std::string& label) {
  load();
  const auto found = std::ranges::find(issues_, label, &Known::label);
  return found == issues_.end() ? "" : found->key;
}

void Collecting::is(const std::string& label, const std::string& key) {
  load();
  std::erase_if(issues_, [&](const Known& each) { return each.label == label; });
  issues_.push_back({label, key});
  if (issues_.size() > most_issues) {
    state_.remove("collecting/" + issues_.front().key);
    issues_.erase(issues_.begin());
  }
  save();
}

void Collecting::add(const std::string& key, std::string_view correlation_id) {
  auto all = incidents(key);
  if (std::ranges::find(all, correlation_id) == all.end() && all.size() < most_incidents) {
    all.emplace_back(correlation_id);
    std::string text;
    for (const auto& each : all) text += each + "\n";
    state_.put("collecting/" + key, std::move(text));
  }
  state_.remove(place_key(correlation_id));
}

bool Collecting::collects(const std::string& key) {
  load();
  return std::ranges::find(issues_, key, &Known::key) != issues_.end();
}

std::vector<std::string> Collecting::incidents(const std::string& key) {
  std::vector<std::string> out;
  const auto text = state_.get("collecting/" + key).value_or("");
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

}  // namespace tocsin_plugins::jira
