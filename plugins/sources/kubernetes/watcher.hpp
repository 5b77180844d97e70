// The thread that watches: all streams and summaries over one transport, and what they say into one batch.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "stream.hpp"
#include "volumes.hpp"

namespace tocsin_plugins::kube {

class Watcher {
 public:
  Watcher(tsn::Context ctx, const Settings& settings);

  /// Begins a thread. `cursor` is what the last batch with one said.
  void start(std::string_view cursor);
  void stop();
  /// Writes what holds and has the summaries asked for. What does not work now is the answer.
  tsn::Status poll(tsn::Batch& out);
  /// Asks for each list once: a line each.
  void look(std::string& report, tsn::Deadline deadline);

 private:
  void run();
  void begin_anew(const char* why);
  void take_due();
  void due(Stream* stream);
  void flush();
  bool wait(std::chrono::milliseconds time);  ///< false: stopping
  std::string cursor() const;
  std::string version_in(std::string_view cursor, const Stream& stream);
  void report();

  tsn::Context ctx_;
  const Settings& settings_;
  Transport transport_;
  tsn::Batch out_;
  Interner series_;
  std::mutex mutex_;  ///< of books and troubles
  Office office_;
  std::vector<std::unique_ptr<Stream>> streams_;
  std::unique_ptr<Volumes> volumes_;
  const Stream* nodes_ = nullptr;
  std::string resumed_;  ///< the cursor of the start
  tsn_thread thread_ = 0;
  std::atomic<bool> stopping_{false};
  std::mutex due_mutex_;
  std::condition_variable ended_;
  std::vector<Stream*> due_;
  bool round_due_ = false;
};

}  // namespace tocsin_plugins::kube
