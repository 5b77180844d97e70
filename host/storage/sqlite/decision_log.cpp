#include "storage/sqlite/decision_log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "storage/journal_format.hpp"
#include "storage/journal_reader.hpp"

namespace tocsin::storage::sqlite {

using base::fail;
using base::Fault;
using base::Result;

Result<std::unique_ptr<DecisionLog>> DecisionLog::open(Settings settings) {
  TRY(File lock, lock_directory(settings.directory));
  std::unique_ptr<DecisionLog> log(new DecisionLog(std::move(settings), std::move(lock)));
  TRY_VOID(log->recover());
  std::lock_guard held(log->mutex_);
  TRY_VOID(log->begin_file());
  return log;
}

DecisionLog::~DecisionLog() {
  if (files_.size() == 1 && trimmed_ >= newest_) ::unlink(files_.back().path.c_str());
}

/// Positions go on after every record that was ever acknowledged, in the store or in a file.
Result<void> DecisionLog::recover() {
  TRY(files_, list_journal(settings_.directory));
  newest_ = trimmed_ = settings_.after;
  for (JournalFile& file : files_) {
    newest_ = std::max(newest_, file.first - 1);
    File f(::open(file.path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!f.open()) return fail(journal_io(file.path, "opening", errno));
    JournalReader reader(f.fd(), file.bytes);
    auto step = reader.next();
    for (; step == JournalReader::Step::record || step == JournalReader::Step::damaged; step = reader.next())
      newest_ = std::max(newest_, reader.frame().position);
    if (step == JournalReader::Step::end) continue;
    // What follows cannot be read: a write that did not finish, or damage that read() reports.
    if (step == JournalReader::Step::lost) newest_ += (file.bytes - reader.offset()) / format::frame_bytes;
    if (step == JournalReader::Step::torn) file.bytes = reader.offset();
  }
  return {};
}

Result<void> DecisionLog::begin_file() {
  const std::string path = journal_path(settings_.directory, newest_ + 1);
  File next(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640));
  if (!next.open()) return fail(journal_io(path, "making the file", errno));
  if (settings_.sync) TRY_VOID(sync_directory(settings_.directory));
  // A file without a whole record has the same name and was just overwritten.
  if (!files_.empty() && files_.back().path == path) files_.pop_back();
  files_.push_back({newest_ + 1, path, 0});
  current_ = std::move(next);
  broken_ = false;
  return {};
}

Result<std::uint64_t> DecisionLog::append(std::string_view decision) {
  if (decision.size() > format::most_payload)
    return fail(Fault::invalid, "a decision of " + std::to_string(decision.size()) + " bytes is too long to be kept");
  std::lock_guard lock(mutex_);
  if (broken_ || files_.back().bytes >= settings_.file_bytes) TRY_VOID(begin_file());
  auto frame = format::frame_for(format::Kind::decision, newest_ + 1, decision);
  TRY_VOID(write(frame, decision));
  return ++newest_;
}

Result<void> DecisionLog::write(format::Frame& frame, std::string_view decision) {
  JournalFile& file = files_.back();
  const iovec payload{const_cast<char*>(decision.data()), decision.size()};
  int error = current_.write({{&frame, format::frame_bytes}, payload}, file.bytes);
  if (error == 0 && settings_.sync && ::fdatasync(current_.fd()) != 0) error = errno;
  if (error != 0) {
    broken_ = ::ftruncate(current_.fd(), static_cast<off_t>(file.bytes)) != 0 || settings_.sync;
    return fail(journal_io(file.path, "appending a decision", error));
  }
  file.bytes += format::frame_bytes + decision.size();
  return {};
}

/// The file that has the record after `position`, or would have.
DecisionLog::Place DecisionLog::place_of(std::uint64_t position) const {
  std::lock_guard lock(mutex_);
  std::size_t i = files_.size() - 1;
  while (i > 0 && files_[i].first > position + 1) --i;
  return {files_[i], i + 1 == files_.size()};
}

Result<std::vector<DecisionLog::Record>> DecisionLog::read(std::uint64_t position, std::size_t most) {
  std::vector<Record> out;
  std::uint64_t after = position;
  for (;;) {
    const Place place = place_of(after);
    TRY(const bool more, read_some(place, after, most, out));
    if (more || place.last) return out;
    // The file is read to its end: the next one begins where it says, also where records between were lost.
    std::lock_guard lock(mutex_);
    const auto next = std::ranges::find_if(files_, [&](const JournalFile& f) { return f.first > place.file.first; });
    after = std::max(after, next->first - 1);
    if (!out.empty()) after = std::max(after, out.back().position);
  }
}

/// True: `most` are together.
Result<bool> DecisionLog::read_some(const Place& place, std::uint64_t after, std::size_t most,
                                    std::vector<Record>& out) {
  if (reading_path_ != place.file.path || read_through_ > after) {
    reading_ = File(::open(place.file.path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!reading_.open()) return fail(journal_io(place.file.path, "opening", errno));
    reading_path_ = place.file.path;
    offset_ = 0;
  }
  JournalReader reader(reading_.fd(), place.file.bytes, offset_);
  while (out.size() < most) {
    const auto step = reader.next();
    offset_ = reader.offset();
    if (step == JournalReader::Step::end) return false;
    if (step == JournalReader::Step::lost || step == JournalReader::Step::torn) {
      settings_.report(journal_damage(place.file.path, reader.offset(), "the rest of its decisions is lost"));
      return false;
    }
    read_through_ = reader.frame().position;
    offset_ += format::frame_bytes + reader.frame().length;
    if (step == JournalReader::Step::damaged)
      settings_.report(journal_damage(place.file.path, reader.offset(), "a decision is damaged and lost"));
    else if (reader.frame().position > after)
      out.push_back({reader.frame().position, std::string(reader.payload())});
  }
  return true;
}

Result<void> DecisionLog::trim(std::uint64_t position) {
  std::lock_guard lock(mutex_);
  trimmed_ = std::max(trimmed_, position);
  // A long file of which everything is in the store makes room too.
  if (position >= newest_ && files_.back().bytes >= settings_.file_bytes / 4) TRY_VOID(begin_file());
  while (files_.size() > 1 && files_[1].first <= position + 1) {
    if (::unlink(files_.front().path.c_str()) != 0 && errno != ENOENT)
      return fail(journal_io(files_.front().path, "removing a file that is in the store", errno));
    files_.erase(files_.begin());
  }
  return {};
}

std::uint64_t DecisionLog::newest() const {
  std::lock_guard lock(mutex_);
  return newest_;
}

std::uint64_t DecisionLog::bytes() const {
  std::lock_guard lock(mutex_);
  std::uint64_t sum = 0;
  for (const JournalFile& file : files_) sum += file.bytes;
  return sum;
}

}  // namespace tocsin::storage::sqlite
