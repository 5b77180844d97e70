#include "rotated_files.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>

#include "container_line.hpp"

namespace tocsin_plugins::logtail {
namespace {

namespace fs = std::filesystem;
constexpr std::uint64_t most_unpacked = 1u << 30;

/// "20160102-150405".
bool is_stamp(std::string_view text) {
  if (text.size() != 15 || text[8] != '-') return false;
  return std::ranges::all_of(text, [](char c) { return c == '-' || (c >= '0' && c <= '9'); });
}

using Packed = std::unique_ptr<gzFile_s, int (*)(gzFile)>;

Packed open_packed(const std::string& path) {
  return {::gzopen(path.c_str(), "rb"), &::gzclose};
}

bool copy_unpacked(const std::string& path, int to) {
  const auto in = open_packed(path);
  if (!in) return false;
  char buffer[64 * 1024];
  std::uint64_t sum = 0;
  for (;;) {
    const int got = ::gzread(in.get(), buffer, sizeof buffer);
    if (got < 0) return false;
    if (got == 0) return true;
    sum += static_cast<std::uint64_t>(got);
    if (sum > most_unpacked) return false;
    for (int at = 0; at < got;) {
      const auto wrote = ::write(to, buffer + at, static_cast<std::size_t>(got - at));
      if (wrote <= 0) return false;
      at += static_cast<int>(wrote);
    }
  }
}

}  // namespace

std::vector<RotatedFile> rotated_files(const std::string& path) {
  std::vector<RotatedFile> found;
  const fs::path log(path);
  const auto prefix = log.filename().string() + ".";
  std::error_code error;
  for (fs::directory_iterator at(log.parent_path(), error), end; !error && at != end; at.increment(error)) {
    const auto name = at->path().filename().string();
    if (!name.starts_with(prefix)) continue;
    auto rest = std::string_view(name).substr(prefix.size());
    const bool compressed = rest.ends_with(".gz");
    if (compressed) rest.remove_suffix(3);
    if (is_stamp(rest)) found.push_back({at->path().string(), compressed});
  }
  std::ranges::sort(found, {}, &RotatedFile::path);
  return found;
}

std::string beginning_of_packed(const std::string& path, std::size_t most) {
  const auto in = open_packed(path);
  std::string text(most, '\0');
  const int got = in ? ::gzread(in.get(), text.data(), static_cast<unsigned>(most)) : 0;
  text.resize(static_cast<std::size_t>(std::max(got, 0)));
  return text;
}

std::string unpack(const std::string& path, const std::string& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  std::string made = directory + "/unpacked-XXXXXX";
  const int to = ::mkostemp(made.data(), O_CLOEXEC);
  if (to < 0) return {};
  const bool good = copy_unpacked(path, to);
  ::close(to);
  if (good) return made;
  ::unlink(made.c_str());
  return {};
}

std::optional<tsn::Time> last_written(const std::string& path) {
  constexpr std::streamoff most = 256 * 1024;
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  const std::streamoff size = in.tellg();
  if (!in || size <= 0) return std::nullopt;
  std::string tail(static_cast<std::size_t>(std::min(size, most)), '\0');
  in.seekg(size - static_cast<std::streamoff>(tail.size()));
  in.read(tail.data(), static_cast<std::streamsize>(tail.size()));
  if (!in || tail.back() != '\n') return std::nullopt;
  tail.pop_back();
  const auto begin = tail.rfind('\n');
  Unwrapper unwrapper;
  ContainerLine line;
  const auto last = std::string_view(tail).substr(begin == tail.npos ? 0 : begin + 1);
  if (!unwrapper.unwrap(last, Format::automatic, line)) return std::nullopt;
  return line.written;
}

}  // namespace tocsin_plugins::logtail
