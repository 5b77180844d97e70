// The files of a journal's directory, its lock, and what a start learns from them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "storage/journal_format.hpp"
#include "storage/journal_reader.hpp"

namespace tocsin::storage {

struct JournalFile {
  std::uint64_t first = 0;  ///< position of its first batch
  std::string path;
  std::uint64_t bytes = 0;
};

using Instances = std::map<std::string, format::InstanceState, std::less<>>;
using Report = std::function<void(const base::Error&)>;

std::string journal_path(const std::string& directory, std::uint64_t first);
/// Makes the directory if need be and locks it for this process.
base::Result<File> lock_directory(const std::string& directory);
base::Result<void> sync_directory(const std::string& directory);
/// By position.
base::Result<std::vector<JournalFile>> list_journal(const std::string& directory);

struct Recovered {
  std::uint64_t newest = 0;  ///< no record, readable or not, has a greater position
  Instances instances;
  std::vector<JournalFile> files;
};
/// Cuts a torn last record off, drops a newest file without any record, and reads back what the instances continue
/// with.
base::Result<Recovered> recover_journal(const std::string& directory, const Report& report);

/// "journal file PATH, offset N: what".
base::Error journal_damage(const std::string& path, std::uint64_t offset, std::string_view what);
/// From errno: ENOSPC, EIO and the like, with what to do.
base::Error journal_io(const std::string& path, std::string_view what, int error);

}  // namespace tocsin::storage
