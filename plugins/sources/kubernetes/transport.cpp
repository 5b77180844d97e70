#include "transport.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <cctype>
#include <list>
#include <mutex>

#include "tocsin/plugin.hpp"

namespace tocsin_plugins::kube {
namespace {

struct Request {
  Receiver* to = nullptr;
  CURL* curl = nullptr;
  curl_slist* headers = nullptr;
  HttpAnswer answer;
  bool begun = false;
  char error[CURL_ERROR_SIZE] = {};

  Request() = default;
  Request(const Request&) = delete;
  ~Request() {
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
  }
};

std::string lower(std::string_view text) {
  std::string made(text);
  std::transform(made.begin(), made.end(), made.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return made;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
  return text;
}

std::size_t take_header(char* data, std::size_t size, std::size_t count, void* to) {
  auto& request = *static_cast<Request*>(to);
  const std::string_view line(data, size * count);
  if (line.starts_with("HTTP/")) request.answer.headers.clear();  // of an interim answer
  if (const auto colon = line.find(':'); colon != line.npos && request.answer.headers.size() < 64)
    request.answer.headers[lower(line.substr(0, colon))] = std::string(trimmed(line.substr(colon + 1)));
  if (!trimmed(line).empty()) return line.size();
  curl_easy_getinfo(request.curl, CURLINFO_RESPONSE_CODE, &request.answer.status);
  if (request.answer.status >= 200 && !std::exchange(request.begun, true)) request.to->begun(request.answer.status);
  return line.size();
}

std::size_t take_body(char* data, std::size_t size, std::size_t count, void* to) {
  auto& request = *static_cast<Request*>(to);
  return request.to->took({data, size * count}) ? size * count : 0;
}

std::string remedy(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return "; check url and the resolver";
    case CURLE_COULDNT_CONNECT:
      return "; check url, and that network policies let this host reach the API server";
    case CURLE_PEER_FAILED_VERIFICATION:
      return "; its certificate is not trusted here, or is for another name: set ca_file to the cluster's CA, and url "
             "to a name of the certificate";
    case CURLE_SSL_CACERT_BADFILE:
      return "; the CA is no readable PEM file: check ca_file, or the service account's ca.crt";
    case CURLE_SSL_CERTPROBLEM:
      return "; the client's certificate or key cannot be read: check cert_file and key_file";
    default:
      return "";
  }
}

void set_pem(CURL* curl, const Pem& pem, CURLoption file, CURLoption blob) {
  if (!pem.text.empty()) {
    curl_blob bytes{const_cast<char*>(pem.text.data()), pem.text.size(), CURL_BLOB_COPY};
    curl_easy_setopt(curl, blob, &bytes);
  } else if (!pem.file.empty()) {
    curl_easy_setopt(curl, file, pem.file.c_str());
  }
}

}  // namespace

struct Transport::Impl {
  explicit Impl(const Access& of) : access(of) {
    static std::once_flag once;
    std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
    multi = curl_multi_init();
    if (!multi) throw tsn::Failure("cannot make an HTTP client");
  }
  ~Impl() {
    drop_all();
    curl_multi_cleanup(multi);
  }
  void drop_all() noexcept {
    for (auto& request : requests) curl_multi_remove_handle(multi, request.curl);
    requests.clear();
  }
  void set_options(Request& request, const std::string& url, std::chrono::milliseconds time, bool packed);
  void finish(CURL* curl, CURLcode code);

  const Access access;
  CURLM* multi = nullptr;
  std::list<Request> requests;
};

void Transport::Impl::set_options(Request& request, const std::string& url, std::chrono::milliseconds time,
                                  bool packed) {
  CURL* curl = request.curl;
  curl_easy_setopt(curl, CURLOPT_PRIVATE, &request);
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, request.headers);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "tocsin/1");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(time.count()));
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, 10'000L);
  // A watch is silent for minutes: only this finds that its other side is gone.
  curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(curl, CURLOPT_TCP_KEEPIDLE, 30L);
  curl_easy_setopt(curl, CURLOPT_TCP_KEEPINTVL, 10L);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &request);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &request);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, request.error);
  curl_easy_setopt(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(curl, CURLOPT_PROXY, access.proxy_url.c_str());
  if (!access.no_proxy.empty()) curl_easy_setopt(curl, CURLOPT_NOPROXY, access.no_proxy.c_str());
  if (packed) curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "gzip");
  curl_easy_setopt(curl, CURLOPT_CA_CACHE_TIMEOUT, 60L);  // of seconds; a day by itself
  set_pem(curl, access.ca, CURLOPT_CAINFO, CURLOPT_CAINFO_BLOB);
  set_pem(curl, access.cert, CURLOPT_SSLCERT, CURLOPT_SSLCERT_BLOB);
  set_pem(curl, access.key, CURLOPT_SSLKEY, CURLOPT_SSLKEY_BLOB);
}

void Transport::Impl::finish(CURL* curl, CURLcode code) {
  const auto at = std::find_if(requests.begin(), requests.end(), [&](auto& one) { return one.curl == curl; });
  if (at == requests.end()) return;
  Outcome outcome;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &at->answer.status);
  outcome.answer = std::move(at->answer);
  if (code != CURLE_OK)
    outcome.error = host_of(access.url) + ": " + (at->error[0] ? at->error : curl_easy_strerror(code)) + remedy(code);
  auto* to = at->to;
  curl_multi_remove_handle(multi, curl);
  requests.erase(at);
  to->ended(outcome);
}

Transport::Transport(const Access& access) : impl_(std::make_unique<Impl>(access)) {}
Transport::~Transport() = default;

void Transport::get(Receiver& to, const std::string& path, std::chrono::milliseconds time, bool packed) {
  const auto token = impl_->access.current_token();
  auto& request = impl_->requests.emplace_back();
  request.to = &to;
  request.curl = curl_easy_init();
  request.headers = curl_slist_append(nullptr, "Accept: application/json");
  if (!token.empty()) request.headers = curl_slist_append(request.headers, ("Authorization: Bearer " + token).c_str());
  if (!request.curl || !request.headers) {
    impl_->requests.pop_back();
    throw tsn::Failure("cannot make an HTTP request: no memory");
  }
  impl_->set_options(request, impl_->access.url + path, time, packed);
  curl_multi_add_handle(impl_->multi, request.curl);
}

void Transport::run(std::chrono::milliseconds wait) {
  // Waiting comes first, so that what was read is the caller's at once. A request that was just made ends it.
  curl_multi_poll(impl_->multi, nullptr, 0, static_cast<int>(wait.count()), nullptr);
  int left = 0, queued = 0;
  curl_multi_perform(impl_->multi, &left);
  while (const auto* message = curl_multi_info_read(impl_->multi, &queued))
    if (message->msg == CURLMSG_DONE) impl_->finish(message->easy_handle, message->data.result);
}

void Transport::wake() noexcept {
  curl_multi_wakeup(impl_->multi);
}

void Transport::clear() noexcept {
  impl_->drop_all();
}

std::size_t Transport::running() const noexcept {
  return impl_->requests.size();
}

}  // namespace tocsin_plugins::kube
