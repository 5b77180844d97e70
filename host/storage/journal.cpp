#include "storage/journal.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <unordered_map>

#include "storage/journal_directory.hpp"
#include "storage/journal_format.hpp"
#include "storage/journal_reader.hpp"

namespace tocsin::storage {
namespace {

using base::fail;
using base::Fault;
using base::Result;

/// The file being written. Shared, because a sync may still run on it while appends have gone on to the next.
struct Current {
  File file;
  std::string path;
  std::uint64_t bytes = 0;
  std::vector<std::uint8_t> written;  ///< by series id: its dictionary entry is in this file
  bool broken = false;                ///< its end is unknown: go on in a new file
};

/// One fdatasync for all appends that wait at the same time: the first one in leads, the others wait for it or for the
/// next leader.
class GroupSync {
 public:
  /// `newest` says, at the moment of the sync, which file and which position it covers.
  template <class Newest>
  Result<void> wait(std::uint64_t position, Newest&& newest) {
    std::unique_lock lock(mutex_);
    for (;;) {
      if (position > failed_from_ && position <= failed_to_) return fail(*error_);
      if (position <= durable_) return {};
      if (!syncing_) break;
      changed_.wait(lock);
    }
    syncing_ = true;
    lock.unlock();
    auto [current, target] = newest();
    const int error = ::fdatasync(current->file.fd()) == 0 ? 0 : errno;
    lock.lock();
    syncing_ = false;
    if (error == 0) {
      durable_ = std::max(durable_, target);
    } else {
      // The kernel may have dropped the pages; a second sync would claim what is not there.
      failed_from_ = durable_;
      failed_to_ = std::max(target, position);
      error_ = std::make_unique<base::Error>(journal_io(current->path, "syncing", error));
    }
    changed_.notify_all();
    if (error != 0) return fail(*error_);
    return {};
  }
  /// All positions through this one are on the disk already.
  void covered(std::uint64_t position) {
    std::lock_guard lock(mutex_);
    durable_ = std::max(durable_, position);
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool syncing_ = false;
  std::uint64_t durable_ = 0, failed_from_ = 0, failed_to_ = 0;
  std::unique_ptr<base::Error> error_;
};

class FileJournal final : public Journal {
 public:
  FileJournal(Settings settings, model::SeriesTable& series, File lock, Recovered recovered)
      : settings_(std::move(settings)),
        series_(series),
        lock_(std::move(lock)),
        newest_(std::max(recovered.newest, settings_.after)),
        files_(std::move(recovered.files)) {
    for (auto& [name, state] : recovered.instances) instances_.emplace(name, std::move(state));
  }

  Result<void> start() {
    std::lock_guard lock(mutex_);
    return begin_file();
  }

  Result<std::uint64_t> append(model::SignalBatch& batch) override {
    format::EncodedBatch encoded;
    TRY_VOID(format::encode(batch, encoded));
    {
      std::lock_guard lock(mutex_);
      TRY_VOID(append_locked(batch, encoded));
    }
    if (settings_.sync) {
      auto synced = sync_.wait(batch.position, [this] {
        std::lock_guard lock(mutex_);
        return std::pair(current_, newest_);
      });
      if (!synced) {
        std::lock_guard lock(mutex_);
        current_->broken = true;
        return fail(std::move(synced).error());
      }
    }
    return batch.position;
  }

  Result<void> read(std::uint64_t position, const std::function<bool(model::SharedBatch)>& take) override {
    std::vector<JournalFile> files;
    {
      std::lock_guard lock(mutex_);
      files = files_;
      files.back().bytes = current_->bytes;
    }
    for (std::size_t i = 0; i < files.size(); ++i) {
      if (i + 1 < files.size() && files[i + 1].first <= position) continue;
      TRY(const bool more, read_file(files[i], position, take));
      if (!more) break;
    }
    return {};
  }

  Result<void> trim(std::uint64_t position) override {
    std::lock_guard lock(mutex_);
    while (files_.size() > 1 && files_[1].first <= position) {
      if (::unlink(files_.front().path.c_str()) != 0 && errno != ENOENT)
        return fail(journal_io(files_.front().path, "removing a file that is in the store", errno));
      files_.erase(files_.begin());
    }
    return {};
  }

