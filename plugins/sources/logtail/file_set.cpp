#include "file_set.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "glob.hpp"
#include "record_joiner.hpp"

namespace tocsin_plugins::logtail {
namespace {

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == path.npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

/// Where the file itself lies: the kubelet's /var/log/containers holds links.
std::string home_of(const std::string& path) {
  std::error_code error;
  const auto real = std::filesystem::canonical(path, error);
  return directory_of(error ? path : real.string());
}

/// Where a renamed file is now: rotation renames within one directory.
std::string path_of(FileId id, const std::string& directory) {
  std::error_code error;
  namespace fs = std::filesystem;
  for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
    struct stat facts;
    const auto& ending = at->path().extension();
    if (ending == ".gz" || ending == ".tmp") continue;  // a free inode that was used again
    if (::lstat(at->path().c_str(), &facts) == 0 && S_ISREG(facts.st_mode) && id_of(facts) == id) return at->path();
  }
  return {};
}

}  // namespace

void FileSet::clear() {
  files_.clear();
  remembered_.clear();
  older_at_end_.reset();
  written_ = 0;
  first_scan_ = true;
}

void FileSet::restore(std::optional<Checkpoint> checkpoint, bool at_end) {
  clear();
  at_end_ = at_end && !checkpoint;
  if (!checkpoint) return;
  written_ = checkpoint->written;
  if (!checkpoint->complete) older_at_end_ = checkpoint->written;
  remembered_ = std::move(checkpoint->files);
}

FileSet::Listing FileSet::list() const {
  Listing found;
  for (const auto& pattern : paths_) {
    for (auto& path : expand(pattern)) {
      const auto excluded = [&](const std::string& glob) { return excluded_by(glob, path); };
      if (path != pattern && std::any_of(exclude_.begin(), exclude_.end(), excluded)) continue;
      struct stat facts;
      if (::stat(path.c_str(), &facts) == 0 && S_ISREG(facts.st_mode)) found[id_of(facts)].insert(std::move(path));
    }
  }
  return found;
}

bool FileSet::scan(tsn::Time now) {
  auto found = list();
  std::map<std::string, std::shared_ptr<RecordJoiner>> names;
  bool changed = false;
  for (auto& file : files_) {
    names[file->path()] = file->joiner;
    const auto here = found.find(file->id());
    if (here == found.end()) {
      if (!file->gone_since) {
        changed = true;
        file->gone_since = now;
        file->expect_more();
        if (!file->is_open()) open_renamed(*file);
      }
      continue;
    }
    file->gone_since.reset();
    file->rotated_name.clear();
    if (!here->second.contains(file->path())) file->set_path(*here->second.begin()), changed = true;
    found.erase(here);
  }
  bool rotated = false;
  std::map<std::string, FileId> fresh;  // in the order of their names
  for (const auto& [id, paths] : found) fresh.emplace(*paths.begin(), id);
  for (const auto& [path, id] : fresh) {
    changed = true;
    const auto before = names.find(path);
    if (before != names.end()) {
      ++rotations_;
      for (auto& file : files_)
        if (file->joiner == before->second && file->gone_since) file->expect_more();  // it may have grown until now
      // It may have been rotated more than once since the last look.
      follow_unknown(path, before->second, scanned_ - unseen, now, files_);
      rotated = true;
      if (std::ranges::any_of(files_, [&](const auto& file) { return file->id() == id; })) continue;  // and just now
    }
    add(path, id, before != names.end() ? before->second : make_joiner_(path), now);
  }
  if (first_scan_) follow_all_gone(now);
  if (first_scan_ || rotated) sort_rotated();
  first_scan_ = false;
  scanned_ = now;
  return changed;
}

