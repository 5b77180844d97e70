// Holds a data directory for one process: a second agent on it would double every alert.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"

namespace tocsin::app {

class DataLock {
 public:
  /// Makes the directory (mode 0700) where it is missing and locks it; waits up to ten seconds for an agent that is
  /// stopping. Fault::conflict: another one runs on it.
  static base::Result<std::unique_ptr<DataLock>> take(const std::string& directory);
  ~DataLock();
  DataLock(const DataLock&) = delete;
  DataLock& operator=(const DataLock&) = delete;

 private:
  explicit DataLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace tocsin::app
