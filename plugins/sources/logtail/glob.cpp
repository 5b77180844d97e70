#include "glob.hpp"

#include <fnmatch.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <set>

namespace tocsin_plugins::logtail {
namespace {

namespace fs = std::filesystem;

bool wild(std::string_view part) {
  return part.find_first_of("*?[") != part.npos;
}

bool there(const std::string& path) {
  struct stat facts;
  return ::stat(path.c_str(), &facts) == 0;
}

/// Calls `each(path, entry)` for what `directory` ("" is here, "/" the root) holds.
template <class Each>
void list(const std::string& directory, Each&& each) {
  std::error_code error;
  for (fs::directory_iterator at(directory.empty() ? "." : directory, error), end; !error && at != end;
       at.increment(error))
    each(directory + at->path().filename().string(), *at);
}

/// `base` is empty or ends with a slash; `rest` are the parts still to be matched.
void descend(const std::string& base, std::string_view rest, std::set<std::string>& out) {
  const auto slash = rest.find('/');
  const std::string part(rest.substr(0, slash));
  const bool last = slash == rest.npos;
  const auto next = last ? std::string_view() : rest.substr(slash + 1);
  if (part == "**") {
    descend(base, last ? "*" : next, out);
    list(base, [&](const std::string& path, const fs::directory_entry& entry) {
      std::error_code error;
      const bool hidden = entry.path().filename().string().starts_with('.');
      if (!hidden && !entry.is_symlink(error) && entry.is_directory(error)) descend(path + "/", rest, out);
    });
    return;
  }
  if (!wild(part)) {
    if (!last) return descend(base + part + "/", next, out);
    if (there(base + part)) out.insert(base + part);
    return;
  }
  list(base, [&](const std::string& path, const fs::directory_entry& entry) {
    if (::fnmatch(part.c_str(), entry.path().filename().c_str(), FNM_PERIOD) != 0) return;
    std::error_code error;
    if (last)
      out.insert(path);
    else if (entry.is_directory(error))
      descend(path + "/", next, out);
  });
}

}  // namespace

std::vector<std::string> expand(const std::string& pattern) {
  if (pattern.empty()) return {};
  if (there(pattern)) return {pattern};
  std::set<std::string> found;
  const bool rooted = pattern.front() == '/';
  if (wild(pattern)) descend(rooted ? "/" : "", std::string_view(pattern).substr(rooted), found);
  return {found.begin(), found.end()};
}

std::string fixed_directory(const std::string& pattern) {
  const auto slash = pattern.rfind('/', std::min(pattern.find_first_of("*?["), pattern.size()));
  if (slash == pattern.npos) return ".";
  return slash == 0 ? "/" : pattern.substr(0, slash);
}

bool excluded_by(const std::string& pattern, const std::string& path) {
  const auto name = path.substr(path.rfind('/') + 1);
  return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0 || ::fnmatch(pattern.c_str(), path.c_str(), 0) == 0;
}

}  // namespace tocsin_plugins::logtail
