// A notifier whose provider takes everything and calls back as the test likes: POST /answerer/WHAT/MESSAGE/ID, the
// sender's number in the body.
#include <string>
#include <tocsin/plugin.hpp>
#include <vector>

namespace {

std::vector<std::string_view> segments(std::string_view path) {
  std::vector<std::string_view> out;
  while (!path.empty()) {
    const auto end = std::min(path.find('/'), path.size());
    if (end > 0) out.push_back(path.substr(0, end));
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return out;
}

struct Answerer {
  static constexpr auto id = "answerer", version = "1.0.0", doc = "Takes everything; callbacks are the test's";
  static constexpr auto address_field = "phone";
  static constexpr tsn::Route routes[] = {{"POST", "/answerer/*", "what became of a message, or a reply to it"}};
  tsn::Context ctx;

  tsn::Status deliver(const tsn::Message& message, tsn::Delivered& out, tsn::Token&, tsn::Deadline) {
    out.provider_id = "p-" + std::string(message.recipient.address);
    return tsn::ok;
  }
  tsn::Status handle(const tsn::Request& request, tsn::Response& response) {
    const auto parts = segments(request.path());
    if (parts.size() < 4) return tsn::invalid("answerer: /answerer/WHAT/MESSAGE/ID");
    std::string sentence;
    const tsn::Status taken =
        parts[1] == "failed" || parts[1] == "delivered" ? receipt(parts) : reply(parts, request, sentence);
    response.status(taken ? 200 : taken.value() == TSN_RETRY ? 503 : 409);
    response.body(taken ? sentence : taken.text());
    return tsn::ok;
  }

 private:
  tsn::Status receipt(const std::vector<std::string_view>& parts) {
    const bool failed = parts[1] == "failed";
    return ctx.feedback().receipt({.state = failed ? TSN_RECEIPT_FAILED : TSN_RECEIPT_DELIVERED,
                                   .provider_id = parts[2],
                                   .detail = failed ? "UNDELIV" : ""});
  }
  tsn::Status reply(const std::vector<std::string_view>& parts, const tsn::Request& request, std::string& sentence) {
    tsn::PersonAnswer answer;
    answer.kind = parts[1] == "acknowledge" ? TSN_ANSWER_ACKNOWLEDGE : parts[1] == "resolve" ? TSN_ANSWER_RESOLVE : 0;
    answer.id = parts[3];
    answer.provider_id = parts[2];
    answer.address = request.body();
    answer.way = "SMS reply";
    tsn::Answered became;
    auto taken = ctx.feedback().answer(answer, &became);
    sentence = (became.changed ? "changed: " : "same: ") + became.text;
    return taken;
  }
};

}  // namespace

TOCSIN_PLUGIN(Answerer)
