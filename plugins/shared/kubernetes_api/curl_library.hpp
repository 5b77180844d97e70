// libcurl, opened when the first request is made: a plugin that mostly does without does not carry its 6 MiB.
#pragma once

#include <curl/curl.h>

namespace tocsin_plugins::kube {

/// The functions that are used, under their names without "curl_".
struct CurlLibrary {
  void* handle;
  decltype(&::curl_global_init) global_init;
  decltype(&::curl_easy_init) easy_init;
  decltype(&::curl_easy_cleanup) easy_cleanup;
  CURLcode (*easy_setopt)(CURL*, CURLoption, ...);
  CURLcode (*easy_getinfo)(CURL*, CURLINFO, ...);
  decltype(&::curl_easy_strerror) easy_strerror;
  decltype(&::curl_slist_append) slist_append;
  decltype(&::curl_slist_free_all) slist_free_all;
  decltype(&::curl_multi_init) multi_init;
  decltype(&::curl_multi_cleanup) multi_cleanup;
  decltype(&::curl_multi_add_handle) multi_add_handle;
  decltype(&::curl_multi_remove_handle) multi_remove_handle;
  decltype(&::curl_multi_perform) multi_perform;
  decltype(&::curl_multi_info_read) multi_info_read;
  CURLMcode (*multi_poll)(CURLM*, curl_waitfd*, unsigned, int, int*);
  decltype(&::curl_multi_wakeup) multi_wakeup;
};

/// That of the system; it stays open. Throws tsn::Failure where there is none. [any]
const CurlLibrary& curl();

}  // namespace tocsin_plugins::kube
