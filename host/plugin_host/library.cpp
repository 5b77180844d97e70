#include "plugin_host/library.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

// Header-only: std::filesystem instead of Boost.Filesystem.
#define BOOST_DLL_USE_STD_FS
#include <boost/dll/shared_library.hpp>

#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>

#include "base/id.hpp"
#include "plugin_host/abi_text.hpp"
#include "plugin_host/descriptor_json.hpp"
#include "plugin_host/elf_note.hpp"
#include "plugin_host/private_copy.hpp"
#include "plugin_host/trust.hpp"

namespace tocsin::plugin_host {

using base::fail;
using base::Fault;
using base::Result;

struct Library::Mapping {
  int fd = -1;  ///< kept open: its number is the name dlopen() knows the library by
  boost::dll::shared_library library;
  ~Mapping() {
    library.unload();
    if (fd >= 0) ::close(fd);
  }
};

namespace {

constexpr off_t max_library_bytes = off_t{1} << 30;

/// The whole file, read once: note, content hash and private copy are of the same bytes, whatever happens to the file.
Result<std::string> read_file(const std::string& path) {
  struct stat status{};
  TRY(int fd, open_trusted(path, status));
  if (status.st_size > max_library_bytes) {
    ::close(fd);
    return fail(Fault::exhausted,
                path + ": has " + std::to_string(status.st_size) + " bytes, more than the 1 GiB a plugin may have");
  }
  std::string bytes(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t have = 0;
  while (have < bytes.size()) {
    ssize_t n = ::pread(fd, bytes.data() + have, bytes.size() - have, static_cast<off_t>(have));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    have += static_cast<std::size_t>(n);
  }
  ::close(fd);
  if (have == bytes.size()) return bytes;
  return fail(Fault::corrupt,
              path + ": became shorter while it was read; copy the file again under another name and rename it");
}

/// FNV-1a over words of eight bytes: to tell contents apart, not against an adversary.
std::uint64_t content_hash(std::string_view bytes) {
  std::uint64_t hash = 14695981039346656037ull ^ bytes.size();
  std::size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data() + at, 8);
    hash = (hash ^ word) * 1099511628211ull;
    hash ^= hash >> 32;
  }
  return base::Fnv1a().add(bytes.substr(at)).value() * 31 + hash;
}

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

Result<std::unique_ptr<Library::Mapping>> map(int fd, const std::string& path) {
  auto mapping = std::make_unique<Library::Mapping>();
  mapping->fd = fd;
  try {
    using boost::dll::load_mode::rtld_local;
    using boost::dll::load_mode::rtld_now;
    mapping->library.load("/proc/self/fd/" + std::to_string(mapping->fd), rtld_now | rtld_local);
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

Result<model::PluginDescriptor> described(std::string_view bytes, const std::string& path) {
  ByteSource source{bytes.size(), [bytes](std::uint64_t at, void* to, std::size_t n) {
                      std::memcpy(to, bytes.data() + at, n);
                      return true;
                    }};
  TRY(auto note, read_note(source, path));
  return parse_descriptor(note, path);
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

Result<std::shared_ptr<Library>> load_library(const std::string& path) {
  // Never destroyed: threads of a plugin may outlive main's statics.
  static auto& all = *new Loaded;
  TRY(auto bytes, read_file(path));
  Loaded::Key key{content_hash(bytes), bytes.size()};
  std::lock_guard lock(all.mutex);
  if (auto known = all.verdicts.find(key); known != all.verdicts.end()) return known->second;
  TRY(auto note, described(bytes, path));
  TRY(int copy, private_copy(bytes, path));
  TRY(auto mapping, map(copy, path));
  auto types = types_of(mapping->library, note, path);
  if (!types) {
    all.useless.push_back(std::move(mapping));
    return all.verdicts.emplace(key, fail(types.error())).first->second;
  }
  auto library = std::make_shared<Library>(path, std::move(mapping), std::move(*types));
  return all.verdicts.emplace(key, std::move(library)).first->second;
}

Result<VerifiedFile> open_verified(const std::string& path) {
  TRY(auto bytes, read_file(path));
  TRY(auto note, described(bytes, path));
  TRY(int fd, private_copy(bytes, path));
  return VerifiedFile{fd, path, std::move(note), content_hash(bytes)};
}

Result<std::shared_ptr<Library>> load_library(int fd, const std::string& path) {
  const int own = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (own < 0) return fail(Fault::invalid, path + ": there is no library: " + std::strerror(errno));
  TRY(auto mapping, map(own, path));
  TRY(const tsn_plugin* plugin, call_entry(mapping->library, path));
  TRY(auto types, read_types(plugin, path));
  return std::make_shared<Library>(path, std::move(mapping), std::move(types));
}

}  // namespace tocsin::plugin_host
