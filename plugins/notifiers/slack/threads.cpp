#include "threads.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "message_text/text.hpp"

namespace tocsin_plugins {
namespace {

using nlohmann::json;

/// A thread's row of kv: 256 of them, so that a write is a few KiB and thousands of incidents are remembered.
std::string shelf_of(const std::string& id) {
  return "threads." + id.substr(0, 2);
}

json written(const SlackThread& thread) {
  json keys = json::array();
  for (const auto& each : thread.notifications) keys.push_back((each.told ? "+" : "-") + each.key);
  return {{"id", thread.id}, {"channel", thread.channel}, {"ts", thread.ts}, {"keys", keys}, {"shown", thread.shown}};
}

SlackThread thread_of(const json& from) {
  SlackThread out;
  out.id = from.at("id"), out.channel = from.at("channel"), out.ts = from.at("ts");
  for (const auto& each : from.at("keys")) {
    const auto text = each.get<std::string>();
    if (!text.empty()) out.notifications.push_back({text.substr(1), text[0] == '+'});
  }
  out.shown = std::min<std::size_t>(from.at("shown").get<std::size_t>(), out.notifications.size());
  return out;
}

}  // namespace

SlackThread SlackThreads::open(std::string_view place, std::string_view incident, std::string_view key) const {
  SlackThread thread;
  const std::string id = hash_text(std::string(place) + "\n" + std::string(incident)), name = hash_text(key);
  for (auto& each : read(shelf_of(id)))
    if (each.id == id) thread = std::move(each);
  thread.id = id;
  auto& known = thread.notifications;
  auto at = std::find_if(known.begin(), known.end(), [&](const auto& each) { return each.key == name; });
  if (at == known.end()) {
    if (known.size() == most_notifications) {
      known.erase(known.begin());
      if (thread.shown > 0) --thread.shown;
    }
    known.push_back({name, false});
    at = known.end() - 1;
  }
  thread.mine = static_cast<std::size_t>(at - known.begin()) + 1;
  return thread;
}

void SlackThreads::keep(const SlackThread& thread) {
  const auto shelf = shelf_of(thread.id);
  auto all = read(shelf);
  std::erase_if(all, [&](const SlackThread& each) { return each.id == thread.id; });
  all.push_back(thread);  // the newest last
  if (all.size() > most_in_shelf) all.erase(all.begin());
  json list = json::array();
  for (const auto& each : all) list.push_back(written(each));
  const auto text = list.dump(-1, ' ', false, json::error_handler_t::replace);
  try {
    if (const auto kv = ctx_.kv())
      kv.put(shelf, text);
    else
      memory_[shelf] = text;
  } catch (const std::exception& error) {
    ctx_.warn(std::string("where an incident's message stands could not be kept: ") + error.what());
  }
}

std::vector<SlackThread> SlackThreads::read(const std::string& shelf) const {
  std::vector<SlackThread> out;
  const auto text = text_of(shelf);
  if (text.empty()) return out;
  try {
    for (const auto& each : json::parse(text)) out.push_back(thread_of(each));
  } catch (const json::exception&) {
    ctx_.warn("what was kept in " + shelf + " of messages in Slack cannot be read: their next changes are posted anew");
    out.clear();
  }
  return out;
}

std::string SlackThreads::text_of(const std::string& shelf) const {
  try {
    if (const auto kv = ctx_.kv()) return kv.get(shelf).value_or("");
  } catch (const std::exception& error) {
    ctx_.warn(std::string("where an incident's message stands cannot be read: ") + error.what());
    return {};
  }
  const auto at = memory_.find(shelf);
  return at == memory_.end() ? std::string() : at->second;
}

}  // namespace tocsin_plugins
