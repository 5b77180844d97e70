#include "http_client/http_call.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <cctype>
#include <mutex>

namespace tocsin_plugins {
namespace {

// curl_global_init is not thread-safe in 7.88 without care; every plugin that links this does it once.
void init_once() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

std::size_t take_body(char* data, std::size_t size, std::size_t count, void* to) {
  const auto& [answer, most] = *static_cast<HttpCall::BodyTaker*>(to);
  answer->too_long = answer->body.size() + size * count > most;
  if (answer->too_long) return 0;
  answer->body.append(data, size * count);
  return size * count;
}

std::size_t take_header(char* data, std::size_t size, std::size_t count, void* to) {
  std::string_view line(data, size * count);
  auto& headers = static_cast<HttpAnswer*>(to)->headers;
  if (line.starts_with("HTTP/")) headers.clear();  // of an interim answer, or before a redirect
  const auto colon = line.find(':');
  if (colon != line.npos) {
    std::string name(line.substr(0, colon));
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    auto value = line.substr(colon + 1);
    while (!value.empty() && std::isspace(static_cast<unsigned char>(value.front()))) value.remove_prefix(1);
    while (!value.empty() && std::isspace(static_cast<unsigned char>(value.back()))) value.remove_suffix(1);
    headers[std::move(name)] = std::string(value);
  }
  return size * count;
}

/// Failures at which no byte of the request was accepted by the other side.
bool never_sent(CURLcode code) {
  switch (code) {
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
      return true;
    default:
      return false;
  }
}

std::string remedy(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return "; check the name and the resolver";
    case CURLE_COULDNT_CONNECT:
      return "; check that it is running and reachable from here";
    case CURLE_PEER_FAILED_VERIFICATION:
      return "; its certificate is not trusted here: set ca_file to the issuer's certificate";
    case CURLE_SSL_CACERT_BADFILE:
      return "; ca_file is not a readable PEM file";
    case CURLE_SSL_CERTPROBLEM:
      return "; check cert_file and key_file: PEM files that belong together";
    case CURLE_URL_MALFORMAT:
      return "; check url";
    case CURLE_WRITE_ERROR:
      return "; the answer is longer than is taken";
    default:
      return "";
  }
}

}  // namespace

HttpCall::HttpCall() {
  init_once();
  curl_ = curl_easy_init();
  if (!curl_) throw tsn::Failure("cannot make an HTTP client");
}

HttpCall::~HttpCall() {
  curl_easy_cleanup(curl_);
  forget_headers();
}

void HttpCall::forget_headers() {
  curl_slist_free_all(headers_);
  headers_ = nullptr;
}

void HttpCall::prepare(const HttpSettings& settings, const HttpRequest& request, tsn::Deadline deadline,
                       HttpAnswer& answer) {
  CURL* curl = curl_;
  curl_easy_reset(curl);  // options only; the open connection stays
  answer = HttpAnswer{};
  url_ = request.url;
  error_[0] = 0;
  forget_headers();
  headers_ = curl_slist_append(nullptr, "Expect:");
  for (const auto& header : request.headers) headers_ = curl_slist_append(headers_, header.c_str());
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  if (request.method != "GET" || !request.body.empty()) {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.c_str());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  }
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers_);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "tocsin/1");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1L);
  // By default each call takes 64 KiB for what it sends, and gives them back.
  curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, 16'384L);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, deadline.milliseconds());
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, std::min(deadline.milliseconds(), 10'000L));
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
  taker_ = {&answer, request.most_body};
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &taker_);
  if (request.compressed) curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "gzip");
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &answer);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error_);
  curl_easy_setopt(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, request.once ? 1L : 0L);
  curl_easy_setopt(curl, CURLOPT_PROXY, settings.proxy_url.c_str());
  if (!settings.no_proxy.empty()) curl_easy_setopt(curl, CURLOPT_NOPROXY, settings.no_proxy.c_str());
  if (!settings.ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, settings.ca_file.c_str());
  if (!settings.cert_file.empty()) {
    const auto& key = settings.key_file.empty() ? settings.cert_file : settings.key_file;
    curl_easy_setopt(curl, CURLOPT_SSLCERT, settings.cert_file.c_str());
    curl_easy_setopt(curl, CURLOPT_SSLKEY, key.c_str());
    curl_easy_setopt(curl, CURLOPT_KEYPASSWD, "");  // else OpenSSL asks on the terminal
  }
  if (!request.username.empty()) {
    curl_easy_setopt(curl, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
    curl_easy_setopt(curl, CURLOPT_USERNAME, request.username.c_str());
    curl_easy_setopt(curl, CURLOPT_PASSWORD, request.password.c_str());
  }
}

tsn::Status HttpCall::result(CURLcode code, HttpAnswer& answer) {
  forget_headers();
  if (code == CURLE_OK) {
    curl_easy_getinfo(curl_, CURLINFO_RESPONSE_CODE, &answer.status);
    return tsn::ok;
  }
  const std::string why = error_[0] ? error_ : curl_easy_strerror(code);
  const std::string text = host_of(url_) + ": " + why + remedy(code);
  if (never_sent(code)) return tsn::fail(text);
  // A time-out before the connection stood sent nothing either.
  double connected = 0;
  curl_easy_getinfo(curl_, CURLINFO_PRETRANSFER_TIME, &connected);
  return connected == 0 ? tsn::fail(text) : tsn::unknown(text);
}

}  // namespace tocsin_plugins
