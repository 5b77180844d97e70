// http and https by libcurl. Names are resolved before it is called: its own resolver has threads that cannot be ended.
#include <curl/curl.h>
#include <poll.h>
#include <re2/re2.h>

#include <algorithm>
#include <mutex>

#include "check.hpp"

namespace tocsin_plugins::probing {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t most_body = 1 << 20;

struct EasyDeleter {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct MultiDeleter {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Easy = std::unique_ptr<CURL, EasyDeleter>;
using Multi = std::unique_ptr<CURLM, MultiDeleter>;
using List = std::unique_ptr<curl_slist, ListDeleter>;

void append(List& list, const std::string& line) {
  auto* longer = curl_slist_append(list.get(), line.c_str());
  if (!longer) throw tsn::Failure("out of memory");
  static_cast<void>(list.release());
  list.reset(longer);
}

/// What a pattern is looked for in; the rest is read and forgotten.
std::size_t keep_body(char* data, std::size_t size, std::size_t count, void* to) {
  auto& body = *static_cast<std::string*>(to);
  body.append(data, std::min(size * count, most_body - body.size()));
  return size * count;
}

/// One request: of the target, or where it was sent on to.
struct Hop {
  std::string url;
  Url parts;
  bool first = true;  ///< the target's own request; what follows it is a GET without a body
  bool own = true;    ///< same scheme, host and port as the target: credentials and headers may go there
};

List addresses_of(const Hop& hop, const Limits& limits) {
  const bool six = hop.parts.host.find(':') != hop.parts.host.npos;
  if (six) return {};
  std::string line = hop.parts.host + ":" + std::to_string(hop.parts.port) + ":", comma;
  for (const auto& each : resolve(hop.parts.host, hop.parts.port, limits)) {
    line += comma + (each.family() == AF_INET6 ? "[" + each.text() + "]" : each.text());
    comma = ",";
  }
  List made;
  append(made, line);
  return made;
}

void set_request(CURL* curl, const Target& target, const Hop& hop, const List& headers) {
  curl_easy_setopt(curl, CURLOPT_URL, hop.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "tocsin/1");
  curl_easy_setopt(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!target.ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, target.ca_file.c_str());
  if (target.method == "HEAD") curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
  if (hop.first && target.method != "HEAD") curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, target.method.c_str());
  if (hop.first && !target.body.empty()) {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, target.body.c_str());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(target.body.size()));
  }
  if (!hop.own) return;
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  if (target.username.empty()) return;
  curl_easy_setopt(curl, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
  curl_easy_setopt(curl, CURLOPT_USERNAME, target.username.c_str());
  curl_easy_setopt(curl, CURLOPT_PASSWORD, target.password.c_str());
}

List headers_of(const Target& target) {
  List made;
  append(made, "Expect:");
  for (const auto& header : target.headers) append(made, header);
  if (!target.bearer.empty()) append(made, "Authorization: Bearer " + target.bearer);
  return made;
}

/// Runs the transfer to its end, the end of the time, or stop().
CURLcode run(CURLM* multi, const Limits& limits) {
  for (int running = 1;;) {
    if (const auto code = curl_multi_perform(multi, &running); code != CURLM_OK)
      throw tsn::Failure(curl_multi_strerror(code));
    if (running == 0) break;
    check_stop(limits);
    curl_waitfd stop{limits.stop, CURL_WAIT_POLLIN, 0};
    curl_multi_poll(multi, &stop, 1, limits.milliseconds(), nullptr);
  }
  int left = 0;
  const auto* message = curl_multi_info_read(multi, &left);
  return message ? message->data.result : CURLE_FAILED_INIT;
}

const char* curl_remedy(CURLcode code) {
  if (code == CURLE_PEER_FAILED_VERIFICATION)
    return "; set ca_file to the certificate of its issuer, if it is one of yours";
  if (code == CURLE_SSL_CACERT_BADFILE) return "; ca_file is no readable PEM file";
  return "";
}

struct HttpSeen {
  long status = 0;
  double first_byte = 0;
  std::string body, location;
};

HttpSeen perform(const Target& target, const Hop& hop, const Limits& limits) {
  const auto addresses = addresses_of(hop, limits);
  const auto headers = headers_of(target);
  HttpSeen seen;
  char error[CURL_ERROR_SIZE] = {};
  // In this order: the transfer is taken out of the one before it goes.
  const Easy easy(curl_easy_init());
  const Multi multi(curl_multi_init());
  if (!easy || !multi) throw tsn::Failure("no HTTP client");
  CURL* curl = easy.get();
  set_request(curl, target, hop, headers);
  if (addresses) curl_easy_setopt(curl, CURLOPT_RESOLVE, addresses.get());
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &seen.body);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
  curl_multi_add_handle(multi.get(), curl);
  struct Removed {
    CURLM* multi;
    CURL* curl;
    ~Removed() { curl_multi_remove_handle(multi, curl); }
  } const removed{multi.get(), curl};
  const auto code = run(multi.get(), limits);
  if (code != CURLE_OK) throw tsn::Failure(std::string(*error ? error : curl_easy_strerror(code)) + curl_remedy(code));
  curl_off_t first = 0;
  char* location = nullptr;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &seen.status);
  curl_easy_getinfo(curl, CURLINFO_STARTTRANSFER_TIME_T, &first);
  curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &location);
  seen.first_byte = static_cast<double>(first) / 1e6;
  if (location) seen.location = location;
  return seen;
}

Hop hop_to(const std::string& url, const Url& from) {
  Hop made{url, {}, false, false};
  if (const auto why = read_url(url, made.parts); !why.empty())
    throw tsn::Failure("it sends on to a place that cannot be: " + why);
  if (made.parts.scheme != "http" && made.parts.scheme != "https")
    throw tsn::Failure("it sends on to another protocol than http");
  if (!made.parts.port) made.parts.port = made.parts.scheme == "https" ? 443 : 80;
  made.own = made.parts.scheme == from.scheme && made.parts.host == from.host && made.parts.port == from.port;
  return made;
}

bool expected_status(const Target& target, long status) {
  return std::any_of(target.statuses.begin(), target.statuses.end(),
                     [&](const auto& range) { return status >= range.first && status <= range.second; });
}

}  // namespace

void check_http(const Target& target, const Limits& limits, Outcome& out) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  const auto begin = steady_clock::now();
  Hop hop{target.whole_url.substr(0, target.whole_url.find('#')), target.url};
  HttpSeen seen;
  for (int sent_on = 0;; ++sent_on) {
    const double before = std::chrono::duration<double>(steady_clock::now() - begin).count();
    seen = perform(target, hop, limits);
    out.status = seen.status;
    out.first_byte = before + seen.first_byte;
    if (seen.location.empty() || target.redirects == 0) break;
    if (sent_on == target.redirects) throw tsn::Failure("it sends on more often than `redirects` allows");
    hop = hop_to(seen.location, target.url);
  }
  if (!expected_status(target, seen.status)) throw tsn::Failure("it answered HTTP " + std::to_string(seen.status));
  if (target.pattern && !RE2::PartialMatch(seen.body, *target.pattern))
    throw tsn::Failure("its answer does not fit body_pattern");
}

}  // namespace tocsin_plugins::probing
