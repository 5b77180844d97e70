// Which store a url means. SQLite is part of the agent; PostgreSQL is a module that is opened only when it is asked
// for.
#include <dlfcn.h>

#include <filesystem>

#include "storage/module.hpp"
#include "storage/port.hpp"
#include "storage/sqlite/open.hpp"

namespace tocsin::storage {
namespace {

namespace fs = std::filesystem;
using base::fail;
using base::Fault;
using base::Result;

/// The url without a password, for messages.
std::string shown(std::string_view url) {
  const std::size_t at = url.rfind('@'), scheme = url.find("://");
  const std::size_t colon = scheme == url.npos ? url.npos : url.find(':', scheme + 3);
  if (at == url.npos || colon == url.npos || colon > at) return std::string(url);
  return std::string(url.substr(0, colon)) + std::string(url.substr(at));
}

Result<std::unique_ptr<Store>> open_file(std::string_view name, const StoreSettings& settings,
                                         model::SeriesTable& series) {
  while (name.starts_with("//")) name.remove_prefix(1);
  if (name.empty()) return fail(Fault::invalid, "storage.url \"sqlite:\" names no file; write sqlite:tocsin.db");
  const fs::path path = fs::path(settings.data_dir) / name;
  std::error_code error;
  if (path.has_parent_path()) fs::create_directories(path.parent_path(), error);
  if (error) return fail(Fault::unavailable, "store: making " + path.parent_path().string() + ": " + error.message());
  return sqlite::open_sqlite(path.string(), settings, series);
}

/// Beside the binaries: <prefix>/bin/tocsin → <prefix>/lib/tocsin/.
fs::path default_module_dir() {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  return self.parent_path().parent_path() / "lib" / "tocsin";
}

Result<std::unique_ptr<Store>> open_module(const StoreSettings& settings, model::SeriesTable& series) {
  const fs::path dir = settings.module_dir.empty() ? default_module_dir() : fs::path(settings.module_dir);
  const std::string path = (dir / "tocsin_postgres.so").string();
  // Stays mapped: the store it makes may live as long as the process.
  void* module = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!module) {
    const char* why = ::dlerror();
    return fail(Fault::unsupported, "storage.url " + shown(settings.url) + " needs the PostgreSQL module " + path +
                                        ": " + (why ? why : "not found") + "; install it, or use sqlite:tocsin.db");
  }
  const auto version = reinterpret_cast<StoreModuleVersion>(::dlsym(module, store_module_version_name));
  const auto open = reinterpret_cast<StoreModuleOpen>(::dlsym(module, store_module_open_name));
  if (!version || !open || std::string_view(version()) != store_module_version())
    return fail(Fault::unsupported, "the PostgreSQL module " + path +
                                        " belongs to another version of tocsin; install the one of this version");
  Result<std::unique_ptr<Store>> result = fail(Fault::internal, "the PostgreSQL module did not answer");
  open(&settings, &series, &result);
  return result;
}

}  // namespace

Result<std::unique_ptr<Store>> open_store(const StoreSettings& settings, model::SeriesTable& series) {
  const std::string_view url = settings.url;
  if (url.starts_with("sqlite:")) return open_file(url.substr(7), settings, series);
  if (url.starts_with("postgres://") || url.starts_with("postgresql://")) return open_module(settings, series);
  return fail(Fault::invalid,
              "storage.url \"" + shown(url) + "\" is neither sqlite:FILE nor postgres://user@host:port/database");
}

}  // namespace tocsin::storage
