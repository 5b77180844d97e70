// links: slack_objects Tocsin::testing nlohmann_json::nlohmann_json
// with: scripted_http.cpp
// libFuzzer target for Slack: a message of any texts is sent, and the input answers.
#include "message.hpp"
#include "scripted_http.hpp"
#include "tocsin/testing/fake_host.hpp"

using namespace tsn::testing;
using fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  static FakeHost host;
  static const auto by_token = host.create("slack", from_json(R"({"token": "xoxb", "channel": "#ops",
    "interactions": {"path": "/slack", "signing_secret": "x"}})"),
                                           "token");
  static const auto by_webhook = host.create("slack", from_json(R"({"webhook_url": "https://s.example/x"})"), "hook");
  const bool token = input.below(2) == 0;
  fuzz::Texts texts(input);
  const tsn::Message message = fuzz::message(texts, input);
  fuzz::script(input);
  const Answer answer = (token ? by_token : by_webhook)->deliver(message);
  require(answer.status != TSN_PENDING && answer.status <= TSN_END, "a delivery is answered");
  require(answer.status == TSN_OK || !answer.text.empty(), "a failure says why");
  for (std::string_view rest = answer.text; !rest.empty(); rest.remove_prefix(tocsin_plugins::character_size(rest)))
    require(tocsin_plugins::character_size(rest) > 0, "a failure's text is UTF-8");
  require(host.violations().empty(), "the contract is kept");
  host.clear();
  return 0;
}
