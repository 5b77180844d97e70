#include <cstring>

#include "dir_watch.hpp"
#include "file_set.hpp"
#include "glob.hpp"
#include "pod_book.hpp"
#include "record_joiner.hpp"
#include "row_writer.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

using namespace std::chrono_literals;

/// Follows files by a timer and inotify; each round hands over what was read together with a cursor that covers it. In
/// replay it reads them once, from poll to poll.
class Logtail {
 public:
  static constexpr auto id = "logtail", version = "1.0.0",
                        doc =
                            "Lines of log files and containers as signals: globs, rotation, multi-line, JSON, patterns";
  static constexpr auto features = tsn::replays;
  static constexpr const char* needs[] = {"files:/var/log"};
  static constexpr tsn::Option options[] = {
      {.key = "paths",
       .type = tsn::array,
       .flags = tsn::required,
       .doc = "Files to follow; globs with *, ?, […] and ** for any depth"},
      {.key = "exclude",
       .type = tsn::array,
       .fallback = "[]",
       .doc = "Globs on the name or the whole path of files that `paths` finds by wildcard"},
      {.key = "start",
       .type = tsn::string,
       .fallback = "\"end\"",
       .choices = "end|beginning",
       .doc = "Where reading begins while there is no checkpoint"},
      {.key = "max_age",
       .type = tsn::duration,
       .fallback = "\"0s\"",
       .min = "\"0s\"",
       .doc = "Lines older than this are kept and alert nobody; 0s: off; not in replay"},
      {.key = "max_line",
       .type = tsn::size,
       .fallback = "\"1MiB\"",
       .min = "\"64B\"",
       .max = "\"16MiB\"",
       .doc = "Longer lines are cut and counted"},
      {.key = "format",
       .type = tsn::string,
       .fallback = "\"auto\"",
       .choices = "auto|plain|cri|docker",
       .doc = "What wraps the lines: the CRI log format, Docker's json-file, nothing; auto: each line tells"},
      {.key = "fields",
       .type = tsn::array,
       .fallback = R"(["stream", "namespace", "pod", "container"])",
       .doc = "Facts of a container's log that become labels: stream, namespace, pod, container, pod_uid"},
      {.key = "multiline",
       .type = tsn::table,
       .fallback = "{}",
       .doc = "One of start, continue (regular expressions), preset (java, python, go); max_lines, max_bytes, timeout"},
      {.key = "kubernetes",
       .type = tsn::boolean,
       .fallback = "false",
       .doc = "Asks the API server for the annotations of this node's pods: tocsin.io/logs, parser, multiline, match"},
      {.key = "kubernetes_api",
       .type = tsn::table,
       .fallback = "{}",
       .doc = "url, token_file, ca_file (default: the service account's), insecure_token (over http:// too), node "
              "(default: $NODE_NAME), annotations (those that are heeded)"},
      {.key = "parser",
       .type = tsn::string,
       .fallback = "\"none\"",
       .choices = "none|json|logfmt",
       .doc = "What a record is: its fields are then for where, value and labels of [[match]], timestamp and severity"},
      {.key = "severity",
       .type = tsn::string,
       .fallback = "\"level\"",
       .doc = "Field that holds the severity, by name or JSON Pointer"},
      {.key = "message",
       .type = tsn::string,
       .fallback = "\"\"",
       .doc = "Field that is the text which patterns see and signals carry; none: the whole record"},
      {.key = "signal",
       .type = tsn::string,
       .fallback = "\"log.line\"",
       .doc = "Name of the signal that every line becomes where there is no [[match]]"},
      {.key = "timestamp",
       .type = tsn::table,
       .fallback = "{}",
       .doc = "format (auto, none, rfc3164, rfc3339, iso8601, epoch, epoch_ms, clf or a strptime pattern), zone, "
              "pattern with a group ts, field of a parsed record"},
      {.key = "match",
       .type = tsn::array,
       .fallback = "[]",
       .doc =
           "Entries of signal, pattern, parser, where (conditions on fields), value (a group or field that holds the "
           "number) and labels; each that fits emits"},
  };
  static constexpr tsn::Signal signals[] = {
      {.name = "log.line",
       .unit = "1",
       .labels = "file,stream,namespace,pod,container",
       .doc = "A line, where there is no [[match]]; `file` where it is no pod's"},
      {.name = "*",
       .unit = "1",
       .labels = "stream,namespace,pod,container",
       .doc = "What [[match]] names, with the named groups of its pattern as labels besides"},
  };

