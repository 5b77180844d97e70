// links: webhook_objects tocsin_message_text Tocsin::testing nlohmann_json::nlohmann_json
// with: scripted_http.cpp
// libFuzzer target for webhooks: a message of any texts is sent, and the input answers.
#include "message.hpp"
#include "scripted_http.hpp"
#include "tocsin/testing/fake_host.hpp"

using namespace tsn::testing;
using fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  static FakeHost host;
  static const auto webhook = host.create("webhook", from_json(R"({"url": "https://u:p@w.example/x?t=1"})"));
  fuzz::Texts texts(input);
  const tsn::Message message = fuzz::message(texts, input);
  fuzz::script(input);
  const Answer answer = webhook->deliver(message);
  require(answer.status == TSN_OK || !answer.text.empty(), "a failure says why");
  require(answer.text.find("u:p") == std::string::npos, "a failure names no password");
  require(host.violations().empty(), "the contract is kept");
  host.clear();
  return 0;
}
