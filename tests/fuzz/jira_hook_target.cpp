// links: jira_objects tocsin_digest Tocsin::testing nlohmann_json::nlohmann_json
// with: scripted_http.cpp
// libFuzzer target for what comes from Jira: a signed webhook of any body, then a poll whose answers the input gives.
#include "digest/digest.hpp"
#include "event.hpp"
#include "json.hpp"
#include "scripted_http.hpp"
#include "tocsin/testing/fake_host.hpp"

using namespace tsn::testing;
using namespace tocsin_plugins::jira;
using fuzz::require;

namespace {

tsn::Value config(bool cloud) {
  return from_json(std::string(R"({"api_url": "https://j.example", "username": "u", "token": "t", "project": "OPS",
    "resolve_transition": "Done", "status": {"ACKNOWLEDGED": "In Progress", "CLOSED": "Closed"}, "users": {"nora": "n1"},
    "webhook": {"path": "/hook", "secret": "s"}, "api_type": ")") +
                   (cloud ? "cloud\"}" : "datacenter\"}"));
}

void check(const std::vector<Event>& events) {
  for (const auto& event : events) {
    require(!event.id.empty() && event.id.find_first_of("\r\n") == std::string::npos, "an event has an id on one line");
    require(is_issue_key(event.ticket), "an event is of an issue");
    require(event.text.size() <= most_event_text + 3, "a text has a bound");
    const auto kept = event_of_json(parsed(printed(json_of_event(event))));
    require(kept && kept->id == event.id && kept->ticket == event.ticket && kept->at == event.at,
            "an event that was kept is the same");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  FakeHost host;
  const auto jira = host.create("jira", config(input.below(2) == 0));
  const auto refused = static_cast<tsn_status>(input.below(3) == 0 ? TSN_INVALID : TSN_OK);
  host.on_answer([&](const GivenAnswer& given) {
    require(!given.id.empty() && (!given.ticket.empty() || !given.incident.empty()),
            "an answer names what it is about");
    require(given.kind != TSN_ANSWER_STATUS || (given.status >= TSN_INC_OPEN && given.status <= TSN_INC_CLOSED),
            "a status is one of ours");
    return Answer{refused, "no", 0, 0, {}, {}, {}};
  });
  HttpRequest request;
  request.path = "/hook";
  std::string_view rest = input.rest();
  const auto end = std::min(rest.find('\0'), rest.size());
  request.body = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  const auto tree = parsed(request.body);
  check(hook_of(tree).events);
  check(events_of_issue(tree, 0));
  request.headers = {{"x-hub-signature", "sha256=" + tocsin_plugins::hmac_sha256_hex("s", request.body)}};
  jira->start();
  input = fuzz::Input(reinterpret_cast<const std::uint8_t*>(rest.data()), rest.size());
  fuzz::script(input);
  const auto answer = jira->handle(request);
  require(answer.status == TSN_OK && (answer.response.status == 200 || answer.response.status == 400),
          "a signed webhook is taken or is no JSON");
  host.advance(std::chrono::seconds(3));
  (void)jira->sync();
  jira->stop();
  require(host.timers() == 0 && host.violations().empty(), "the contract is kept");
  return 0;
}
