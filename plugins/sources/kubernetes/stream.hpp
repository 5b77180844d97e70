// One list and the watch that follows it: https://kubernetes.io/docs/reference/using-api/api-concepts/
//
// A list is read page by page; its resourceVersion is where the watch begins. Each change and each bookmark moves that
// version on, so that a watch that is cut goes on where it was. What the server has forgotten (410) is listed again,
// and the list is compared with what is known: nothing is told twice, and what is gone ends.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>

#include "book.hpp"
#include "event_log.hpp"
#include "kubernetes_api/transport.hpp"
#include "lines.hpp"
#include "reader.hpp"
#include "resource.hpp"
#include "settings.hpp"

namespace tocsin_plugins::kube {

/// What streams share. All but `mutex` and `ctx` belongs to the thread that runs the transport; `mutex` guards the
/// books and failures, which poll() reads.
struct Office {
  tsn::Context ctx;
  const Settings& settings;
  Transport& transport;
  tsn::Batch& out;
  Interner& series;
  std::mutex& mutex;
  std::function<void()> flush;       ///< hands `out` over; waits while the agent is full
  std::size_t most_page = 8u << 20;  ///< bytes of a list's page; parsing takes ten times that for a moment
  tsn::Time told_until = 0;          ///< of events
  bool moved = false;                ///< a position that is kept over a restart has moved
  std::minstd_rand random{std::random_device{}()};
};

/// Why something does not work now.
struct Trouble {
  std::string text;  ///< empty: it works
  bool denied = false;
};

class Stream : public Receiver {
 public:
  /// `on_due(this)` is called by a timer of the host [seq]: have again() called by the thread.
  Stream(Office& office, Kind kind, std::string space, std::function<void(Stream*)> on_due);

  // --- the thread's ---
  /// Watches from `version`; empty: lists first.
  void start(std::string version);
  void again();
  /// "/api/v1/events": under what its position is kept.
  const std::string& path() const noexcept { return path_; }
  const std::string& version() const noexcept { return version_; }
  const std::string& space() const noexcept { return space_; }
  Kind kind() const noexcept { return kind_; }
  const std::set<std::string>& names() const noexcept { return names_; }  ///< of nodes

  // --- under the mutex ---
  void write(tsn::Batch& out, tsn::Time now);
  const Trouble& trouble() const noexcept { return trouble_; }
  std::size_t size() const noexcept { return kind_ == Kind::events ? events_.size() : book_.size(); }

 private:
  enum class Phase { waiting, listing, watching };

  void begun(long status) override;
  bool took(std::string_view bytes) override;
  void ended(const Outcome& outcome) override;

  void list();
  void watch();
  void request(const Question& question);
  std::string selectors() const;
  void list_ended(const Outcome& outcome);
  void watch_ended(const Outcome& outcome);
  void take_page(Page&& page);
  bool take_line(std::string_view line);
  void take_change(Change&& change);
  void take_event(Object&& event, EventLog::Seen how);
  void refused(const Outcome& outcome, std::string_view verb);
  /// The version is forgotten.
  void gone();
  void retry(std::string why, bool denied = false, std::chrono::milliseconds at_least = {});
  void wait(std::chrono::milliseconds at_least);
  void works();

  Office& office_;
  const Kind kind_;
  const std::string space_, path_;
  const std::function<void(Stream*)> on_due_;
  Phase phase_ = Phase::waiting;
  std::string version_;  ///< empty: to be listed
  std::string next_;     ///< page of the list
  unsigned page_size_;
  long status_ = 0;  ///< of the answer at hand
  std::string body_;
  bool too_long_ = false, moved_ = false;
  std::chrono::steady_clock::time_point begun_{};
  bool listed_anew_ = false;  ///< after 410, and nothing came since
  bool forgotten_ = false;    ///< the watch said 410
  std::string problem_;       ///< why the watch was broken off
  std::chrono::milliseconds problem_wait_{};
  unsigned failures_ = 0;  ///< since the last change or bookmark
  Lines lines_;
  Reader reader_;
  std::set<std::string> names_;
  // --- under the mutex ---
  Book book_;
  EventLog events_;
  Trouble trouble_;
};

}  // namespace tocsin_plugins::kube