  Logtail()
      : paths_(ctx_.config().strings("paths")),
        from_beginning_(ctx_.config().str("start") == "beginning"),
        max_line_(std::max<std::uint64_t>(ctx_.config().size("max_line", 1 << 20), 1)),
        files_(
            paths_, ctx_.config().strings("exclude"), [this](const std::string& path) { return make_joiner(path); },
            ctx_.data_dir() + "/logtail"),
        writer_(ctx_, ctx_.config(), [this] { return submit(); }),
        multiline_(ctx_.config().table("multiline")),
        joined_(writer_) {
    joined_.format = format_of(ctx_.config().str("format", "auto"));
    joined_.max_line = max_line_;
    if (ctx_.config().boolean("kubernetes") && !ctx_.replay())
      pods_ = std::make_unique<logtail::PodBook>(ctx_, ctx_.config().table("kubernetes_api"));
    raw_line_ = max_line_ + (joined_.format == logtail::Format::plain ? 1 : most_wrapping);
    if (paths_.empty()) throw tsn::Failure(tsn::invalid("paths: expected at least one file or glob"));
  }

  void start(std::string_view cursor) {
    if (ctx_.replay()) return begin_replay();
    auto checkpoint = logtail::Checkpoint::decode(cursor);
    if (!checkpoint && !cursor.empty())
      ctx_.warn("the checkpoint is none of this plugin's; reading begins as without one");
    files_.restore(std::move(checkpoint), !from_beginning_);
    joined_.now = ctx_.now();
    if (pods_) pods_->start();
    watch_.open();
    scan(ctx_.now());
    if (files_.files().empty())
      ctx_.warn("no file matches `paths` yet (" + paths_.front() + (paths_.size() > 1 ? ", …" : "") +
                "); looking again every few seconds");
    cursor_due_ = true;  // from now on there is a checkpoint: `start` has had its say
    schedule(0s);
    watch();
  }

  void stop() {
    if (pods_) pods_->stop();
    if (tick_) ctx_.cancel_timer(std::exchange(tick_, 0));
    if (watched_) ctx_.unwatch(std::exchange(watched_, 0));
    watch_.close();
    if (!ctx_.replay() && (cursor_due_ || dirty_ || !writer_.batch().empty())) submit();
    writer_.batch().clear();
    files_.clear();
    replayed_.clear();
  }

  /// Live, the host's polls are rounds besides those of the timer.
  tsn::Status poll(tsn::Batch&, tsn::Deadline) {
    if (ctx_.replay()) return replay();
    rescan_ = true;
    work();
    return status_;
  }

 private:
  static constexpr std::uint64_t turn = 1 << 20;           ///< bytes of one file before the next has its turn
  static constexpr std::uint64_t round_budget = 16 << 20;  ///< bytes before the instance can be stopped or asked again
  static constexpr auto most_wait = 250ms;                 ///< between looks without inotify
  static constexpr auto most_wait_watched = 1s;
  /// Beyond max_line, what a container's format may add to a line: both cut lines at 16 KiB, which JSON escapes.
  static constexpr std::size_t most_wrapping = 128 * 1024;
  static constexpr auto pause = 50ms;  ///< after inotify spoke: what comes meanwhile is read together
  static constexpr tsn::Time cursor_every = 5'000'000'000;  ///< where lines were read and none matched

