#include "tailed_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "record_joiner.hpp"

namespace tocsin_plugins::logtail {
namespace {

/// FNV-1a 64.
std::uint64_t hash_of(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

ssize_t read_at(int descriptor, char* to, std::size_t size, std::uint64_t offset) {
  for (;;) {
    const auto got = ::pread(descriptor, to, size, static_cast<off_t>(offset));
    if (got >= 0 || errno != EINTR) return got;
  }
}

std::optional<Fingerprint> fingerprint_of(int descriptor, std::uint64_t bytes) {
  char first[Fingerprint::most];
  const auto got = read_at(descriptor, first, bytes, 0);
  if (got != static_cast<ssize_t>(bytes)) return std::nullopt;
  return Fingerprint{static_cast<std::uint32_t>(bytes), hash_of({first, bytes})};
}

bool same_moment(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

}  // namespace

bool Fingerprint::is_of(std::string_view beginning) const {
  return bytes > 0 && beginning.size() >= bytes && hash_of(beginning.substr(0, bytes)) == hash;
}

FileId id_of(const struct stat& facts) {
  return {facts.st_dev, facts.st_ino};
}

bool TailedFile::open() {
  close();
  // O_NONBLOCK: a pipe of that name must not hold us up before it is seen to be none of ours.
  descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (descriptor_ < 0) return error_ = errno, false;
  struct stat facts;
  if (::fstat(descriptor_, &facts) != 0 || !S_ISREG(facts.st_mode) || id_of(facts) != id_) {
    close();
    return error_ = ESTALE, false;
  }
  if (std::exchange(at_end_, false)) skip_to_end();
  return true;
}

void TailedFile::close() noexcept {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
}

TailedFile::Look TailedFile::look() {
  struct stat facts;
  if ((is_open() ? ::fstat(descriptor_, &facts) : ::stat(path_.c_str(), &facts)) != 0)
    return error_ = errno, Look::failed;
  if (id_of(facts) != id_) return error_ = ESTALE, Look::failed;
  if (read_out_ && facts.st_size == seen_.st_size && same_moment(facts.st_mtim, seen_.st_mtim)) return Look::same;
  seen_ = facts;
  read_out_ = false;
  return is_open() || open() ? Look::grown : Look::failed;
}

bool TailedFile::is_what_was_read() const {
  struct stat facts;
  if (::fstat(descriptor_, &facts) != 0 || static_cast<std::uint64_t>(facts.st_size) < position_.offset) return false;
  return position_.fingerprint.bytes == 0 || begins_as(position_.fingerprint);
}

bool TailedFile::begins_as(const Fingerprint& known) const {
  const auto found = known.bytes > 0 ? fingerprint_of(descriptor_, known.bytes) : std::nullopt;
  return found && found->hash == known.hash;
}

void TailedFile::note_beginning() {
  struct stat facts;
  if (is_open() && ::fstat(descriptor_, &facts) == 0) update_fingerprint(static_cast<std::uint64_t>(facts.st_size));
}

tsn::Time TailedFile::changed_at() const {
  struct stat facts;
  if (::fstat(descriptor_, &facts) != 0) return 0;
  return tsn::Time{facts.st_mtim.tv_sec} * 1'000'000'000 + facts.st_mtim.tv_nsec;
}

bool TailedFile::is_deleted() const {
  struct stat facts;
  return ::fstat(descriptor_, &facts) != 0 || facts.st_nlink == 0;
}

void TailedFile::begin_anew(LineSink& sink, ReadCounts& counts) {
  ++counts.truncations;
  sink.truncated();
  const auto last_time = position_.last_time;
  position_ = Position{};
  position_.last_time = last_time;
}

void TailedFile::update_fingerprint(std::uint64_t size) {
  const auto there = std::min(size, Fingerprint::most);
  if (position_.fingerprint.bytes >= there) return;
  if (const auto made = fingerprint_of(descriptor_, there)) position_.fingerprint = *made;
}

void TailedFile::skip_to_end() {
  struct stat facts;
  if (::fstat(descriptor_, &facts) != 0 || facts.st_size == 0) return;
  seen_ = facts;
  const auto size = static_cast<std::uint64_t>(facts.st_size);
  update_fingerprint(size);
  char tail[16 * 1024];
  std::uint64_t from = size;
  position_.numbered = false;
  while (from > 0 && size - from < (1u << 20)) {
    const auto step = std::min<std::uint64_t>(from, sizeof tail);
    from -= step;
    const auto got = read_at(descriptor_, tail, step, from);
    const void* end = got > 0 ? ::memrchr(tail, '\n', static_cast<std::size_t>(got)) : nullptr;
    if (!end) continue;
    position_.offset = from + static_cast<std::uint64_t>(static_cast<const char*>(end) - tail) + 1;
    return;
  }
  // One line begun, or a very long one: its beginning counts only if it is the file's.
  position_.numbered = from == 0;
  position_.offset = from == 0 ? 0 : size;
  position_.within_line = from != 0;
}

Position TailedFile::resume_position() const {
  auto made = position_;
  if (!joiner) return made;
  for (std::size_t stream = 0; stream < made.taken.size(); ++stream) {
    auto& taken = made.taken[stream];
    taken = std::max(taken, position_.offset);
    const auto held = joiner->held(id_, stream);
    if (!held) continue;
    taken = held->offset;
    if (held->offset >= made.offset) continue;
    made.offset = held->offset;
    made.lines = held->lines;
    made.within_line = false;
  }
  for (auto& taken : made.taken)
    if (taken <= made.offset) taken = 0;
  return made;
}

TailedFile::Outcome TailedFile::read(LineSink& sink, ReadBuffer& buffer, const How& how, ReadCounts& counts) {
  const auto outcome = read_on(sink, buffer, how, counts);
  behind_ = outcome == Outcome::more || outcome == Outcome::refused;
  return outcome;
}

TailedFile::Outcome TailedFile::read_on(LineSink& sink, ReadBuffer& buffer, const How& how, ReadCounts& counts) {
  const auto seen = look();
  if (seen != Look::grown) return seen == Look::same ? Outcome::at_end : Outcome::failed;
  if (!is_what_was_read()) begin_anew(sink, counts);
  update_fingerprint(static_cast<std::uint64_t>(seen_.st_size));
  const auto begin = position_.offset;
  for (;;) {
    const auto at = position_.offset;
    const auto got = read_at(descriptor_, buffer.bytes.data(), buffer.bytes.size(), at);
    if (got < 0) return error_ = errno, Outcome::failed;
    const auto size = static_cast<std::size_t>(got);
    const auto outcome = take_block(buffer.bytes.data(), size, size < buffer.bytes.size(), sink, how, counts);
    counts.bytes += position_.offset - at;
    if (outcome != Outcome::more) {
      read_out_ = outcome == Outcome::at_end;
      if (buffer.bytes.size() > ReadBuffer::block) buffer = ReadBuffer();
      return outcome;
    }
    if (position_.offset == at) buffer.bytes.resize(buffer.bytes.size() * 2);  // a line longer than the buffer
    if (position_.offset - begin >= how.budget) return outcome;
  }
}

/// Takes the lines of a block that begins at the position. `more`: go on, with a larger buffer if nothing was taken.
TailedFile::Outcome TailedFile::take_block(const char* from, std::size_t size, bool at_end, LineSink& sink,
                                           const How& how, ReadCounts& counts) {
  const char* const end = from + size;
  while (from < end) {
    const auto left = static_cast<std::size_t>(end - from);
    const auto* stop = static_cast<const char*>(::memchr(from, '\n', left));
    const auto length = stop ? static_cast<std::size_t>(stop - from) : left;
    const auto bytes = length + (stop != nullptr);
    if (position_.within_line) {
      position_.offset += bytes;
      position_.within_line = stop == nullptr;
    } else if (stop || length > how.max_line || (at_end && how.take_rest)) {
      if (!take_line(sink, {from, length}, bytes, how, counts)) return Outcome::refused;
      position_.within_line = !stop && !(at_end && how.take_rest);
    } else {
      return at_end ? Outcome::at_end : Outcome::more;
    }
    from += bytes;
  }
  return at_end ? Outcome::at_end : Outcome::more;
}

bool TailedFile::take_line(LineSink& sink, std::string_view text, std::uint64_t bytes, const How& how,
                           ReadCounts& counts) {
  if (text.size() > how.max_line) {
    text = text.substr(0, how.max_line);
  } else if (!text.empty() && text.back() == '\r') {
    text.remove_suffix(1);
  }
  const auto number = position_.numbered ? position_.lines + 1 : 0;
  if (!sink.take({text, path_, position_.offset, number, position_.last_time, {}, {}, nullptr})) return false;
  position_.offset += bytes;
  ++position_.lines;
  ++counts.lines;
  return true;
}

}  // namespace tocsin_plugins::logtail
