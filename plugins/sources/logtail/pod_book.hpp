// What the pods of this node say in their annotations, from the API server: a light list (metadata only) every minute
// and when a pod appears. Watching is the business of the source `kubernetes`; a minute is soon enough here.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "kubernetes_api/transport.hpp"
#include "log_origin.hpp"

namespace tocsin_plugins::logtail {

class PodBook {
 public:
  using Annotations = std::map<std::string, std::string, std::less<>>;
  /// A pod that the API server was not asked for yet is waited for as long; then it is read as the source says.
  static constexpr tsn::Time patience = 10'000'000'000;
  static constexpr std::string_view prefix = "tocsin.io/";

  /// `table`: url, token_file, insecure_token, ca_file, node, annotations. Throws tsn::Failure (invalid).
  PodBook(const tsn::Context& ctx, const tsn::Config& table);
  ~PodBook() { stop(); }
  void start();
  void stop();

  /// Rises with each list that was read. [any]
  std::uint64_t lists() const noexcept { return lists_; }
  /// Asks soon. [any]
  void ask();
  bool knows(const Pod& pod) const;
  /// Lets the annotations say how the log is treated; what they do not say is as the source has it.
  /// `multiline` becomes theirs, or the source's.
  void apply(LogOrigin& origin, Multiline& multiline, const Multiline& source_multiline,
             log_match::FieldSyntax source_syntax);

  /// The pods of a list, by "NAMESPACE/NAME"; their annotations of ours. False: these bytes are no list of pods.
  /// `next`: the token for the rest of it.
  static bool read_list(std::string_view json, std::map<std::string, Annotations>& pods, std::string& next);

 private:
  void run();
  tsn::Status try_list();
  tsn::Status list();
  std::string text(const Annotations& all, std::string_view what, const Pod& pod) const;
  void read_matches(const std::string& json, LogOrigin& origin, log_match::FieldSyntax source_syntax);
  void complain(const Pod& pod, std::string_view what, std::string_view why);

  tsn::Context ctx_;
  kube::Access access_;
  std::unique_ptr<kube::Transport> transport_;  ///< of the thread
  std::string node_;
  std::set<std::string, std::less<>> heeded_;
  tsn_thread thread_ = 0;
  std::atomic<bool> stopping_ = false;
  std::atomic<std::uint64_t> lists_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool asked_ = true;                        ///< under mutex_
  std::map<std::string, Annotations> pods_;  ///< under mutex_
  std::set<std::string> complained_;
};

}  // namespace tocsin_plugins::logtail
