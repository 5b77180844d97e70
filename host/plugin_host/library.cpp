#include "plugin_host/library.hpp"

// Header-only: std::filesystem instead of Boost.Filesystem.
#define BOOST_DLL_USE_STD_FS
#include <boost/dll/shared_library.hpp>

#include <map>
#include <mutex>

#include "plugin_host/abi_text.hpp"
#include "plugin_host/directory.hpp"
#include "plugin_host/private_copy.hpp"
#include "plugin_host/verified.hpp"

namespace tocsin::plugin_host {

using base::fail;
using base::Fault;
using base::Result;

struct Library::Mapping {
  OwnedFd fd;  ///< kept open: its number is the name dlopen() knows the library by
  boost::dll::shared_library library;
  ~Mapping() { library.unload(); }
};

namespace {

/// dlopen()'s own words, made into what to do.
base::Error load_error(const std::string& path, const std::string& what) {
  constexpr std::string_view undefined = "undefined symbol: ";
  if (std::size_t at = what.find(undefined); at != std::string::npos) {
    std::size_t begin = at + undefined.size();
    std::string symbol = what.substr(begin, what.find_first_of(" ,:)", begin) - begin);
    return base::Error(Fault::invalid, path + ": needs the symbol " + symbol +
                                           ", which nothing provides; link the library that has it into the plugin");
  }
  constexpr std::string_view missing = ": cannot open shared object file";
  if (std::size_t at = what.find(missing); at != std::string::npos) {
    std::size_t begin = what.find_last_of(" (", at - 1) + 1;
    return base::Error(Fault::invalid, path + ": needs the library " + what.substr(begin, at - begin) +
                                           ", which is not installed; install the package that has it");
  }
  return base::Error(Fault::invalid, path + ": cannot be loaded: " + what);
}

Result<std::unique_ptr<Library::Mapping>> map(OwnedFd fd, const std::string& path) {
  auto mapping = std::make_unique<Library::Mapping>();
  mapping->fd = std::move(fd);
  try {
    using boost::dll::load_mode::rtld_local;
    using boost::dll::load_mode::rtld_now;
    mapping->library.load("/proc/self/fd/" + std::to_string(mapping->fd.get()), rtld_now | rtld_local);
  } catch (const std::exception& error) {
    return fail(load_error(path, error.what()));
  }
  return mapping;
}

Result<const tsn_plugin*> call_entry(const boost::dll::shared_library& library, const std::string& path) {
  if (!library.has(TSN_ENTRY_SYMBOL)) {
    return fail(Fault::invalid,
                path + ": does not export the symbol " TSN_ENTRY_SYMBOL
                       "; end the plugin's source with TOCSIN_PLUGIN(…) and link it with tocsin_add_plugin()");
  }
  try {
    return library.get<const tsn_plugin*()>(TSN_ENTRY_SYMBOL)();
  } catch (const std::exception& error) {
    return fail(Fault::internal, path + ": its entry failed: " + error.what());
  }
}

Result<void> check_against_note(const model::PluginDescriptor& note, const std::vector<LibraryType>& types,
                                const std::string& path) {
  bool same = note.types.size() == types.size();
  for (std::size_t i = 0; same && i < types.size(); ++i) same = note.types[i].id == types[i].description.id;
  if (same) return {};
  return fail(Fault::corrupt, path + ": its note names other types than its code has; build the plugin again");
}

Result<std::vector<LibraryType>> types_of(const boost::dll::shared_library& library,
                                          const model::PluginDescriptor& note, const std::string& path) {
  TRY(const tsn_plugin* plugin, call_entry(library, path));
  TRY(auto types, read_types(plugin, path));
  TRY_VOID(check_against_note(note, types, path));
  return types;
}

/// What became of the contents that were mapped. Once constructors have run a library stays, and so does the verdict on
/// it; a failure before that may pass (a missing library is installed meanwhile) and is not remembered.
struct Loaded {
  using Key = std::pair<std::uint64_t, std::size_t>;
  std::mutex mutex;
  std::map<Key, Result<std::shared_ptr<Library>>> verdicts;
  std::vector<std::unique_ptr<Library::Mapping>> useless;
};

}  // namespace

Library::Library(std::string path, std::unique_ptr<Mapping> mapping, std::vector<LibraryType> types)
    : path_(std::move(path)), mapping_(std::move(mapping)), types_(std::move(types)) {}
Library::~Library() = default;

const LibraryType* Library::find(const std::string& id) const {
  for (const LibraryType& type : types_) {
    if (type.description.id == id) return &type;
  }
  return nullptr;
}

Result<std::shared_ptr<Library>> load_library(const std::string& path, const TrustPolicy& policy) {
  // Never destroyed: threads of a plugin may outlive main's statics.
  static auto& all = *new Loaded;
  // Owner, modes, signature and note are checked each time: what was good may be under another policy now.
  TRY(const auto read, read_verified(path, policy));
  Loaded::Key key{read.content, read.bytes.size()};
  std::lock_guard lock(all.mutex);
  if (auto known = all.verdicts.find(key); known != all.verdicts.end()) return known->second;
  TRY(auto copy, private_copy(read.bytes, path));
  TRY(auto mapping, map(std::move(copy), path));
  auto types = types_of(mapping->library, read.descriptor, path);
  if (!types) {
    all.useless.push_back(std::move(mapping));
    return all.verdicts.emplace(key, fail(types.error())).first->second;
  }
  auto library = std::make_shared<Library>(path, std::move(mapping), std::move(*types));
  return all.verdicts.emplace(key, std::move(library)).first->second;
}

Result<std::shared_ptr<Library>> load_library(const Found& file) {
  return load_library(file.path, file.policy ? *file.policy : TrustPolicy{});
}

Result<std::shared_ptr<Library>> load_library(OwnedFd file, const std::string& path) {
  if (file.get() < 0) return fail(Fault::invalid, path + ": its descriptor did not come");
  TRY(auto mapping, map(std::move(file), path));
  TRY(const tsn_plugin* plugin, call_entry(mapping->library, path));
  TRY(auto types, read_types(plugin, path));
  return std::make_shared<Library>(path, std::move(mapping), std::move(types));
}

}  // namespace tocsin::plugin_host
