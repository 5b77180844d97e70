// links: logtail_objects Tocsin::testing
// libFuzzer target for how `logtail` finds lines: a file that grows in pieces gives the lines that the whole file
// gives, whatever the pieces, the longest line and the budget. Input: pieces as a length and its bytes.
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vector>

#include "tailed_file.hpp"
#include "target.hpp"

using namespace tocsin_plugins::logtail;
using fuzz::require;

namespace {

struct Kept {
  std::string text;
  std::uint64_t offset, number;
  bool operator==(const Kept&) const = default;
};

class Lines : public LineSink {
 public:
  bool take(const Line& line) override {
    // Now and then the intake is full: the line must come again.
    if (refuse_every != 0 && ++calls % refuse_every == 0) return false;
    all.push_back({std::string(line.text), line.offset, line.number});
    return true;
  }
  std::vector<Kept> all;
  std::uint64_t calls = 0, refuse_every = 0;
};

/// A file without a directory, reached by the name of its descriptor.
class MemoryFile {
 public:
  MemoryFile() : fd_(::memfd_create("lines", MFD_CLOEXEC)) { require(fd_ >= 0, "memory is there"); }
  ~MemoryFile() { ::close(fd_); }
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }
  FileId id() const {
    struct stat facts;
    require(::fstat(fd_, &facts) == 0, "the file is there");
    return id_of(facts);
  }
  void append(std::string_view text) {
    require(::pwrite(fd_, text.data(), text.size(), size_) == static_cast<ssize_t>(text.size()), "memory takes bytes");
    size_ += static_cast<off_t>(text.size());
  }

 private:
  int fd_;
  off_t size_ = 0;
};

void read_all(TailedFile& file, Lines& lines, TailedFile::How how) {
  ReadBuffer buffer;
  ReadCounts counts;
  for (int i = 0; i < 100'000; ++i) {
    const TailedFile::Outcome outcome = file.read(lines, buffer, how, counts);
    require(outcome != TailedFile::Outcome::failed, "the file can be read");
    if (outcome == TailedFile::Outcome::at_end) return;
  }
  require(false, "reading comes to the end");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::size_t max_line = 1 + input.byte();
  Lines grown, whole;
  grown.refuse_every = input.below(4) == 0 ? 0 : 2 + input.below(5);
  const std::uint64_t budget = 1 + input.byte();
  MemoryFile growing, finished;
  TailedFile pieces(growing.path(), growing.id(), {});
  while (input.left() > 0) {
    const std::string_view piece = input.bytes(1 + input.byte());
    growing.append(piece);
    finished.append(piece);
    read_all(pieces, grown, {max_line, budget, false});
  }
  TailedFile at_once(finished.path(), finished.id(), {});
  read_all(at_once, whole, {max_line});
  require(grown.all == whole.all, "pieces give the lines of the whole");
  require(pieces.position().offset == at_once.position().offset, "and end at the same place");
  for (const Kept& line : whole.all) {
    require(line.text.size() <= max_line, "a line is cut");
    require(line.text.find('\n') == std::string::npos, "a line has no end of line");
  }
  return 0;
}
