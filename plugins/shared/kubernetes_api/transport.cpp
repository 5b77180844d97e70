#include "kubernetes_api/transport.hpp"

#include <algorithm>
#include <cctype>
#include <list>
#include <utility>

#include "kubernetes_api/curl_library.hpp"

namespace tocsin_plugins::kube {
namespace {

struct Request {
  Receiver* to = nullptr;
  CURL* handle = nullptr;
  curl_slist* headers = nullptr;
  bool begun = false;
  char error[CURL_ERROR_SIZE] = {};

  Request() = default;
  Request(const Request&) = delete;
  ~Request() {
    curl().easy_cleanup(handle);
    curl().slist_free_all(headers);
  }
};

std::size_t take_header(char* data, std::size_t size, std::size_t count, void* to) {
  auto& request = *static_cast<Request*>(to);
  const std::string_view line(data, size * count);
  if (line.find_first_not_of("\r\n") != line.npos) return line.size();
  long status = 0;
  curl().easy_getinfo(request.handle, CURLINFO_RESPONSE_CODE, &status);
  // Below are interim answers.
  if (status >= 200 && !std::exchange(request.begun, true)) request.to->begun(status);
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

void set_pem(CURL* handle, const Pem& pem, CURLoption file, CURLoption blob) {
  if (!pem.text.empty()) {
    curl_blob bytes{const_cast<char*>(pem.text.data()), pem.text.size(), CURL_BLOB_COPY};
    curl().easy_setopt(handle, blob, &bytes);
  } else if (!pem.file.empty()) {
    curl().easy_setopt(handle, file, pem.file.c_str());
  }
}

}  // namespace

struct Transport::Impl {
  explicit Impl(const Access& of) : access(of) {
    multi = curl().multi_init();
    if (!multi) throw tsn::Failure("cannot make an HTTP client");
  }
  ~Impl() {
    drop_all();
    curl().multi_cleanup(multi);
  }
  void drop_all() noexcept {
    for (auto& request : requests) curl().multi_remove_handle(multi, request.handle);
    requests.clear();
  }
  void set_options(Request& request, const std::string& url, const Question& question);
  void finish(CURL* handle, CURLcode code);

  const Access access;
  CURLM* multi = nullptr;
  std::list<Request> requests;
};

void Transport::Impl::set_options(Request& request, const std::string& url, const Question& question) {
  const auto set = [handle = request.handle](CURLoption option, auto value) {
    curl().easy_setopt(handle, option, value);
  };
  set(CURLOPT_PRIVATE, &request);
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_HTTPHEADER, request.headers);
  set(CURLOPT_USERAGENT, "tocsin/1");
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_QUICK_EXIT, 1L);
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(question.time.count()));
  set(CURLOPT_CONNECTTIMEOUT_MS, 10'000L);
  // A watch is silent for minutes: only this finds that its other side is gone.
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  set(CURLOPT_TCP_KEEPIDLE, 30L);
  set(CURLOPT_TCP_KEEPINTVL, 10L);
  if (question.silence.count() > 0) {
    set(CURLOPT_LOW_SPEED_LIMIT, 1L);
    set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(question.silence.count()));
  }
  set(CURLOPT_WRITEFUNCTION, take_body);
  set(CURLOPT_WRITEDATA, &request);
  set(CURLOPT_HEADERFUNCTION, take_header);
  set(CURLOPT_HEADERDATA, &request);
  set(CURLOPT_ERRORBUFFER, request.error);
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set(CURLOPT_PROXY, access.proxy_url.c_str());
  if (!access.no_proxy.empty()) set(CURLOPT_NOPROXY, access.no_proxy.c_str());
  if (question.packed) set(CURLOPT_ACCEPT_ENCODING, "gzip");
  set(CURLOPT_CA_CACHE_TIMEOUT, 60L);  // of seconds; a day by itself
  set_pem(request.handle, access.ca, CURLOPT_CAINFO, CURLOPT_CAINFO_BLOB);
  set_pem(request.handle, access.cert, CURLOPT_SSLCERT, CURLOPT_SSLCERT_BLOB);
  set_pem(request.handle, access.key, CURLOPT_SSLKEY, CURLOPT_SSLKEY_BLOB);
}

void Transport::Impl::finish(CURL* handle, CURLcode code) {
  const auto at = std::find_if(requests.begin(), requests.end(), [&](auto& one) { return one.handle == handle; });
  if (at == requests.end()) return;
  Outcome outcome;
  curl_off_t wait = 0;
  curl().easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &outcome.status);
  if (curl().easy_getinfo(handle, CURLINFO_RETRY_AFTER, &wait) == CURLE_OK)
    outcome.retry_after = std::chrono::seconds(std::clamp<curl_off_t>(wait, 0, 86'400));
  if (code != CURLE_OK)
    outcome.error = access.url + ": " + (at->error[0] ? at->error : curl().easy_strerror(code)) + remedy(code);
  outcome.silent = code == CURLE_OPERATION_TIMEDOUT && at->begun;
  auto* to = at->to;
  curl().multi_remove_handle(multi, handle);
  requests.erase(at);
  to->ended(outcome);
}

Transport::Transport(const Access& access) : impl_(std::make_unique<Impl>(access)) {}
Transport::~Transport() = default;

void Transport::get(Receiver& to, const Question& question) {
  const auto token = impl_->access.current_token();
  auto& request = impl_->requests.emplace_back();
  request.to = &to;
  request.handle = curl().easy_init();
  request.headers = curl().slist_append(nullptr, ("Accept: " + question.accept).c_str());
  if (!token.empty())
    request.headers = curl().slist_append(request.headers, ("Authorization: Bearer " + token).c_str());
  if (!request.handle || !request.headers) {
    impl_->requests.pop_back();
    throw tsn::Failure("cannot make an HTTP request: no memory");
  }
  impl_->set_options(request, impl_->access.url + question.path, question);
  curl().multi_add_handle(impl_->multi, request.handle);
}

void Transport::run(std::chrono::milliseconds wait) {
  // Waiting comes first, so that what was read is the caller's at once. A request that was just made ends it.
  curl().multi_poll(impl_->multi, nullptr, 0, static_cast<int>(wait.count()), nullptr);
  int left = 0, queued = 0;
  curl().multi_perform(impl_->multi, &left);
  while (const auto* message = curl().multi_info_read(impl_->multi, &queued))
    if (message->msg == CURLMSG_DONE) impl_->finish(message->easy_handle, message->data.result);
}

void Transport::wake() noexcept {
  curl().multi_wakeup(impl_->multi);
}

void Transport::clear() noexcept {
  impl_->drop_all();
}

std::size_t Transport::running() const noexcept {
  return impl_->requests.size();
}

std::string escape(std::string_view text) {
  constexpr auto digits = "0123456789ABCDEF";
  std::string made;
  for (const unsigned char c : text) {
    if (std::isalnum(c) || c == '-' || c == '_' || c == '.' || c == '~') {
      made.push_back(static_cast<char>(c));
    } else {
      made.push_back('%');
      made.push_back(digits[c >> 4]);
      made.push_back(digits[c & 15]);
    }
  }
  return made;
}

}  // namespace tocsin_plugins::kube
