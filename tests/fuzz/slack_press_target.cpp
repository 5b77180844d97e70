// links: slack_objects Tocsin::testing nlohmann_json::nlohmann_json
// with: scripted_http.cpp
// libFuzzer target for what Slack hands over when somebody presses a button: the whole body with a good signature, so
// that the reader is reached, and the same one with the signature of another.
#include "digest/digest.hpp"
#include "interaction.hpp"
#include "message_text/text.hpp"
#include "scripted_http.hpp"

using namespace tocsin_plugins;
using fuzz::require;

namespace {

bool is_text(std::string_view text) {
  for (; !text.empty(); text.remove_prefix(character_size(text)))
    if (character_size(text) == 0 || static_cast<unsigned char>(text[0]) < 0x20) return false;
  return true;
}

void read(std::string_view body) {
  Press press;
  std::string why;
  const auto reading = read_interaction(body, press, why);
  if (reading == Reading::help) return;
  if (reading != Reading::press) return require(!why.empty() && is_text(why), "what is not taken says why");
  require(press.is_command() || !press.id.empty(), "a press has an id");
  require(press.id.size() <= 256 && is_text(press.id), "an id is one that the host takes");
  require(!press.user.empty() && is_text(press.user) && is_text(press.user_name), "who pressed can be shown");
  require(!press.meaning.incident.empty() && press.meaning.incident.size() <= 64, "an answer names an incident");
  if (is_response_url(press.response_url, "https://slack.com/api"))
    require(press.response_url.starts_with("https://hooks.slack"), "only Slack is answered");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const auto time = input.line(), shown = input.line();
  const fuzz::Exact body(input.rest());
  const tsn::Time now = 1'531'420'618'000'000'000;
  const auto good = "v0=" + hmac_sha256_hex("secret", "v0:1531420618:" + std::string(body.view()));
  require(refusal_of("secret", {"1531420618", good}, body.view(), now).empty(), "what Slack signed is taken");
  if (shown != good) require(!refusal_of("secret", {time, shown}, body.view(), now).empty(), "what it did not is not");
  read(body.view());
  return 0;
}
