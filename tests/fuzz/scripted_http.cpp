#include "scripted_http.hpp"

#include <charconv>
#include <nlohmann/json.hpp>

namespace fuzz {

std::deque<tocsin_plugins::HttpAnswer> answers;

void script(Input& input) {
  answers.clear();
  while (input.left() > 0 && answers.size() < 16) {
    const std::string_view all = input.rest();
    const std::size_t end = all.find('\0');
    std::string_view one = all.substr(0, end);
    if (end != all.npos)
      input = Input(reinterpret_cast<const std::uint8_t*>(all.data()) + end + 1, all.size() - end - 1);
    const std::string_view first = one.substr(0, one.find('\n'));
    one.remove_prefix(std::min(first.size() + 1, one.size()));
    auto& answer = answers.emplace_back();
    const auto [rest, error] = std::from_chars(first.data(), first.data() + first.size(), answer.status);
    const auto used = static_cast<std::size_t>(rest - first.data());
    if (used < first.size()) answer.headers["retry-after"] = first.substr(used + 1);
    answer.status = error == std::errc() && answer.status >= 0 && answer.status < 1000 ? answer.status : 200;
    answer.body = one;
  }
}

}  // namespace fuzz

namespace tocsin_plugins {

struct HttpClient::Impl {};
HttpClient::HttpClient(HttpSettings) {}
HttpClient::~HttpClient() = default;

tsn::Status HttpClient::perform(const HttpRequest& request, tsn::Deadline, HttpAnswer& answer) {
  fuzz::require(request.body.empty() || nlohmann::json::accept(request.body), "what is sent is JSON");
  fuzz::require(request.url.starts_with("http") && request.url.find_first_of(" \r\n") == std::string::npos,
                "a URL has no white space");
  for (const auto& header : request.headers)
    fuzz::require(header.find_first_of("\r\n") == std::string::npos, "a header is one line");
  if (fuzz::answers.empty()) return tsn::fail("nothing is there");
  answer = std::move(fuzz::answers.front());
  fuzz::answers.pop_front();
  return answer.status == 0 ? tsn::unknown("the answer is lost") : tsn::ok;
}

}  // namespace tocsin_plugins
