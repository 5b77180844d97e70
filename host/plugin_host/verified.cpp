#include "plugin_host/verified.hpp"

#include <cerrno>
#include <cstring>

#include "base/id.hpp"
#include "plugin_host/descriptor_json.hpp"
#include "plugin_host/elf_note.hpp"
#include "plugin_host/private_copy.hpp"
#include "plugin_host/signature.hpp"

namespace tocsin::plugin_host {
namespace {

using base::fail;
using base::Fault;
using base::Result;

constexpr off_t max_library_bytes = off_t{1} << 30;

/// The whole file, read once: signature, note, content hash and private copy are of the same bytes, whatever happens to
/// the file.
Result<std::string> read_file(const TrustedFile& file, const std::string& path) {
  if (file.status.st_size > max_library_bytes) {
    return fail(Fault::exhausted, path + ": has " + std::to_string(file.status.st_size) +
                                      " bytes, more than the 1 GiB a plugin may have");
  }
  std::string bytes(static_cast<std::size_t>(file.status.st_size), '\0');
  std::size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t n = ::pread(file.file.get(), bytes.data() + have, bytes.size() - have, static_cast<off_t>(have));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    have += static_cast<std::size_t>(n);
  }
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

Result<model::PluginDescriptor> described(std::string_view bytes, const std::string& path) {
  ByteSource source{bytes.size(), [bytes](std::uint64_t at, void* to, std::size_t n) {
                      std::memcpy(to, bytes.data() + at, n);
                      return true;
                    }};
  TRY(auto note, read_note(source, path));
  return parse_descriptor(note, path);
}

}  // namespace

Result<VerifiedBytes> read_verified(const std::string& path, const TrustPolicy& policy) {
  TRY(const auto file, open_trusted(path));
  return read_verified(file, path, policy);
}

Result<VerifiedBytes> read_verified(const TrustedFile& file, const std::string& path, const TrustPolicy& policy) {
  VerifiedBytes out;
  out.path = path;
  TRY(out.bytes, read_file(file, path));
  if (policy.demands_signature(path)) {
    TRY(const auto signatures, read_signatures(file, path));
    TRY(out.warning, check_signatures(out.bytes, signatures, path, policy));
  }
  TRY(out.descriptor, described(out.bytes, path));
  out.content = content_hash(out.bytes);
  return out;
}

Result<VerifiedFile> open_verified(const std::string& path, const TrustPolicy& policy) {
  TRY(auto read, read_verified(path, policy));
  VerifiedFile out;
  out.path = path;
  out.descriptor = std::move(read.descriptor);
  out.content = read.content;
  TRY(out.fd, private_copy(read.bytes, path));
  return out;
}

}  // namespace tocsin::plugin_host