  static logtail::Format format_of(std::string_view word) {
    using logtail::Format;
    return word == "plain"    ? Format::plain
           : word == "cri"    ? Format::cri
           : word == "docker" ? Format::docker
                              : Format::automatic;
  }
  std::shared_ptr<logtail::RecordJoiner> make_joiner(const std::string& path) {
    auto made = std::make_shared<logtail::RecordJoiner>(joined_, multiline_);
    if (joined_.format != logtail::Format::plain) made->origin.pod = logtail::pod_of(path);
    if (pods_ && made->origin.pod && !treat(*made)) pods_->ask();
    return made;
  }

  // --- annotations of pods ---
  /// False: its pod is not known.
  bool treat(logtail::RecordJoiner& joiner) {
    if (!pods_->knows(*joiner.origin.pod)) return false;
    pods_->apply(joiner.origin, joiner.multiline(), multiline_, writer_.syntax());
    return true;
  }
  void treat_all() {
    if (!pods_ || pods_->lists() == treated_) return;
    treated_ = pods_->lists();
    for (const auto& file : files_.files())
      if (file->joiner->origin.pod) treat(*file->joiner);
  }
  /// Its annotations may say that it must not be read.
  bool awaits_its_pod(const logtail::RecordJoiner& joiner, tsn::Time now) const {
    return pods_ && joiner.origin.pod && now - joiner.made_at < logtail::PodBook::patience &&
           !pods_->knows(*joiner.origin.pod);
  }

  // --- when ---
  void schedule(std::chrono::nanoseconds after) {
    if (tick_) ctx_.cancel_timer(tick_);
    tick_ = ctx_.timer(after, [this] { on_tick(); });
  }
  void on_tick() {
    tick_ = 0;
    std::chrono::nanoseconds wait = watch_.covers_all() ? std::chrono::nanoseconds(most_wait_watched) : most_wait;
    if (multiline_) wait = std::min(wait, std::chrono::nanoseconds(multiline_.timeout()));
    schedule(wait);  // also when work() throws
    work();
    if (more_) schedule(0s);
    if (status_ == tsn::retry) schedule(100ms);
  }
  void watch() {
    if (watch_.descriptor() < 0) return;
    watched_ = ctx_.watch_fd(watch_.descriptor(), 1, [this](std::uint32_t) {
      watched_ = 0;
      ctx_.timer(pause, [this] { watch(); });
      rescan_ |= watch_.drain();
      work();
    });
  }

  // --- one round ---
  void work() {
    const auto now = ctx_.now();
    status_ = tsn::ok;
    more_ = false;
    begin(now);
    const auto scan_every = watch_.covers_all() ? 5'000'000'000 : 1'000'000'000;
    if (rescan_ || now - scanned_ >= scan_every) scan(now);  // also while the intake is full: files come and go
    if (!writer_.batch().empty() && !submit()) return;
    treat_all();
    read_files(now);
    if (status_.is_ok()) flush_joiners(now);
    files_.tidy(now);
    if (status_.is_ok() && (!writer_.batch().empty() || cursor_due_ || (dirty_ && now - submitted_ >= cursor_every)))
      submit();
    report_counts();
  }

  void begin(tsn::Time now) {
    writer_.begin(now);
    joined_.now = now;
  }

  /// What waited long enough for its rest is whole, unless lines that are there were not read yet.
  void flush_joiners(tsn::Time now) {
    std::set<const logtail::RecordJoiner*> waiting;
    for (const auto& file : files_.files())
      if (!file->joiner->empty() && (file->behind() || files_.follows_unsettled(*file, now)))
        waiting.insert(file->joiner.get());
    for (const auto& file : files_.files()) {
      if (file->joiner->empty() || waiting.contains(file->joiner.get())) continue;
      const auto rows = writer_.batch().rows();
      if (!file->joiner->flush(false, file->path(), file->last_time())) return;
      dirty_ |= writer_.batch().rows() != rows || file->joiner->empty();
    }
  }

