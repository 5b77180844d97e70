// One file that is followed, identified by device and inode: where reading stands, and reading on from there. Nothing
// of a line that has not ended is kept in memory; it is read again when the file has grown.
#pragma once

#include <sys/stat.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "line.hpp"

namespace tocsin_plugins::logtail {

/// A file's identity. Inodes are used again: see Fingerprint.
struct FileId {
  std::uint64_t device = 0, inode = 0;
  auto operator<=>(const FileId&) const = default;
};

/// A hash of a file's first bytes, at most 1 KiB of those that were read: tells a truncated and refilled file, or a new
/// one with an old inode, from the one that was read.
struct Fingerprint {
  static constexpr std::uint64_t most = 1024;
  std::uint32_t bytes = 0;
  std::uint64_t hash = 0;
  /// Of a file that begins so; at least its first `bytes`.
  bool is_of(std::string_view beginning) const;
};

/// Of each stream of a file (0: stdout or all, 1: stderr): lines that begin before it were taken.
using Taken = std::array<std::uint64_t, 2>;

/// Where reading stands; what a checkpoint keeps of a file.
struct Position {
  std::uint64_t offset = 0;
  std::uint64_t lines = 0;   ///< lines before `offset`
  bool numbered = true;      ///< false: reading began in the middle, `lines` means nothing
  bool within_line = false;  ///< the line at `offset` was already cut and taken: skip to its end
  Fingerprint fingerprint;
  std::optional<tsn::Time> last_time;
  /// Beyond `offset` after a restart within an unfinished record: the lines of the other stream are not taken again.
  Taken taken{};
};

class RecordJoiner;

/// What reading did, for the counters.
struct ReadCounts {
  std::uint64_t bytes = 0, lines = 0, truncations = 0;
};

/// The buffer that all files of an instance share: one block, and up to max_line while a long line is read.
struct ReadBuffer {
  static constexpr std::size_t block = 64 * 1024;
  std::vector<char> bytes = std::vector<char>(block);
};

class TailedFile {
 public:
  TailedFile(std::string path, FileId id, Position position) : path_(std::move(path)), id_(id), position_(position) {}
  ~TailedFile() { close(); }
  TailedFile(const TailedFile&) = delete;

  /// Opens by path; what is found must be the file of this id. False: error() says why (ESTALE: another has the name
  /// now).
  bool open();
  void close() noexcept;
  bool is_open() const noexcept { return descriptor_ >= 0; }

  enum class Outcome { at_end, more, refused, failed };
  struct How {
    std::size_t max_line;                      ///< longer lines are cut to it
    std::uint64_t budget = ~std::uint64_t{0};  ///< bytes, roughly; beyond it: more
    bool take_rest = false;                    ///< a last line without end of line is a line
  };
  /// Reads on into `sink` until the end of the file, the budget or the sink's refusal. Opens the file when it has
  /// grown.
  Outcome read(LineSink& sink, ReadBuffer& buffer, const How& how, ReadCounts& counts);

  /// Reading begins after the last line that is whole now, or when the file can be opened.
  void begin_at_end() { at_end_ = true, open(); }
  /// The file that is open is at least as long as what was read, and begins with the same bytes.
  bool is_what_was_read() const;
  /// The file that is open begins with these bytes; with none: no.
  bool begins_as(const Fingerprint& known) const;
  /// Takes the first bytes of the file, if it is open, into the position: it is known by them before it is read.
  void note_beginning();
  /// It may hold lines that were not read.
  void expect_more() noexcept { behind_ = true; }
  void set_position(Position position) { position_ = std::move(position); }
  /// The file that is open has no name any more.
  bool is_deleted() const;
  bool read_out() const noexcept { return read_out_; }
  /// When the file that is open changed last, by its file system.
  tsn::Time changed_at() const;

  const std::string& path() const noexcept { return path_; }
  void set_path(std::string path) { path_ = std::move(path); }
  FileId id() const noexcept { return id_; }
  const Position& position() const noexcept { return position_; }
  /// Where reading goes on after a restart: at the first line that `joiner` still holds.
  Position resume_position() const;
  std::optional<tsn::Time>& last_time() noexcept { return position_.last_time; }
  /// The last read() did not come to the end, or there was none yet.
  bool behind() const noexcept { return behind_; }
  int error() const noexcept { return error_; }  ///< errno of the last failure

  std::optional<tsn::Time> gone_since;  ///< no path of ours leads to it any more
  tsn::Time active_at = 0;              ///< when it last grew
  std::string rotated_name;             ///< the path that rotation gave it, without .gz; empty: not known
  /// Joins the lines of this log; shared with the file that has its name now, which may hold the end of a record.
  std::shared_ptr<RecordJoiner> joiner;

 private:
  enum class Look { same, grown, failed };
  Look look();
  void skip_to_end();
  Outcome read_on(LineSink& sink, ReadBuffer& buffer, const How& how, ReadCounts& counts);
  void begin_anew(LineSink& sink, ReadCounts& counts);
  void update_fingerprint(std::uint64_t size);
  Outcome take_block(const char* from, std::size_t size, bool at_end, LineSink& sink, const How& how,
                     ReadCounts& counts);
  bool take_line(LineSink& sink, std::string_view text, std::uint64_t bytes, const How& how, ReadCounts& counts);

  std::string path_;
  FileId id_;
  Position position_;
  int descriptor_ = -1;
  int error_ = 0;
  bool at_end_ = false;    ///< begin at the end once it is open
  struct stat seen_{};     ///< at the last look
  bool read_out_ = false;  ///< at that look everything was read: unchanged means nothing to do
  bool behind_ = true;
};

FileId id_of(const struct stat& facts);

}  // namespace tocsin_plugins::logtail
