#include "kubernetes_api/curl_library.hpp"

#include <dlfcn.h>

#include "tocsin/plugin.hpp"

namespace tocsin_plugins::kube {
namespace {

CurlLibrary open_curl() {
  CurlLibrary made{};
  made.handle = ::dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
  bool whole = made.handle;
  const auto find = [&](auto& function, const char* name) {
    if (whole) function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(made.handle, name));
    whole = whole && function;
  };
  find(made.global_init, "curl_global_init");
  find(made.easy_init, "curl_easy_init");
  find(made.easy_cleanup, "curl_easy_cleanup");
  find(made.easy_setopt, "curl_easy_setopt");
  find(made.easy_getinfo, "curl_easy_getinfo");
  find(made.easy_strerror, "curl_easy_strerror");
  find(made.slist_append, "curl_slist_append");
  find(made.slist_free_all, "curl_slist_free_all");
  find(made.multi_init, "curl_multi_init");
  find(made.multi_cleanup, "curl_multi_cleanup");
  find(made.multi_add_handle, "curl_multi_add_handle");
  find(made.multi_remove_handle, "curl_multi_remove_handle");
  find(made.multi_perform, "curl_multi_perform");
  find(made.multi_info_read, "curl_multi_info_read");
  find(made.multi_poll, "curl_multi_poll");
  find(made.multi_wakeup, "curl_multi_wakeup");
  if (!whole)
    throw tsn::Failure("cannot open libcurl.so.4 (7.68 or newer), by which Kubernetes is asked; install libcurl4");
  made.global_init(CURL_GLOBAL_DEFAULT);
  return made;
}

}  // namespace

const CurlLibrary& curl() {
  static const CurlLibrary opened = open_curl();
  return opened;
}

}  // namespace tocsin_plugins::kube