  void scan(tsn::Time now) {
    rescan_ = false;
    scanned_ = now;
    if (!files_.scan(now)) return;
    cursor_due_ = true;  // a file that is rotated and found again after a restart must be known by then
    watch_.follow(files_.directories());
  }

  void read_files(tsn::Time now) {
    std::size_t readable = 0;
    std::string failure;
    std::uint64_t budget = round_budget;
    const auto& files = files_.files();
    for (bool again = true; std::exchange(again, false);) {
      readable = 0;
      bool skipped = false, progressed = false;
      for (std::size_t i = 0; i < files.size(); ++i) {
        auto& file = *files[(first_ + i) % files.size()];
        if (awaits_its_pod(*file.joiner, now) || files_.follows_unsettled(file, now)) continue;
        if (files_.follows_unread(file)) {
          skipped = true;
          continue;
        }
        const bool was_behind = file.behind();
        const auto before = counts_.bytes;
        logtail::JoinSink sink(file);
        const auto outcome = file.read(sink, buffer_, {raw_line_, turn, false}, counts_);
        const auto bytes = counts_.bytes - before;
        if (bytes) file.active_at = now, dirty_ = true;
        if (outcome == logtail::TailedFile::Outcome::refused) return;
        if (outcome == logtail::TailedFile::Outcome::failed) failure = failed(file);
        readable += outcome != logtail::TailedFile::Outcome::failed;
        again |= outcome == logtail::TailedFile::Outcome::more;
        progressed |= was_behind && !file.behind();
        budget -= std::min(budget, bytes);
        if (budget > 0 && !ctx_.stopping()) continue;
        first_ += i + 1;  // the others first, next time
        more_ = true;
        return;
      }
      again |= skipped && progressed;
    }
    if (!failure.empty() && readable == 0) status_ = tsn::fail(failure);
  }

  /// Says once for each file why it cannot be read. Empty: it was renamed or removed under us.
  std::string failed(const logtail::TailedFile& file) {
    rescan_ = true;
    if (file.error() == ENOENT || file.error() == ESTALE) return {};
    const auto text = "cannot read " + file.path() + ": " + std::strerror(file.error()) +
                      (file.error() == EACCES ? "; let the agent's user read it (on Debian: group adm)" : "");
    if (complained_.insert(file.path()).second) ctx_.warn(text);
    return text;
  }

  /// Hands over the rows and, live, where reading stands behind them. False: not taken, kept for later.
  bool submit() {
    auto& batch = writer_.batch();
    const auto now = ctx_.now();
    if (!ctx_.replay()) batch.cursor(files_.checkpoint(now).encode());
    const auto rows = batch.rows();
    const auto done = batch.submit();
    if (done.status.value() == TSN_RETRY || done.status.value() == TSN_FAILED) {
      status_ = done.status.value() == TSN_RETRY ? done.status : tsn::retry_later(done.status.text());
      return false;
    }
    if (!done.status)
      ctx_.error("the host refused a batch of " + std::to_string(rows) + " lines: " + done.status.text());
    writer_.submitted();
    submitted_ = now;
    dirty_ = cursor_due_ = false;
    return true;
  }

  void report_counts() {
    const auto rows = writer_.take_counts();
    const auto read = std::exchange(counts_, {});
    const auto joined = std::exchange(joined_.counts, {});
    const std::pair<const char*, std::uint64_t> all[] = {
        {"lines_read", read.lines},          {"lines_matched", rows.matched},
        {"lines_unmatched", rows.unmatched}, {"lines_refused", rows.refused},
        {"lines_cut", joined.cut},           {"lines_malformed", joined.malformed},
        {"lines_unparsed", rows.unparsed},   {"lines_unwanted", joined.unwanted},
        {"records_split", joined.split},     {"bytes", read.bytes},
        {"truncations", read.truncations},   {"rotations", files_.take_rotations()}};
    for (const auto& [name, count] : all)
      if (count) ctx_.count(name, static_cast<double>(count));
  }

