#include "api/openssl_library.hpp"

#include <dlfcn.h>

namespace tocsin::api {
namespace {

using base::fail;
using base::Fault;
using base::Result;

Result<OpenSsl> load() {
  // Never closed: OpenSSL keeps state per thread and frees it at exit.
  void* library = ::dlopen("libssl.so.3", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return fail(Fault::unsupported, std::string("TLS needs OpenSSL 3 and cannot open it: ") + ::dlerror() +
                                        "; install the package libssl3");
  }
  OpenSsl out{};
#define TOCSIN_OPENSSL_FIND(name)                                           \
  out.name = reinterpret_cast<decltype(out.name)>(::dlsym(library, #name)); \
  if (out.name == nullptr)                                                  \
    return fail(Fault::unsupported, "libssl.so.3 lacks " #name "; OpenSSL 3.0 or later is needed");
  TOCSIN_OPENSSL_FUNCTIONS(TOCSIN_OPENSSL_FIND)
#undef TOCSIN_OPENSSL_FIND
  return out;
}

}  // namespace

Result<const OpenSsl*> OpenSsl::open() {
  static const Result<OpenSsl> library = load();
  if (!library) return fail(library.error());
  return &*library;
}

std::string OpenSsl::last_error() const {
  unsigned long code = 0;
  while (unsigned long next = ERR_get_error()) code = next;
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "unknown error" : reason;
}

}  // namespace tocsin::api
