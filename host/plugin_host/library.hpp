// A plugin's library in memory: its types, checked and copied into structs of this host's size.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "model/plugin.hpp"
#include "plugin_host/owned_fd.hpp"
#include "plugin_host/session.hpp"
#include "tocsin/abi.h"

namespace tocsin::plugin_host {

/// One tsn_type with its vtables. What the plugin left out, or is older than, is zero; a vtable that is not there has
/// size 0.
struct LibraryType {
  model::PluginType description;
  tsn_type table{};
  tsn_source_vtable source{};
  tsn_detector_vtable detector{};
  tsn_notifier_vtable notifier{};
  tsn_tracker_vtable tracker{};
  tsn_routes_vtable routes{};
};

/// Loaded once per content: two instances of one file, and two files with the same bytes, share it. Lives until the
/// process ends, because nothing can prove that no code of it will run any more. Immutable; any thread.
class Library {
 public:
  struct Mapping;
  Library(std::string path, std::unique_ptr<Mapping> mapping, std::vector<LibraryType> types);
  ~Library();
  const std::string& path() const { return path_; }
  const std::vector<LibraryType>& types() const { return types_; }
  const LibraryType* find(const std::string& id) const;

 private:
  std::string path_;
  std::unique_ptr<Mapping> mapping_;
  std::vector<LibraryType> types_;
};

/// The library behind a descriptor whose bytes somebody else has verified (the agent, for its runner). It stays
/// open as long as the library. `path` is what it is called.
base::Result<std::shared_ptr<Library>> load_library(OwnedFd file, const std::string& path);

/// min(size, own size) bytes of `in`, the rest zero, `size` as it was given. Null or a size below `least`: all zero.
template <class T>
T copy_sized(const T* in, std::size_t least = sizeof(std::uint32_t)) {
  T out{};
  if (in == nullptr || in->size < least) return out;
  __builtin_memcpy(&out, in, in->size < sizeof out ? in->size : sizeof out);
  return out;
}

/// The types of an entry's answer, checked: ABI version, sizes, ids, the functions each kind needs. `path` is for
/// messages.
base::Result<std::vector<LibraryType>> read_types(const tsn_plugin* plugin, const std::string& path);

}  // namespace tocsin::plugin_host
