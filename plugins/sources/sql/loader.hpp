// One loader: when it is due, its query in the database's form, and what its last run came to.
#pragma once

#include <string>

#include "pool.hpp"
#include "rows.hpp"
#include "settings.hpp"

namespace tocsin_plugins::sql {

class Loader {
 public:
  Loader(const tsn::Context& ctx, LoaderSettings settings, std::chrono::nanoseconds tick)
      : ctx_(ctx), settings_(std::move(settings)), tick_(tick) {}

  const LoaderSettings& settings() const { return settings_; }
  bool due(tsn::Time now) const { return now >= next_; }
  tsn::Time next() const { return next_; }

  /// Asks the database; what came is kept for write(). Never throws. May run beside other loaders' run().
  void run(Pool& pool, const std::string& cursor, const Until& until);
  bool ran() const { return ran_; }
  bool failing() const { return failures_ > 0; }
  const tsn::Status& failure() const { return failure_; }
  Taken& taken() { return taken_; }
  double seconds() const { return seconds_; }
  /// Ends a run: its next one is planned from `now`, its counters go out. `put_off`: what it brought was not taken.
  void settle(tsn::Time now, bool put_off);

 private:
  void ask(Pool& pool, const std::string& cursor, const Until& until);
  void report() const;
  std::chrono::nanoseconds wait() const;
  /// There are more rows than one run takes: the next poll goes on.
  bool behind() const { return taken_.cut && !settings_.cursor.empty(); }

  const tsn::Context& ctx_;
  const LoaderSettings settings_;
  const std::chrono::nanoseconds tick_;
  tsn::Time next_ = 0;
  bool ran_ = false;
  bool was_cut_ = false;
  int failures_ = 0;  ///< in a row
  tsn::Status failure_ = tsn::ok;
  Taken taken_;
  double seconds_ = 0;
};

/// The query with the cursor's places as parameters. With a cursor it stands in a query around it that orders by the
/// cursor's column and takes one row more than `max_rows`, so that it shows whether there are more.
Statement statement_for(const Connection& connection, const LoaderSettings& loader, const std::string& cursor);

}  // namespace tocsin_plugins::sql