/// The entry of a file. Inodes are used again, so several may have its id: the content decides, and what was read of
/// the others may lie somewhere under another name. Of a file that cannot be opened now the name decides, until it is
/// read.
std::optional<Checkpoint::Entry> FileSet::known_entry(TailedFile& file) {
  auto found = remembered_.end();
  for (auto at = remembered_.begin(); at != remembered_.end(); ++at) {
    if (at->id != file.id()) continue;
    if (!file.is_open()) {
      if (at->path == file.path()) found = at;
      continue;
    }
    file.set_position(at->position);
    const bool blank = at->position.fingerprint.bytes == 0;
    const bool is_it = file.is_what_was_read() && (!blank || at->path == file.path());
    if (is_it && (found == remembered_.end() || !blank)) found = at;
    if (!is_it) at->id = {};
  }
  file.set_position({});
  if (found == remembered_.end()) return std::nullopt;
  auto entry = std::move(*found);
  remembered_.erase(found);
  return entry;
}

void FileSet::add(std::string path, FileId id, std::shared_ptr<RecordJoiner> joiner, tsn::Time now) {
  auto file = std::make_unique<TailedFile>(std::move(path), id, Position{});
  file->joiner = std::move(joiner);
  if (!file->open()) open_renamed(*file);
  const auto known = known_entry(*file);
  if (known) file->set_position(known->position);
  file->note_beginning();
  if (files_.size() > most_open) file->close();
  file->active_at = now;
  if (!known && first_scan_ && (at_end_ || older_at_end_)) {
    struct stat facts;
    if (at_end_ || (::stat(file->path().c_str(), &facts) == 0 && facts.st_mtim.tv_sec < *older_at_end_ / 1'000'000'000))
      file->begin_at_end();
  }
  files_.push_back(std::move(file));
}

/// Opens a file that has another name now, and lets it keep the name under which it was found.
bool FileSet::open_renamed(TailedFile& file) {
  const auto name = file.path();
  auto path = path_of(file.id(), directory_of(name));
  if (path.empty()) path = path_of(file.id(), home_of(name));
  if (path.empty()) return false;
  file.set_path(path);
  const bool open = file.open();
  file.set_path(name);
  return open;
}

/// After a restart: files that were renamed meanwhile are still in their directories, and may hold lines that were not
/// read. The oldest of a name comes first.
void FileSet::follow_all_gone(tsn::Time now) {
  Files gone;
  follow_remembered(now, gone);
  std::map<std::string, std::shared_ptr<RecordJoiner>> logs;
  for (const auto* known : {&files_, &gone})
    for (const auto& file : *known) logs.emplace(file->path(), file->joiner);
  for (const auto& [path, joiner] : logs)
    if (written_ != 0) follow_unknown(path, joiner, written_ - unseen, now, gone);
  forget_beyond(most_remembered);
  std::ranges::stable_sort(gone, {}, [](const auto& file) { return file->changed_at(); });
  files_.insert(files_.begin(), std::make_move_iterator(gone.begin()), std::make_move_iterator(gone.end()));
}

/// What was renamed and is still there. Entries of which nothing was read say little and come last.
void FileSet::follow_remembered(tsn::Time now, Files& gone) {
  auto entries = std::exchange(remembered_, {});
  for (const bool blank : {false, true})
    for (auto& entry : entries) {
      if ((entry.position.fingerprint.bytes == 0) != blank) continue;
      auto file = follow_gone(entry, now);
      const auto is_it = [&](const auto& other) { return other->id() == file->id(); };
      if (file && (std::ranges::any_of(gone, is_it) || std::ranges::any_of(files_, is_it))) file.reset();
      if (file) {
        file->note_beginning();
        gone.push_back(std::move(file));
      } else if (!blank) {
        entry.gone = true;
        remembered_.push_back(std::move(entry));
      }
    }
}

/// Of the names that have the most, the oldest.
void FileSet::forget_beyond(std::size_t most) {
  if (remembered_.size() <= most) return;
  std::map<std::string, std::size_t> counts;
  for (const auto& entry : remembered_) ++counts[entry.path];
  while (remembered_.size() > most) {
    const auto longest = std::ranges::max_element(counts, {}, [](const auto& count) { return count.second; });
    remembered_.erase(std::ranges::find(remembered_, longest->first, &Checkpoint::Entry::path));
    --longest->second;
  }
}

/// Within a log: what was removed, what was rotated by its name, what has the log's name now.
void FileSet::sort_rotated() {
  const auto place = [](const auto& file) { return !file->rotated_name.empty() ? 1 : file->gone_since ? 0 : 2; };
  std::ranges::stable_sort(files_, [&](const auto& a, const auto& b) {
    return place(a) != place(b) ? place(a) < place(b) : a->rotated_name < b->rotated_name;
  });
}

/// Files that grew since they were looked at are told apart by more bytes.
void FileSet::note_beginnings(const std::string& path) {
  for (auto& file : files_)
    if (file->path() == path) file->note_beginning();
}

/// What was rotated after `since` and is followed by nobody: it came and went unseen, or was compressed. A compressed
/// one is known again by its first bytes.
void FileSet::follow_unknown(const std::string& path, const std::shared_ptr<RecordJoiner>& joiner, tsn::Time since,
                             tsn::Time now, Files& gone) {
  std::error_code error;
  const auto real = std::filesystem::canonical(path, error);
  const auto log = error ? path : real.string();
  constexpr int most_looks = 5;
  note_beginnings(path);
  std::set<std::string> seen;
  bool again = true;  // one was compressed between the look into the directory and the one at it
  for (int look = 0; look < most_looks && std::exchange(again, false); ++look)
    for (const auto& rotated : rotated_files(log)) {
      if (seen.contains(rotated.path)) continue;
      struct stat facts;
      if (::stat(rotated.path.c_str(), &facts) != 0) {
        again = true;
        continue;
      }
      if (!S_ISREG(facts.st_mode)) continue;
      const auto is_it = [&, id = id_of(facts)](const auto& file) {
        if (file->id() != id || !file->is_open()) return false;
        file->rotated_name = rotated.name();
        return true;
      };
      if (std::ranges::any_of(gone, is_it) || std::ranges::any_of(files_, is_it)) continue;
      if (facts.st_mtim.tv_sec < since / 1'000'000'000) continue;
      if (rotated.compressed && is_followed(path, rotated, gone)) {
        seen.insert(rotated.path);
        continue;
      }
      auto file = open_rotated(path, rotated);
      again |= !file;
      if (!file) continue;
      seen.insert(rotated.path);
      if (!is_unread(*file, since, gone)) continue;
      file->note_beginning();  // to be known again before it is read
      file->joiner = joiner;
      file->gone_since = file->active_at = now;
      gone.push_back(std::move(file));
    }
}

/// A file that is followed was compressed meanwhile: its first bytes say so, and the rest need not be unpacked. Its
/// inode is another one since then.
bool FileSet::is_followed(const std::string& path, const RotatedFile& packed, const Files& gone) const {
  const auto beginning = beginning_of_packed(packed.path, Fingerprint::most);
  const auto is_it = [&](const auto& other) {
    if (other->path() != path || !other->position().fingerprint.is_of(beginning)) return false;
    other->rotated_name = packed.name();
    return true;
  };
  return std::ranges::any_of(gone, is_it) || std::ranges::any_of(files_, is_it);
}

/// Sets its position where it was read before.
bool FileSet::is_unread(TailedFile& file, tsn::Time since, const Files& gone) {
  const auto followed = [&](const auto& other) {  // its inode is another one since it was compressed
    if (other->path() != file.path() || !file.begins_as(other->position().fingerprint)) return false;
    other->rotated_name = file.rotated_name;
    return true;
  };
  if (std::ranges::any_of(gone, followed) || std::ranges::any_of(files_, followed)) return false;
  const auto known = std::ranges::find_if(remembered_, [&](const auto& entry) {
    return entry.path == file.path() && file.begins_as(entry.position.fingerprint);
  });
  if (known == remembered_.end()) return file.changed_at() > since;
  file.set_position(known->position);
  remembered_.erase(known);
  return true;
}

std::unique_ptr<TailedFile> FileSet::open_rotated(const std::string& path, const RotatedFile& rotated) const {
  const auto source = rotated.compressed ? unpack(rotated.path, scratch_) : rotated.path;
  if (source.empty()) return nullptr;
  if (const auto last = last_written(source); rotated.compressed) {
    // Its age says whether it is of interest, and decides on its place among those of its name.
    const timespec at{last.value_or(0) / 1'000'000'000, last.value_or(0) % 1'000'000'000};
    const timespec both[] = {at, at};
    ::utimensat(AT_FDCWD, source.c_str(), both, 0);
  }
  struct stat facts;
  if (::stat(source.c_str(), &facts) != 0) return nullptr;
  auto file = std::make_unique<TailedFile>(source, id_of(facts), Position{});
  const bool open = file->open();
  if (rotated.compressed) ::unlink(source.c_str());
  file->set_path(path);
  file->rotated_name = rotated.name();
  return open ? std::move(file) : nullptr;
}

std::unique_ptr<TailedFile> FileSet::follow_gone(const Checkpoint::Entry& entry, tsn::Time now) {
  auto file = std::make_unique<TailedFile>(entry.path, entry.id, entry.position);
  if (!open_renamed(*file) || !file->is_what_was_read()) return nullptr;
  const auto same = std::ranges::find(files_, entry.path, [](const auto& other) { return other->path(); });
  file->joiner = same == files_.end() ? make_joiner_(entry.path) : (*same)->joiner;
  file->gone_since = file->active_at = now;
  return file;
}

template <class Unfinished>
bool FileSet::any_before(const TailedFile& file, Unfinished&& unfinished) const {
  for (const auto& other : files_) {
    if (other.get() == &file) return false;
    if (other->joiner == file.joiner && other->gone_since && unfinished(*other)) return true;
  }
  return false;
}

bool FileSet::follows_unread(const TailedFile& file) const {
  return file.joiner.use_count() > 1 && any_before(file, [](const TailedFile& before) { return before.behind(); });
}

bool FileSet::follows_unsettled(const TailedFile& file, tsn::Time now) const {
  // One that was rotated itself: its writer left the ones before it long ago.
  return !file.gone_since && !file.joiner->empty() && any_before(file, [&](const TailedFile& before) {
    return file.joiner->holds_partial(before.id()) && now - std::max(*before.gone_since, before.active_at) < settle;
  });
}

void FileSet::remember(Checkpoint::Entry entry) {
  entry.gone = true;
  remembered_.push_back(std::move(entry));
  forget_beyond(most_remembered);
}

void FileSet::tidy(tsn::Time now) {
  std::erase_if(files_, [&](const auto& file) {
    if (!file->gone_since || (file->is_open() && file->joiner->holds(file->id()))) return false;
    const bool lost = !file->is_open();  // renamed to another directory while it was closed
    if (!lost && now - std::max(*file->gone_since, file->active_at) < linger) return false;
    if (lost || !file->is_deleted())
      remember({file->path(), file->id(), file->resume_position(), true, file->active_at});
    return true;
  });
  std::vector<TailedFile*> open;
  for (const auto& file : files_)
    if (file->is_open() && file->read_out() && !file->gone_since) open.push_back(file.get());
  if (open.size() <= most_open) return;
  std::sort(open.begin(), open.end(), [](const auto* a, const auto* b) { return a->active_at > b->active_at; });
  for (auto at = open.begin() + most_open; at != open.end(); ++at) (*at)->close();
}

Checkpoint FileSet::checkpoint(tsn::Time now) const {
  Checkpoint made;
  made.written = std::min(now, scanned_);
  made.files = remembered_;
  for (const auto& file : files_)
    made.files.push_back(
        {file->path(), file->id(), file->resume_position(), file->gone_since.has_value(), file->active_at});
  return made;
}

std::set<std::string> FileSet::directories() const {
  std::set<std::string> all;
  for (const auto& pattern : paths_) all.insert(fixed_directory(pattern));
  for (const auto& file : files_) {
    all.insert(directory_of(file->path()));
    all.insert(home_of(file->path()));
  }
  return all;
}

}  // namespace tocsin_plugins::logtail