  std::uint64_t newest() const override {
    std::lock_guard lock(mutex_);
    return newest_;
  }
  std::string cursor(const std::string& instance) const override {
    std::lock_guard lock(mutex_);
    const auto it = instances_.find(instance);
    return it == instances_.end() ? std::string() : it->second.cursor;
  }
  std::uint64_t next_seq(const std::string& instance) const override {
    std::lock_guard lock(mutex_);
    const auto it = instances_.find(instance);
    return it == instances_.end() ? 0 : it->second.next_seq;
  }
  std::uint64_t bytes() const override {
    std::lock_guard lock(mutex_);
    std::uint64_t sum = 0;
    for (const JournalFile& file : files_) sum += file.bytes;
    return sum - files_.back().bytes + current_->bytes;
  }

 private:
  Result<void> append_locked(model::SignalBatch& batch, format::EncodedBatch& encoded) {
    if (current_->broken || current_->bytes >= settings_.file_bytes) TRY_VOID(begin_file());
    const std::uint64_t position = newest_ + 1;
    const std::vector<model::SeriesId> fresh = unwritten(batch.series);
    std::string dictionary;
    format::Frame dictionary_frame;
    std::vector<iovec> pieces;
    if (!fresh.empty()) {
      dictionary = format::encode_series(fresh, series_);
      dictionary_frame = format::frame_for(format::Kind::series, position, dictionary);
      pieces.push_back({&dictionary_frame, format::frame_bytes});
      pieces.push_back({dictionary.data(), dictionary.size()});
    }
    encoded.frame.position = position;
    encoded.frame.seal();
    pieces.push_back({&encoded.frame, format::frame_bytes});
    pieces.insert(pieces.end(), encoded.pieces.begin(), encoded.pieces.end());
    TRY_VOID(write(std::move(pieces)));
    mark_written(fresh);
    newest_ = batch.position = position;
    note(batch);
    return {};
  }

  Result<void> write(std::vector<iovec> pieces) {
    std::uint64_t bytes = 0;
    for (const iovec& p : pieces) bytes += p.iov_len;
    if (const int error = current_->file.write(std::move(pieces), current_->bytes); error != 0) {
      if (::ftruncate(current_->file.fd(), static_cast<off_t>(current_->bytes)) != 0) current_->broken = true;
      return fail(journal_io(current_->path, "appending", error));
    }
    current_->bytes += bytes;
    return {};
  }

  std::vector<model::SeriesId> unwritten(const std::vector<model::SeriesId>& ids) const {
    std::vector<model::SeriesId> fresh;
    const std::vector<std::uint8_t>& written = current_->written;
    for (model::SeriesId id : ids)
      if (id >= written.size() || !written[id]) fresh.push_back(id);
    if (fresh.size() > 1) {
      std::sort(fresh.begin(), fresh.end());
      fresh.erase(std::unique(fresh.begin(), fresh.end()), fresh.end());
    }
    return fresh;
  }

  void mark_written(const std::vector<model::SeriesId>& fresh) {
    if (fresh.empty()) return;
    std::vector<std::uint8_t>& written = current_->written;
    if (fresh.back() >= written.size()) written.resize(std::max<std::size_t>(series_.size(), fresh.back() + 1));
    for (model::SeriesId id : fresh) written[id] = 1;
  }

  void note(const model::SignalBatch& batch) {
    format::InstanceState& state = instances_[batch.instance];
    state.next_seq = std::max(state.next_seq, batch.first_seq + batch.rows());
    if (!batch.has_cursor) return;
    state.has_cursor = true;
    state.cursor = batch.cursor;
  }

  Result<void> begin_file() {
    if (settings_.sync && current_) {
      if (::fdatasync(current_->file.fd()) == 0 && !current_->broken) sync_.covered(newest_);
    }
    auto next = std::make_shared<Current>();
    next->path = journal_path(settings_.directory, newest_ + 1);
    next->file = File(::open(next->path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640));
    if (!next->file.open()) return fail(journal_io(next->path, "making the file", errno));
    std::vector<format::InstanceState> states;
    for (const auto& [name, state] : instances_)
      states.push_back({name, state.next_seq, state.has_cursor, state.cursor});
    std::string head = format::encode_head(states);
    format::Frame frame = format::frame_for(format::Kind::head, newest_, head);
    if (const int error = next->file.write({{&frame, format::frame_bytes}, {head.data(), head.size()}}, 0)) {
      ::unlink(next->path.c_str());
      return fail(journal_io(next->path, "writing the head", error));
    }
    next->bytes = format::frame_bytes + head.size();
    if (settings_.sync) TRY_VOID(sync_directory(settings_.directory));
    adopt(std::move(next));
    return {};
  }