  // --- replay ---
  void begin_replay() {
    // Where the host's virtual clock has not begun, the machine's tells the years.
    constexpr tsn::Time plausible = 946'684'800'000'000'000;  // 2000-01-01
    const auto machine = std::chrono::system_clock::now().time_since_epoch();
    replay_now_ =
        ctx_.now() > plausible ? ctx_.now() : std::chrono::duration_cast<std::chrono::nanoseconds>(machine).count();
    replayed_.clear();
    for (const auto& pattern : paths_) {
      const auto found = logtail::expand(pattern);
      if (found.empty()) throw tsn::Failure(tsn::invalid("there is no file " + pattern));
      for (const auto& path : found) replayed_.push_back(open_for_replay(path));
    }
    next_ = 0;
  }

  std::unique_ptr<logtail::TailedFile> open_for_replay(const std::string& path) {
    struct stat facts;
    if (::stat(path.c_str(), &facts) != 0)
      throw tsn::Failure(tsn::invalid("cannot read " + path + ": " + std::strerror(errno)));
    if (!S_ISREG(facts.st_mode)) throw tsn::Failure(tsn::invalid("cannot read " + path + ": it is no file"));
    auto file = std::make_unique<logtail::TailedFile>(path, logtail::id_of(facts), logtail::Position{});
    file->joiner = make_joiner(path);
    return file;
  }

  tsn::Status replay() {
    status_ = tsn::ok;
    begin(replay_now_);
    std::uint64_t budget = round_budget;
    while (next_ < replayed_.size() && budget > 0 && status_.is_ok()) {
      auto& file = *replayed_[next_];
      const auto before = counts_.bytes;
      logtail::JoinSink sink(file);
      const auto outcome = file.read(sink, buffer_, {raw_line_, budget, true}, counts_);
      if (outcome == logtail::TailedFile::Outcome::failed)
        return tsn::fail("cannot read " + file.path() + ": " + std::strerror(file.error()));
      if (outcome == logtail::TailedFile::Outcome::at_end) {
        if (!file.joiner->flush(true, file.path(), file.last_time())) break;
        file.close(), ++next_;
      }
      budget -= std::min(budget, counts_.bytes - before);
    }
    if (status_.is_ok() && !writer_.batch().empty()) submit();
    report_counts();
    if (!status_.is_ok()) return status_;
    return next_ < replayed_.size() ? tsn::Status(tsn::ok) : tsn::Status(tsn::end);
  }

  tsn::Context ctx_;
  const std::vector<std::string> paths_;
  const bool from_beginning_;
  const std::size_t max_line_;
  std::size_t raw_line_ = 0;  ///< bytes of a line as it stands in the file
  logtail::FileSet files_;
  logtail::RowWriter writer_;
  const logtail::Multiline multiline_;
  logtail::JoinShared joined_;
  std::unique_ptr<logtail::PodBook> pods_;  ///< null: nobody is asked
  std::uint64_t treated_ = 0;               ///< the list of pods that was applied
  logtail::ReadBuffer buffer_;
  logtail::DirWatch watch_;
  logtail::ReadCounts counts_;
  tsn::Status status_ = tsn::ok;  ///< of the last round
  tsn_timer tick_ = 0;
  tsn_watch watched_ = 0;
  tsn::Time scanned_ = 0, submitted_ = 0;
  bool rescan_ = false;      ///< names came or went
  bool more_ = false;        ///< the last round ended by its budget
  bool dirty_ = false;       ///< positions moved since the last cursor
  bool cursor_due_ = false;  ///< the first one, which ends the time of `start`
  std::size_t first_ = 0;    ///< whose turn it is
  std::set<std::string> complained_;

  std::vector<std::unique_ptr<logtail::TailedFile>> replayed_;
  std::size_t next_ = 0;
  tsn::Time replay_now_ = 0;
};

}  // namespace tocsin_plugins

using tocsin_plugins::Logtail;
TOCSIN_PLUGIN(Logtail)
