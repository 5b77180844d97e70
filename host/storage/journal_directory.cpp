#include "storage/journal_directory.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>

namespace tocsin::storage {

namespace fs = std::filesystem;
using base::fail;
using base::Fault;

namespace {

constexpr std::string_view prefix = "journal-", suffix = ".tj";

bool parse_name(const std::string& name, std::uint64_t& first) {
  if (!name.starts_with(prefix) || !name.ends_with(suffix)) return false;
  const char* begin = name.data() + prefix.size();
  const char* end = name.data() + name.size() - suffix.size();
  const auto [stop, error] = std::from_chars(begin, end, first);
  return error == std::errc() && stop == end;
}

void note_batch(const model::SignalBatch& batch, std::uint32_t rows, Instances& instances) {
  format::InstanceState& state = instances[batch.instance];
  state.instance = batch.instance;
  state.next_seq = std::max(state.next_seq, batch.first_seq + rows);
  if (!batch.has_cursor) return;
  state.has_cursor = true;
  state.cursor = batch.cursor;
}

struct Scanned {
  bool head = false;
  std::uint64_t batches = 0, newest = 0;
  std::uint64_t end = 0;         ///< where the readable part ends
  bool torn = false;             ///< what follows `end` can be cut
  std::uint64_t unreadable = 0;  ///< bytes after `end` that may hold records
};

/// Reads one file for what the instances continue with; damage is reported when somebody reads it, not here.
Scanned scan(const JournalFile& file, Instances& instances) {
  Scanned out;
  File f(::open(file.path.c_str(), O_RDONLY | O_CLOEXEC));
  JournalReader reader(f.fd(), file.bytes);
  for (;;) {
    const auto step = reader.next();
    out.end = reader.offset();
    if (step == JournalReader::Step::record && reader.frame().kind == format::Kind::head) {
      if (auto head = format::decode_head(reader.payload())) {
        out.head = true;
        for (format::InstanceState& i : *head) instances[i.instance] = i;
      }
    } else if (step == JournalReader::Step::record && reader.frame().kind == format::Kind::batch) {
      model::SignalBatch batch;
      std::uint32_t rows = 0;
      if (format::decode_batch(reader.payload(), false, batch, rows)) note_batch(batch, rows, instances);
      ++out.batches;
    }
    if (step == JournalReader::Step::record || step == JournalReader::Step::damaged) {
      out.newest = std::max(out.newest, reader.frame().position);
      continue;
    }
    out.torn = step == JournalReader::Step::torn;
    if (step == JournalReader::Step::lost) out.unreadable = file.bytes - out.end;
    return out;
  }
}

/// The newest file whose head can be read, and those after it: their batches carry the newest cursors.
std::size_t first_to_scan(const std::vector<JournalFile>& files) {
  for (std::size_t i = files.size(); i-- > 0;) {
    File f(::open(files[i].path.c_str(), O_RDONLY | O_CLOEXEC));
    JournalReader reader(f.fd(), files[i].bytes);
    if (reader.next() == JournalReader::Step::record && reader.frame().kind == format::Kind::head) return i;
  }
  return 0;
}

base::Result<void> cut(JournalFile& file, const Scanned& scanned, const Report& report) {
  report(journal_damage(file.path, scanned.end,
                        "cut " + std::to_string(file.bytes - scanned.end) +
                            " bytes of a record whose write did not finish; it was never acknowledged"));
  if (::truncate(file.path.c_str(), static_cast<off_t>(scanned.end)) != 0)
    return fail(journal_io(file.path, "cutting a torn record", errno));
  file.bytes = scanned.end;
  return {};
}

}  // namespace

std::string journal_path(const std::string& directory, std::uint64_t first) {
  std::string digits = std::to_string(first);
  return directory + "/" + std::string(prefix) + std::string(20 - digits.size(), '0') + digits + std::string(suffix);
}

base::Error journal_damage(const std::string& path, std::uint64_t offset, std::string_view what) {
  return {Fault::corrupt, "journal file " + path + ", offset " + std::to_string(offset) + ": " + std::string(what)};
}

base::Error journal_io(const std::string& path, std::string_view what, int error) {
  std::string hint;
  if (error == ENOSPC || error == EDQUOT) hint = "; free space on that file system";
  if (error == EACCES || error == EPERM || error == EROFS) hint = "; check the owner and mode of the data directory";
  return {Fault::unavailable, "journal " + path + ": " + std::string(what) + ": " + std::strerror(error) + hint};
}

base::Result<File> lock_directory(const std::string& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) return fail(journal_io(directory, "making the directory", error.value()));
  const std::string path = directory + "/lock";
  File lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640));
  if (!lock.open()) return fail(journal_io(path, "opening the lock file", errno));
  if (::flock(lock.fd(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno == EWOULDBLOCK)
    return fail(Fault::conflict,
                "journal " + directory + " is in use by another agent; stop it, or give this one its own data_dir");
  return fail(journal_io(path, "locking", errno));
}

base::Result<void> sync_directory(const std::string& directory) {
  File d(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!d.open() || ::fsync(d.fd()) != 0) return fail(journal_io(directory, "syncing the directory", errno));
  return {};
}

base::Result<std::vector<JournalFile>> list_journal(const std::string& directory) {
  std::vector<JournalFile> files;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    JournalFile file;
    if (!parse_name(it->path().filename().string(), file.first)) continue;
    file.path = it->path().string();
    file.bytes = it->file_size(error);
    if (!error) files.push_back(std::move(file));
  }
  if (error) return fail(journal_io(directory, "listing the directory", error.value()));
  std::sort(files.begin(), files.end(), [](const JournalFile& a, const JournalFile& b) { return a.first < b.first; });
  return files;
}

base::Result<Recovered> recover_journal(const std::string& directory, const Report& report) {
  Recovered out;
  TRY(out.files, list_journal(directory));
  for (std::size_t i = first_to_scan(out.files); i < out.files.size(); ++i) {
    JournalFile& file = out.files[i];
    const Scanned scanned = scan(file, out.instances);
    out.newest = std::max({out.newest, scanned.newest, file.first - 1});
    // An unreadable rest holds at most this many records; positions go on after all of them.
    out.newest += scanned.unreadable / format::frame_bytes;
    const bool last = i + 1 == out.files.size();
    if (last && scanned.torn && scanned.end < file.bytes) TRY_VOID(cut(file, scanned, report));
    if (last && scanned.batches == 0 && scanned.unreadable == 0 && scanned.newest < file.first) {
      if (::unlink(file.path.c_str()) != 0) return fail(journal_io(file.path, "removing an empty file", errno));
      out.files.pop_back();
    }
  }
  return out;
}

}  // namespace tocsin::storage
