// links: tocsin_api nlohmann_json::nlohmann_json
// libFuzzer target for the bodies of Alertmanager's API: alerts and silences are read or refused in its forms, what was
// read may be kept, and what is written is JSON.
#include <memory>
#include <nlohmann/json.hpp>

#include "api/alertmanager_json.hpp"
#include "target.hpp"

using fuzz::require;
using namespace tocsin;
namespace am = api::alertmanager;

namespace {

void check(const api::Reply& refused) {
  require(refused.status == 400 || refused.status == 422, "a body that is refused is the sender's fault");
  const auto told = nlohmann::json::parse(refused.body, nullptr, false);
  require(told.is_string() || (told.is_object() && told["code"].is_number() && told["message"].is_string()),
          "an error has one of Alertmanager's forms");
}

void check(const model::ReceivedAlert& alert) {
  require(model::check_received(alert).has_value(), "what was read may be kept");
  auto row = std::make_shared<model::Alert>();
  row->labels = alert.labels;
  row->annotations = alert.annotations;
  row->generator_url = alert.generator_url;
  row->fingerprint = alert.labels.fingerprint();
  model::AlertView view;
  view.alert = row;
  view.starts_at = alert.starts_at;
  view.ends_at = alert.ends_at;
  std::string text;
  api::JsonWriter json(text);
  am::write(json, view);
  const auto told = nlohmann::json::parse(text, nullptr, false);
  require(told.is_object() && told["labels"].size() == alert.labels.size(), "an alert is written with its labels");
  const auto again = am::read_alerts("[" + text + "]");
  require(again && again->alerts.size() == 1 && again->alerts[0].labels == alert.labels,
          "what is written can be sent again");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::Exact body(std::string_view(reinterpret_cast<const char*>(data), size));
  if (const auto posted = am::read_alerts(body.view())) {
    for (const auto& alert : posted->alerts) check(alert);
  } else {
    check(posted.error());
  }
  if (const auto silence = am::read_silence(body.view())) {
    require(!silence->matchers.empty(), "a silence has a matcher");
    std::string text;
    api::JsonWriter json(text);
    am::write(json, *silence, base::from_ns(1));
    require(nlohmann::json::parse(text, nullptr, false).is_object(), "a silence is written as JSON");
  } else {
    check(silence.error());
  }
  return 0;
}
