#include <atomic>
#include <memory>

#include "answer.hpp"
#include "cursors.hpp"
#include "loader.hpp"
#include "rights.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

using namespace std::chrono_literals;

/// Each poll runs the loaders that are due, a few at a time on threads of its own, and hands over each one's rows with
/// the cursor that covers them.
class Sql {
 public:
  static constexpr auto id = "sql", version = "1.0.0",
                        doc = "Queries on a schedule against PostgreSQL, MySQL and MariaDB; their rows become signals";
  static constexpr const char* needs[] = {"network"};
  static constexpr tsn::Option options[] = {
      {.key = "url",
       .flags = tsn::required,
       .doc = "postgres://user@host/database, mysql://… or mariadb://…; never with a password in it"},
      {.key = "password", .flags = tsn::secret, .doc = "The account's password"},
      {.key = "every", .type = tsn::duration, .fallback = "\"60s\"", .min = "\"10ms\"", .doc = "How often"},
      {.key = "query", .doc = "What is asked, where there is one loader"},
      {.key = "signal", .doc = "Name of the signals that rows become; of all loaders without one of their own"},
      {.key = "cursor",
       .doc = "The column whose newest value {{cursor}} of the query is; a run takes what came after it"},
      {.key = "cursor_start", .fallback = "\"0\"", .doc = "What {{cursor}} is at first"},
      {.key = "max_rows",
       .type = tsn::integer,
       .fallback = "10000",
       .min = "1",
       .max = "500000",
       .doc = "Rows that a run takes at most; with a cursor the next poll goes on after them"},
      {.key = "loader",
       .type = tsn::array,
       .fallback = "[]",
       .doc = "Several queries: entries of name, query, signal, every, cursor, cursor_start, max_rows"},
      {.key = "connections",
       .type = tsn::integer,
       .fallback = "2",
       .min = "1",
       .max = "16",
       .doc = "How many there are at most, hence how many loaders run at a time"},
      {.key = "require_read_only",
       .type = tsn::boolean,
       .fallback = "false",
       .doc = "Ask nothing with an account that may do more than read, instead of a warning"},
      {.key = "sslmode",
       .choices = "disable|prefer|require|verify-ca|verify-full",
       .doc = "TLS as libpq calls it; default prefer, with ca_file verify-full"},
      {.key = "ca_file", .doc = "PEM file of the root certificate; default of verify-…: the system's"},
  };
  static constexpr tsn::Option query_options[] = {
      {.key = "sql",
       .flags = tsn::required,
       .doc = "One SELECT; `value`, or else the first column of numbers, is judged, the others are labels"}};
  static constexpr tsn::Signal signals[] = {
      {.name = "sql.up", .unit = "1", .labels = "loader", .doc = "1: the loader's last run succeeded; 0: not"},
      {.name = "sql.duration", .unit = "s", .labels = "loader", .doc = "How long the run took"},
      {.name = "*", .labels = "loader,segment,*", .doc = "Rows, under the names that `signal` gives"},
  };

  Sql()
      : pool_(ctx_, sql::read_address(ctx_.config()), ctx_.config().boolean("require_read_only")),
        connections_(static_cast<std::size_t>(ctx_.config().integer("connections", 2))) {
    const auto tick = ctx_.config().duration("every", 60s);
    for (auto& loader : sql::read_loaders(ctx_.config(), ctx_.name()))
      loaders_.push_back(std::make_unique<sql::Loader>(ctx_, std::move(loader), tick));
  }

  void start(std::string_view cursor) {
    if (cursor.empty()) return;
    auto read = sql::read_cursors(cursor);
    if (!read) throw tsn::Failure("the kept cursor is not one of this plugin; name the source otherwise to begin anew");
    cursors_ = std::move(*read);
  }
  void stop() { pool_.close(); }

  tsn::Status poll(tsn::Batch& out, tsn::Deadline deadline) {
    if (loaders_.empty()) return reach(sql::Until(ctx_, earlier(deadline)));
    const auto due = loaders_due();
    run_all(due, sql::Until(ctx_, earlier(deadline)));
    hand_over(due, out);
    for (const auto& loader : loaders_)
      if (!loader->failing()) return tsn::ok;
    return loaders_.front()->failure();
  }

  /// In a read-only transaction of its own, with the server's own limit of time, beside the loaders.
  tsn::Status query(const tsn::Query& question, tsn::QueryRows& out, tsn::Deadline deadline) {
    const sql::Until until(ctx_, earlier(deadline));
    try {
      auto connection = pool_.take(until);
      sql::AnswerTaker taker(question, out);
      connection->select({std::string(question.table().str("sql")), false, {}, 0}, until, taker);
      if (connection->usable()) pool_.give_back(std::move(connection));
      return tsn::ok;
    } catch (const tsn::Failure& failure) {
      return {failure.status().value(), pool_.address().without_password(failure.status().text())};
    }
  }

