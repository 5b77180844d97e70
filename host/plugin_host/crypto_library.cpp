#include "plugin_host/crypto_library.hpp"

#include <dlfcn.h>

#include <string>

namespace tocsin::plugin_host {
namespace {

using base::fail;
using base::Fault;
using base::Result;

Result<Crypto> load() {
  // Never closed: OpenSSL keeps state per thread and frees it at exit.
  void* library = ::dlopen("libcrypto.so.3", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return fail(Fault::unsupported, std::string("signatures need OpenSSL 3 and cannot open it: ") + ::dlerror() +
                                        "; install the package libssl3");
  }
  Crypto out{};
#define TOCSIN_CRYPTO_FIND(name)                                            \
  out.name = reinterpret_cast<decltype(out.name)>(::dlsym(library, #name)); \
  if (out.name == nullptr)                                                  \
    return fail(Fault::unsupported, "libcrypto.so.3 lacks " #name "; OpenSSL 3.0 or later is needed");
  TOCSIN_CRYPTO_FUNCTIONS(TOCSIN_CRYPTO_FIND)
#undef TOCSIN_CRYPTO_FIND
  return out;
}

}  // namespace

Result<const Crypto*> Crypto::open() {
  static const Result<Crypto> library = load();
  if (!library) return fail(library.error());
  return &*library;
}

}  // namespace tocsin::plugin_host
