#include "plugin_host/response_box.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "plugin_host/abi_text.hpp"

namespace tocsin::plugin_host {
namespace {

struct Problem {
  std::uint32_t status;
  const char* title;
};

Problem problem_of(tsn_status status) {
  switch (status) {
    case TSN_RETRY:
    case TSN_CANCELLED:
      return {503, "Service Unavailable"};
    case TSN_INVALID:
      return {400, "Bad Request"};
    case TSN_DENIED:
      return {403, "Forbidden"};
    case TSN_CARDINALITY:
      return {429, "Too Many Requests"};
    case TSN_UNSUPPORTED:
      return {501, "Not Implemented"};
    case TSN_DEADLINE:
    case TSN_UNKNOWN:
      return {504, "Gateway Timeout"};
    default:
      return {500, "Internal Server Error"};
  }
}

/// RFC 9110, 5.1 and 5.5: a name is a token, a value has no line end; anything else could start a header of its own.
bool valid_name(std::string_view name) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || marks.find(c) != marks.npos;
  });
}
bool valid_value(std::string_view value) {
  return std::none_of(value.begin(), value.end(),
                      [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F; });
}

}  // namespace

Instance::Response problem(tsn_status status, const std::string& detail, std::uint32_t retry_after_ms) {
  Problem kind = problem_of(status);
  Instance::Response out;
  out.status = kind.status;
  out.headers.emplace_back("content-type", "application/problem+json");
  if (kind.status == 503 || kind.status == 429) {
    out.headers.emplace_back("retry-after", std::to_string(std::max(1u, (retry_after_ms + 999) / 1000)));
  }
  out.body = std::string(R"({"type":"about:blank","title":)") + base::json_quote(kind.title) +
             ",\"status\":" + std::to_string(kind.status) + ",\"detail\":" + base::json_quote(detail) + "}";
  return out;
}

Instance::Response checked(Instance::Response response) {
  constexpr std::size_t most_body = 64u << 20, most_headers = 256;
  bool good = response.status >= 200 && response.status <= 599 && response.headers.size() <= most_headers &&
              response.body.size() <= most_body;
  for (const auto& [name, value] : response.headers) good = good && valid_name(name) && valid_value(value);
  return good ? std::move(response) : problem(TSN_FAILED, "the plugin's answer is none that HTTP allows");
}

ResponseBox::ResponseBox() {
  abi_.size = sizeof abi_;
  abi_.status = 200;
  abi_.ctx = this;
  abi_.header = &add_header;
  abi_.body = &add_body;
}

void ResponseBox::add_header(tsn_response* response, tsn_str name, tsn_str value) {
  if (response == nullptr || response->ctx == nullptr) return;
  auto& box = *static_cast<ResponseBox*>(response->ctx);
  std::lock_guard lock(box.mutex_);
  if (box.closed_) return;
  if (!sound(name) || !sound(value) || !valid_name(view(name)) || !valid_value(view(value))) {
    box.defect_ = "the plugin set a header that HTTP does not allow";
  } else if (box.out_.headers.size() >= most_headers) {
    box.defect_ = "the plugin set more than 256 headers";
  } else {
    box.out_.headers.emplace_back(view(name), view(value));
  }
}

void ResponseBox::add_body(tsn_response* response, tsn_bytes bytes) {
  if (response == nullptr || response->ctx == nullptr) return;
  auto& box = *static_cast<ResponseBox*>(response->ctx);
  std::lock_guard lock(box.mutex_);
  if (box.closed_ || bytes.n == 0) return;
  if (bytes.p == nullptr || bytes.n > most_body - box.out_.body.size()) {
    box.defect_ = "the plugin's body is longer than 64 MiB or has no bytes";
  } else {
    box.out_.body.append(static_cast<const char*>(bytes.p), bytes.n);
  }
}

Instance::Response ResponseBox::close(const Answer& answer) {
  std::lock_guard lock(mutex_);
  closed_ = true;
  if (!defect_.empty()) return problem(TSN_FAILED, defect_);
  // After TSN_DEADLINE the plugin may still be writing its status.
  bool forced = answer.status == TSN_DEADLINE || answer.status == TSN_CANCELLED;
  std::uint32_t status = forced ? 0 : abi_.status;
  if (answer.status != TSN_OK && status < 400) return problem(answer.status, answer.error, answer.retry_after_ms);
  if (status < 200 || status > 599)
    return problem(TSN_FAILED, "the plugin set the HTTP status " + std::to_string(status));
  out_.status = status;
  return std::move(out_);
}

}  // namespace tocsin::plugin_host
