// links: jira_objects tocsin_message_text Tocsin::testing nlohmann_json::nlohmann_json
// with: scripted_http.cpp
// libFuzzer target for Jira: changes of an incident of any texts, and the input answers in Jira's place.
#include "message.hpp"
#include "scripted_http.hpp"
#include "tocsin/testing/fake_host.hpp"

using namespace tsn::testing;
using fuzz::require;

namespace {

tsn::Value config(bool cloud) {
  return from_json(std::string(R"({"api_url": "https://j.example", "username": "u", "token": "t", "project": "OPS",
    "reopen_transition": "Reopen", "resolve_transition": "Done", "wont_fix_resolution": "Won't Do",
    "status": {"ACKNOWLEDGED": "In Progress"},
    "fields": {"Loader": "{{labels.x}}", "customfield_1": {"value": "{{incident.title}}"}}, "api_type": ")") +
                   (cloud ? "cloud\"}" : "datacenter\"}"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  FakeHost host;
  const auto jira = host.create("jira", config(input.below(2) == 0));
  tsn::Upsert change = sample_upsert();
  change.change = input.below(8);
  change.attempt = 1 + input.below(2);
  change.outcome_unknown = input.below(2) == 1;
  fuzz::Texts texts(input);
  fuzz::fill(change.incident, texts, input);
  change.incident.ticket_key = input.below(2) == 0 ? std::string_view() : texts.next();
  change.note = texts.next();
  change.note_author = texts.next();
  fuzz::script(input);
  const Answer answer = jira->upsert(change);
  require(answer.status != TSN_PENDING && answer.status <= TSN_END, "a change is answered");
  require(answer.status == TSN_OK || !answer.text.empty(), "a failure says why");
  if (answer.status == TSN_OK && answer.ticket.created) require(!answer.ticket.key.empty(), "a new issue has a key");
  require(host.violations().empty(), "the contract is kept");
  return 0;
}
