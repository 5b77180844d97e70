#include "kubernetes_api/api_get.hpp"

#include <curl/curl.h>
#include <dlfcn.h>

#include <utility>

namespace tocsin_plugins::kubernetes {
namespace {

/// The functions of libcurl that are used, from the library of the system. It stays open once it was.
struct Library {
  void* handle = ::dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
  template <class Function>
  Function* find(const char* name) const {
    return handle ? reinterpret_cast<Function*>(::dlsym(handle, name)) : nullptr;
  }
  decltype(&::curl_global_init) global_init = find<decltype(::curl_global_init)>("curl_global_init");
  decltype(&::curl_easy_init) init = find<decltype(::curl_easy_init)>("curl_easy_init");
  decltype(&::curl_easy_cleanup) cleanup = find<decltype(::curl_easy_cleanup)>("curl_easy_cleanup");
  decltype(&::curl_easy_reset) reset = find<decltype(::curl_easy_reset)>("curl_easy_reset");
  CURLcode (*set)(CURL*, CURLoption, ...) = find<CURLcode(CURL*, CURLoption, ...)>("curl_easy_setopt");
  CURLcode (*info)(CURL*, CURLINFO, ...) = find<CURLcode(CURL*, CURLINFO, ...)>("curl_easy_getinfo");
  decltype(&::curl_easy_perform) perform = find<decltype(::curl_easy_perform)>("curl_easy_perform");
  decltype(&::curl_easy_strerror) text = find<decltype(::curl_easy_strerror)>("curl_easy_strerror");
  decltype(&::curl_slist_append) append = find<decltype(::curl_slist_append)>("curl_slist_append");
  decltype(&::curl_slist_free_all) free_all = find<decltype(::curl_slist_free_all)>("curl_slist_free_all");

  Library() {
    if (good()) global_init(CURL_GLOBAL_DEFAULT);
  }
  bool good() const {
    return global_init && init && cleanup && reset && set && info && perform && text && append && free_all;
  }
};

const Library& library() {
  static const Library opened;
  return opened;
}

std::size_t take_body(char* data, std::size_t size, std::size_t count, void* to) {
  auto& body = *static_cast<std::string*>(to);
  if (body.size() + size * count > ApiGet::most_body) return 0;
  body.append(data, size * count);
  return size * count;
}

int is_cancelled(void* cancelled, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::atomic<bool>*>(cancelled)->load();
}

}  // namespace

struct ApiGet::Connection {
  CURL* curl = library().init();
  char why[CURL_ERROR_SIZE] = {};
  ~Connection() { library().cleanup(curl); }
};

ApiGet::ApiGet(Credentials credentials) : credentials_(std::move(credentials)) {}
ApiGet::~ApiGet() = default;

tsn::Status ApiGet::get(const std::string& path, const std::string& accept, std::chrono::milliseconds wait,
                        const std::atomic<bool>& cancelled, Answer& answer) {
  const auto& lib = library();
  if (!lib.good()) return tsn::fail("cannot open libcurl.so.4, by which Kubernetes is asked; install libcurl4");
  std::string error;
  const auto token = credentials_.token(error);
  if (!error.empty()) return tsn::fail(error);
  if (!connection_) connection_ = std::make_unique<Connection>();
  auto* curl = connection_->curl;
  if (!curl) return tsn::fail("cannot make an HTTP client");
  lib.reset(curl);
  answer = {};
  auto& why = connection_->why;
  why[0] = 0;
  const auto url = credentials_.url + path;
  auto* headers = lib.append(nullptr, ("Accept: " + accept).c_str());
  if (!token.empty()) headers = lib.append(headers, ("Authorization: Bearer " + token).c_str());
  lib.set(curl, CURLOPT_URL, url.c_str());
  lib.set(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  lib.set(curl, CURLOPT_HTTPHEADER, headers);
  lib.set(curl, CURLOPT_USERAGENT, "tocsin/1");
  lib.set(curl, CURLOPT_NOSIGNAL, 1L);
  lib.set(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(wait.count()));
  lib.set(curl, CURLOPT_WRITEFUNCTION, take_body);
  lib.set(curl, CURLOPT_WRITEDATA, &answer.body);
  lib.set(curl, CURLOPT_ACCEPT_ENCODING, "gzip");
  lib.set(curl, CURLOPT_ERRORBUFFER, why);
  lib.set(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  lib.set(curl, CURLOPT_PROXY, "");
  lib.set(curl, CURLOPT_NOPROGRESS, 0L);
  lib.set(curl, CURLOPT_XFERINFOFUNCTION, is_cancelled);
  lib.set(curl, CURLOPT_XFERINFODATA, const_cast<std::atomic<bool>*>(&cancelled));
  if (!credentials_.ca_file.empty()) lib.set(curl, CURLOPT_CAINFO, credentials_.ca_file.c_str());
  const auto code = lib.perform(curl);
  lib.free_all(headers);
  if (code != CURLE_OK)
    return tsn::fail(credentials_.url + ": " + (why[0] ? why : lib.text(code)) +
                     (code == CURLE_PEER_FAILED_VERIFICATION ? "; set ca_file to the certificate of its issuer" : ""));
  lib.info(curl, CURLINFO_RESPONSE_CODE, &answer.status);
  if (answer.status == 200) return tsn::ok;
  auto text =
      credentials_.url + " answered " + std::to_string(answer.status) + " to GET " + path.substr(0, path.find('?'));
  if (answer.status == 401) text += "; the token is not accepted: check token_file, or the pod's service account";
  if (answer.status == 403) text += "; the account lacks the right: give it the ClusterRole of the README";
  return tsn::fail(text);
}

}  // namespace tocsin_plugins::kubernetes
