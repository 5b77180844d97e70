// What an answer means; apart from the client, which needs a network.
#include <curl/curl.h>

#include <algorithm>
#include <cctype>

#include "http_client/http_client.hpp"

namespace tocsin_plugins {

std::chrono::milliseconds HttpAnswer::retry_after(tsn::Time now) const {
  const auto it = headers.find("retry-after");
  if (it == headers.end() || it->second.empty()) return {};
  const auto& text = it->second;
  if (std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c); })) {
    return std::chrono::seconds(std::min(std::strtoll(text.c_str(), nullptr, 10), 86'400LL));
  }
  const time_t at = curl_getdate(text.c_str(), nullptr);
  if (at < 0) return {};
  return std::chrono::seconds(std::clamp<std::int64_t>(at - now / 1'000'000'000, 0, 86'400));
}

tsn::Status status_of(const HttpAnswer& answer, std::string_view what, tsn::Time now) {
  if (answer.status >= 200 && answer.status < 300) return tsn::ok;
  const int code = static_cast<int>(answer.status);
  std::string text(what);
  text += ": HTTP " + std::to_string(code);
  if (!answer.body.empty()) {
    std::string extract = answer.body.substr(0, tsn::detail::fitting(answer.body, 120));
    std::replace_if(extract.begin(), extract.end(), [](unsigned char c) { return c < 0x20; }, ' ');
    text += ": " + extract;
  }
  if (code == 401 || code == 403) return tsn::denied(text + "; check its credentials").with_code(code);
  if (code == 429 || code >= 500 || code == 408 || code == 425) {
    const auto wait = answer.retry_after(now);
    if (wait.count() > 0) return tsn::retry_later(text, wait).with_code(code);
    return tsn::fail(text).with_code(code);
  }
  return tsn::invalid(text).with_code(code);
}

bool nests_deep(std::string_view json) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string && c == '\\') {
      ++i;
    } else if (c == '"') {
      in_string = !in_string;
    } else if (!in_string && (c == '[' || c == '{')) {
      if (++depth > 64) return true;
    } else if (!in_string && (c == ']' || c == '}')) {
      --depth;
    }
  }
  return false;
}

std::string host_of(std::string_view url) {
  const auto scheme = url.find("://");
  const auto begin = scheme == url.npos ? 0 : scheme + 3;
  const auto end = std::min(url.find_first_of("/?#", begin), url.size());
  auto host = url.substr(begin, end - begin);
  if (const auto at = host.rfind('@'); at != host.npos) host.remove_prefix(at + 1);
  return std::string(url.substr(0, begin)) + std::string(host);
}

}  // namespace tocsin_plugins
