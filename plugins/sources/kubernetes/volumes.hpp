// How full claims are: the summary of each kubelet, by way of the API server, a few at a time.
//
// Only the kubelet of a node with a pod that mounts a claim knows. A node that does not answer keeps its claims for two
// more rounds, so that one lost answer ends no series.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "stream.hpp"

namespace tocsin_plugins::kube {

class Volumes {
 public:
  explicit Volumes(Office& office);
  ~Volumes();

  // --- the thread's ---
  /// Asks these nodes; nothing while the round before is not over.
  void begin_round(const std::set<std::string>& nodes);
  /// The requests of a round were dropped.
  void reset() noexcept { running_ = false; }

  // --- under the mutex ---
  void write(tsn::Batch& out, tsn::Time now) { book_.write(out, now); }
  const Trouble& trouble() const noexcept { return trouble_; }
  std::size_t size() const noexcept { return book_.size(); }

 private:
  class Asker;
  struct Claim {
    std::string node;
    unsigned missed = 0;  ///< rounds in which its node did not answer
  };

  void next(Asker& asker);
  void answered(Asker& asker, const std::string& node, const Outcome& outcome, const std::string& body, bool too_long);
  void take(const std::string& node, const std::vector<Volume>& volumes);
  void failed(const std::string& node, std::string why, bool denied);
  void end_round();

  Office& office_;
  std::vector<std::unique_ptr<Asker>> askers_;
  std::deque<std::string> line_;
  std::size_t asking_ = 0, asked_ = 0;
  bool running_ = false;
  std::set<std::string> failed_;         ///< nodes of this round
  Trouble first_;                        ///< of this round
  std::map<std::string, Claim> claims_;  ///< by the book's key
  // --- under the mutex ---
  Book book_;
  Trouble trouble_;
};

}  // namespace tocsin_plugins::kube