  void adopt(std::shared_ptr<Current> next) {
    if (current_) files_.back().bytes = current_->bytes;
    // A file that broke before its first record has the same name and was just overwritten.
    if (!files_.empty() && files_.back().path == next->path) files_.pop_back();
    files_.push_back({newest_ + 1, next->path, next->bytes});
    current_ = std::move(next);
  }

  void damaged(const JournalFile& file, std::uint64_t offset, std::string_view what) const {
    settings_.report(journal_damage(file.path, offset, what));
  }

  Result<bool> read_file(const JournalFile& file, std::uint64_t position,
                         const std::function<bool(model::SharedBatch)>& take) {
    File f(::open(file.path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!f.open() && errno == ENOENT) return true;  // trimmed meanwhile
    if (!f.open()) return fail(journal_io(file.path, "opening", errno));
    JournalReader reader(f.fd(), file.bytes);
    std::unordered_map<std::uint32_t, model::SeriesId> ids;
    for (;;) {
      switch (reader.next()) {
        case JournalReader::Step::end:
          return true;
        case JournalReader::Step::torn:
          damaged(file, reader.offset(), "the last record is not whole");
          return true;
        case JournalReader::Step::damaged:
          damaged(file, reader.offset(), "a record is damaged; its signals are lost, reading goes on after it");
          break;
        case JournalReader::Step::lost:
          damaged(file, reader.offset(),
                  "a record's frame is damaged; the rest of the file is lost, reading goes on with the next");
          return true;
        case JournalReader::Step::record: {
          TRY(const bool more, read_record(file, reader, position, ids, take));
          if (!more) return false;
        }
      }
    }
  }

  Result<bool> read_record(const JournalFile& file, const JournalReader& reader, std::uint64_t position,
                           std::unordered_map<std::uint32_t, model::SeriesId>& ids,
                           const std::function<bool(model::SharedBatch)>& take) {
    if (reader.frame().kind == format::Kind::series) {
      auto entries = format::decode_series(reader.payload());
      if (!entries)
        damaged(file, reader.offset(), entries.error().message());
      else
        for (format::SeriesEntry& e : *entries) ids[e.id] = series_.intern(std::move(e.key));
    }
    if (reader.frame().kind != format::Kind::batch || reader.frame().position < position) return true;
    auto batch = std::make_shared<model::SignalBatch>();
    std::uint32_t rows = 0;
    if (auto decoded = format::decode_batch(reader.payload(), true, *batch, rows); !decoded) {
      damaged(file, reader.offset(), decoded.error().message());
      return true;
    }
    batch->position = reader.frame().position;
    for (model::SeriesId& id : batch->series) {
      const auto known = ids.find(id);
      if (known == ids.end()) {
        damaged(file, reader.offset(), "a batch names a series whose dictionary entry was lost; its signals are lost");
        return true;
      }
      id = known->second;
    }
    return take(std::move(batch));
  }

  const Settings settings_;
  model::SeriesTable& series_;
  const File lock_;
  GroupSync sync_;
  mutable std::mutex mutex_;  ///< everything below
  std::uint64_t newest_ = 0;
  std::vector<JournalFile> files_;  ///< by position; the last is current_ (its bytes count there)
  std::shared_ptr<Current> current_;
  std::unordered_map<std::string, format::InstanceState> instances_;
};

}  // namespace

Result<std::unique_ptr<Journal>> Journal::open(Settings settings, model::SeriesTable& series) {
  if (!settings.report)
    settings.report = [](const base::Error& e) { std::fprintf(stderr, "%s\n", e.message().c_str()); };
  TRY(File lock, lock_directory(settings.directory));
  TRY(Recovered recovered, recover_journal(settings.directory, settings.report));
  auto journal = std::make_unique<FileJournal>(std::move(settings), series, std::move(lock), std::move(recovered));
  TRY_VOID(journal->start());
  return journal;
}

}  // namespace tocsin::storage
