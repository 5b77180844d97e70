#include "event_paths.hpp"

#include <charconv>
#include <nlohmann/json.hpp>

#include "log_match/known_keys.hpp"

namespace tocsin_plugins::amqp {
namespace {

using nlohmann::json;

std::optional<Pointer> pointer_at(const tsn::Config& table, const char* key) {
  const auto text = table.str(key);
  if (text.empty()) return std::nullopt;
  return Pointer(text, std::string("event.") + key);
}

}  // namespace

Pointer::Pointer(std::string_view text, const std::string& where) : text_(text) {
  const auto refuse = [&](const char* why) {
    throw tsn::Failure(
        tsn::invalid(where + ": \"" + text_ + "\" " + why + "; expected a JSON Pointer as /order/status"));
  };
  if (text.empty() || text.front() != '/') refuse("does not begin with /");
  std::string step;
  for (std::size_t i = 1; i <= text.size(); ++i) {
    if (i == text.size() || text[i] == '/') {
      steps_.push_back(std::exchange(step, {}));
    } else if (text[i] != '~') {
      step += text[i];
    } else {
      ++i;
      if (i == text.size() || (text[i] != '0' && text[i] != '1')) refuse("has a ~ that is not ~0 or ~1");
      step += text[i] == '0' ? '~' : '/';
    }
  }
}

const json* Pointer::find(const json& in) const {
  const json* at = &in;
  for (const auto& step : steps_) {
    if (at->is_object()) {
      const auto member = at->find(step);
      if (member == at->end()) return nullptr;
      at = &*member;
    } else if (at->is_array()) {
      std::size_t index = 0;
      const auto [end, error] = std::from_chars(step.data(), step.data() + step.size(), index);
      if (error != std::errc() || end != step.data() + step.size() || index >= at->size()) return nullptr;
      at = &(*at)[index];
    } else {
      return nullptr;
    }
  }
  return at;
}

EventPaths::EventPaths(const tsn::Config& event) {
  log_match::refuse_unknown_keys(event, "event", {"signal", "value", "time", "text", "labels"});
  signal = pointer_at(event, "signal");
  value = pointer_at(event, "value");
  time = pointer_at(event, "time");
  text = pointer_at(event, "text");
  const auto table = event.table("labels");
  for (std::uint32_t i = 0; i < table.count(); ++i) {
    const std::string name(table.key(i));
    labels.emplace_back(name, Pointer(table.at(i).as_str(), "event.labels." + name));
  }
}

std::optional<std::string> scalar_text(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number() || value.is_boolean()) return value.dump();
  return std::nullopt;
}

}  // namespace tocsin_plugins::amqp
