// The SQLite file: one writer, few readers opened when they are first needed (memory counts), all in WAL mode, so that
// readers and the writer do not wait for each other.
#pragma once

#include <condition_variable>
#include <mutex>
#include <vector>

#include "storage/sqlite/connection.hpp"

namespace tocsin::storage::sqlite {

class SqliteDatabase final : public sql::Database {
 public:
  static base::Result<std::unique_ptr<SqliteDatabase>> open(const std::string& path, bool sync);
  ~SqliteDatabase() override;

  base::Result<std::unique_ptr<sql::Transaction>> write() override;
  base::Result<std::unique_ptr<sql::Transaction>> read() override;
  std::string describe() const override;
  /// Copies the database as it is committed now to `path`, which must not exist.
  base::Result<void> copy_to(const std::string& path);
  /// Moves what the write-ahead log has gathered into the file, beside the writer: whoever flushes history pays for the
  /// fsync, and no decision's commit does. (Only a log of 32 MiB that nobody moved makes a commit do it.)
  base::Result<void> checkpoint();
  /// Gives pages that deleted rows left back to the file system, some 64 MiB at a time. A file made before this was
  /// possible keeps its size; its pages are used again.
  base::Result<void> shrink();

 private:
  class Write;
  class Read;
  SqliteDatabase(std::string path, bool sync, std::unique_ptr<Connection> writer);
  base::Result<std::unique_ptr<Connection>> take_reader();
  void give_back(std::unique_ptr<Connection> reader);

  const std::string path_;
  const bool sync_;
  std::mutex write_mutex_;
  const std::unique_ptr<Connection> writer_;  ///< under write_mutex_

  std::mutex checkpoint_mutex_;
  std::unique_ptr<Connection> checkpointer_;  ///< opened when first needed

  static constexpr int most_readers = 3;
  std::mutex readers_mutex_;
  std::condition_variable reader_free_;
  int readers_ = 0;  ///< open, in use or not
  std::vector<std::unique_ptr<Connection>> free_;
};

}  // namespace tocsin::storage::sqlite
