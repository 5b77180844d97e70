// From the lines of one log to records: containers' formats are unwrapped, partial lines joined, and lines that belong
// to one record. A container's stdout and stderr are joined apart. A log goes on in the file that takes its name, so
// files of one name share a joiner, and a record may begin in one and end in the other.
//
// Nothing here is kept over a restart. Of every line that a joiner holds it knows where it began: reading goes on from
// there (TailedFile::resume_position), which makes the same records again. Rejected: writing what is held into the
// checkpoint, which is bounded at 64 KiB for all files.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "container_line.hpp"
#include "log_origin.hpp"
#include "tailed_file.hpp"

namespace tocsin_plugins::logtail {

struct JoinCounts {
  std::uint64_t malformed = 0, cut = 0, split = 0, unwanted = 0;
};

/// What the joiners of an instance share.
struct JoinShared {
  explicit JoinShared(LineSink& to) : next(to) {}
  LineSink& next;
  Format format = Format::automatic;
  std::size_t max_line = 1 << 20;  ///< bytes of a joined line
  tsn::Time now = 0;
  Unwrapper unwrapper;
  JoinCounts counts;
};

class RecordJoiner {
 public:
  /// A partial line whose rest does not come is a record: its writer ended without a newline.
  static constexpr tsn::Time partial_timeout = 30'000'000'000;

  RecordJoiner(JoinShared& shared, Multiline multiline)
      : made_at(shared.now), shared_(shared), multiline_(std::move(multiline)) {}

  /// Where a line that is held begins.
  struct Mark {
    FileId file;
    std::uint64_t offset = 0, lines = 0;  ///< as in Position
  };

  /// False: not now; nothing of the line was taken. Lines before `taken` were taken before a restart.
  bool take(const Line& line, FileId file, const Taken& taken, std::uint64_t lines);
  /// Hands over what has waited long enough, or all. False: not now.
  bool flush(bool all, const std::string& file, std::optional<tsn::Time>& last_time);
  /// What is held of the file ends here, and can not be read again.
  void truncated(FileId file);

  /// The first line of the file that is held for the stream.
  const Mark* held(FileId file, std::size_t stream) const;
  /// Something of the file is held.
  bool holds(FileId file) const { return held(file, 0) || held(file, 1); }
  /// A partial line that began in the file waits for its rest.
  bool holds_partial(FileId file) const;
  bool empty() const;

  LogOrigin origin;
  const tsn::Time made_at;  ///< when its log was found
  Multiline& multiline() noexcept { return multiline_; }

 private:
  /// Lines that become one text.
  struct Held {
    bool active = false;
    std::string text;
    std::size_t lines = 0;
    std::vector<Mark> marks;  ///< the first one in each file
    std::uint64_t number = 0;
    std::optional<tsn::Time> written;
    std::string_view stream;
    tsn::Time since = 0;  ///< when its last line came
    Trace trace = Trace::none;

    void begin(std::string_view first, const Line& line);
    void mark(const Mark& at);
    void clear();
    const Mark* in(FileId file) const;
    std::uint64_t offset() const { return marks.empty() ? 0 : marks.front().offset; }
  };
  struct Stream {
    Held partial, record;
    bool ended = false;
  };

  bool take_partial(Stream& stream, const ContainerLine& inside, const Line& line, const Mark& at);
  bool take_whole(Stream& stream, std::string_view text, const Line& line, std::span<const Mark> marks);
  bool end_partial(Stream& stream, const std::string& file, std::optional<tsn::Time>& last_time);
  bool end_record(Stream& stream, const std::string& file, std::optional<tsn::Time>& last_time);
  void append(std::string& text, std::string_view more, std::size_t most);

  JoinShared& shared_;
  Multiline multiline_;
  Stream streams_[2];
};

/// Gives a file's lines to its joiner.
class JoinSink final : public LineSink {
 public:
  explicit JoinSink(TailedFile& file) : file_(file) {}
  bool take(const Line& line) override {
    return file_.joiner->take(line, file_.id(), file_.position().taken, file_.position().lines);
  }
  void truncated() override { file_.joiner->truncated(file_.id()); }

 private:
  TailedFile& file_;
};

}  // namespace tocsin_plugins::logtail