  /// Signs in, looks at the account's rights, and has each query run once.
  void probe(std::string& report, tsn::Deadline deadline) {
    const sql::Until until(ctx_, earlier(deadline));
    try {
      look_at_account(report, until);
    } catch (const tsn::Failure& failure) {
      report += "error: " + pool_.address().without_password(failure.what()) + "\n";
      return;
    }
    for (const auto& loader : loaders_) {
      loader->run(pool_, cursor_of(*loader), until);
      const auto& name = loader->settings().name;
      if (loader->failing())
        report += "error: " + loader->failure().text() + "\n";
      else
        report += "ok: loader \"" + name + "\": " + std::to_string(loader->taken().rows.size()) + " rows taken, " +
                  std::to_string(loader->taken().refused_count()) + " refused\n";
    }
    pool_.close();
  }

 private:
  using Due = std::vector<sql::Loader*>;

  std::string cursor_of(const sql::Loader& loader) const {
    const auto found = cursors_.find(loader.settings().name);
    return found == cursors_.end() ? loader.settings().cursor_start : found->second;
  }
  /// Longest overdue first, so that a poll that is too short for all of them does not always leave out the same.
  Due loaders_due() const {
    Due out;
    for (const auto& loader : loaders_)
      if (loader->due(ctx_.now())) out.push_back(loader.get());
    std::ranges::stable_sort(out, {}, &sql::Loader::next);
    return out;
  }
  /// Leaves time to write: over its deadline the host takes the call for hung.
  static std::chrono::nanoseconds earlier(tsn::Deadline deadline) {
    const auto left = std::min<std::chrono::nanoseconds>(deadline.remaining(), 1h);
    return left - std::min<std::chrono::nanoseconds>(left / 10, 1s);
  }

  /// Without loaders a poll says whether the database is there.
  tsn::Status reach(const sql::Until& until) {
    auto connection = pool_.take(until);
    if (connection->usable()) pool_.give_back(std::move(connection));
    return tsn::ok;
  }

  void run_all(const Due& due, const sql::Until& until) {
    std::atomic<std::size_t> next{0};
    const auto work = [&] {
      for (std::size_t i; (i = next.fetch_add(1)) < due.size();)
        if (!until.over()) due[i]->run(pool_, cursor_of(*due[i]), until);
    };
    std::vector<tsn_thread> threads;
    try {
      for (std::size_t i = 1; i < std::min(connections_, due.size()); ++i) threads.push_back(ctx_.spawn("sql", work));
    } catch (const tsn::Failure& failure) {
      ctx_.warn(std::string("fewer threads than wanted: ") + failure.what());
    }
    work();
    for (const auto thread : threads) ctx_.join(thread);
  }

  void hand_over(Due due, tsn::Batch& out) {
    std::erase_if(due, [](const sql::Loader* loader) { return !loader->ran(); });
    bool taking = true;
    for (auto* loader : due) {
      const bool put_off = !taking;
      if (!put_off) {
        taking = write(*loader, out);
        tell(*loader);
      }
      loader->settle(ctx_.now(), put_off);
    }
    for (const auto* loader : due) note(*loader, out);
  }

  /// A loader's rows and its cursor are one batch: a restart neither skips nor repeats any. False: the host takes no
  /// more now; what is in the batch goes first at the next poll.
  bool write(sql::Loader& loader, tsn::Batch& out) {
    auto& taken = loader.taken();
    const auto before = cursors_;
    if (taken.cursor && !loader.settings().cursor.empty()) cursors_[loader.settings().name] = *taken.cursor;
    if (cursors_ != before) out.cursor(sql::written(cursors_));
    out.reserve(static_cast<std::uint32_t>(taken.rows.size()));
    for (const auto& row : taken.rows) {
      const auto pushed = out.push(row.ts, row.series, row.value);
      if (row.summary) pushed.summary(*row.summary);
    }
    const auto done = out.submit();
    if (done.status.is_ok()) return true;
    if (!out.empty()) return false;  // kept, with its cursor
    cursors_ = before;
    ctx_.error("loader \"" + loader.settings().name + "\": its rows were not taken: " + done.status.text());
    return true;
  }

  void tell(sql::Loader& loader) const {
    for (const auto& [what, rows] : loader.taken().refused)
      ctx_.reject({.error_type = what.first,
                   .reason = what.second,
                   .name = loader.settings().signal,
                   .loader = loader.settings().name,
                   .raw = rows.raw,
                   .count = rows.count});
  }

  void note(const sql::Loader& loader, tsn::Batch& out) {
    if (out.backpressured()) return;
    const tsn::LabelView labels[] = {{"loader", loader.settings().name}};
    out.push(ctx_.now(), ctx_.series("sql.up", labels), loader.failing() ? 0 : 1);
    out.push(ctx_.now(), ctx_.series("sql.duration", labels), loader.seconds());
  }

  void look_at_account(std::string& report, const sql::Until& until) {
    auto connection = sql::open(pool_.address(), until);
    report += "ok: signed in to " + connection->server() + "\n";
    const auto rights = connection->excess_rights(until);
    if (rights.empty())
      report += "ok: the account may only read\n";
    else
      report += (pool_.requires_read_only() ? "error" : "warning") +
                std::string(": the account may do more than read: ") + sql::listed(rights) + "\n";
  }

  tsn::Context ctx_;
  sql::Pool pool_;
  const std::size_t connections_;
  std::vector<std::unique_ptr<sql::Loader>> loaders_;
  sql::Cursors cursors_;
};

}  // namespace tocsin_plugins

using tocsin_plugins::Sql;
TOCSIN_PLUGIN(Sql)
