#include "app/file_ends.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "settings/rules.hpp"

namespace tocsin::app {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_files = 50, most_searched = 100'000;
constexpr std::int64_t most_bytes = 8 << 20;

/// Files of a glob; `**` is any depth.
std::vector<std::string> expanded(const std::string& pattern) {
  const std::size_t deep = pattern.find("**");
  if (deep == pattern.npos) return settings::files_of(pattern);
  std::string whole = pattern;
  for (std::size_t at; (at = whole.find("**")) != whole.npos;) whole.erase(at, 1);
  std::vector<std::string> out;
  std::error_code error;
  const auto options = fs::directory_options::skip_permission_denied;
  fs::recursive_directory_iterator at(pattern.substr(0, pattern.rfind('/', deep) + 1), options, error), end;
  for (std::size_t seen = 0; !error && at != end && seen < most_searched; at.increment(error), ++seen) {
    const std::string path = at->path();
    if (::fnmatch(whole.c_str(), path.c_str(), 0) == 0) out.push_back(path);
  }
  return out;
}

bool left_out(const std::string& file, const std::vector<std::string>& patterns) {
  const std::string name = fs::path(file).filename();
  return std::ranges::any_of(patterns, [&](const std::string& pattern) {
    return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0 || ::fnmatch(pattern.c_str(), file.c_str(), 0) == 0;
  });
}

}  // namespace

bool copy_end(const std::string& from, const std::string& to, std::size_t lines) {
  std::ifstream in(from, std::ios::binary | std::ios::ate);
  const auto size = static_cast<std::int64_t>(in.tellg());
  if (!in || size < 0) return false;
  const std::int64_t begin = std::max<std::int64_t>(0, size - most_bytes);
  in.seekg(begin);
  std::string text(static_cast<std::size_t>(size - begin), '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  std::string_view rest = text;
  if (begin > 0) rest.remove_prefix(std::min(rest.find('\n') + 1, rest.size()));  // what was cut is no line
  std::size_t at = rest.ends_with('\n') ? rest.size() - 1 : rest.size();
  for (; lines > 0 && at != rest.npos; --lines) at = at == 0 ? rest.npos : rest.rfind('\n', at - 1);
  if (at != rest.npos) rest.remove_prefix(at + 1);
  std::error_code error;
  fs::create_directories(fs::path(to).parent_path(), error);
  std::ofstream out(to, std::ios::binary);
  out << rest;
  return static_cast<bool>(out.flush());
}

std::vector<std::string> texts_of(const base::Value& config, std::string_view key) {
  std::vector<std::string> out;
  const auto* list = config.find(key);
  for (const auto& each : list && list->array() ? *list->array() : base::Value::Array())
    if (each.string()) out.push_back(*each.string());
  return out;
}

std::vector<std::string> read_ends_instead(base::Value& config, const std::string& beneath, std::size_t lines) {
  std::vector<std::string> errors, files;
  const auto exclude = texts_of(config, "exclude");
  for (const std::string& pattern : texts_of(config, "paths")) {
    const auto found = expanded(pattern);
    if (found.empty()) errors.push_back("there is no file " + pattern);
    const bool named = found.size() == 1 && found.front() == pattern;
    for (const auto& file : found) {
      std::error_code error;
      if (fs::is_regular_file(file, error) && (named || !left_out(file, exclude))) files.push_back(file);
    }
  }
  std::ranges::sort(files);  // several patterns may name one
  files.erase(std::ranges::unique(files).begin(), files.end());
  if (files.size() > most_files) {
    errors.push_back("warning: of " + std::to_string(files.size()) + " files " + std::to_string(most_files) +
                     " were read");
    files.resize(most_files);
  }
  base::Value::Array paths;
  for (const auto& file : files) {
    const std::string copy = beneath + fs::absolute(file).string();
    if (copy_end(file, copy, lines))
      paths.emplace_back(copy);
    else
      errors.push_back("cannot read " + file + ": " + std::strerror(errno));
  }
  config.set("exclude", base::Value(base::Value::Array()));
  config.set("paths", base::Value(std::move(paths)));
  return errors;
}

}  // namespace tocsin::app
