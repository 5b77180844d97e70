// Plugins that the SDK's own tests look at: one for each kind, with the corners that go wrong.
#include <tocsin/plugin.hpp>

#include <atomic>

namespace {

/// Reads "lines" that the test puts into its config; keeps a cursor; may be told to throw.
struct Lines {
  static constexpr auto id = "lines", version = "1.2.3", doc = "Says \"lines\"\\";
  static constexpr tsn::Option options[] = {
      {.key = "count", .type = tsn::integer, .fallback = "3", .min = "0", .doc = "Rows for each poll"},
      {.key = "fault",
       .type = tsn::string,
       .fallback = "\"\"",
       .choices = "|std|other|failure|status",
       .doc = "How it fails"},
      {.key = "token", .type = tsn::string, .flags = tsn::secret | tsn::reloadable, .doc = "A secret"},
      {.key = "pause", .type = tsn::duration, .fallback = "\"1m30s\"", .doc = "A duration"},
  };
  static constexpr tsn::Signal signals[] = {{.name = "line", .unit = "1", .labels = "n", .doc = "A line"}};
  static constexpr const char* needs[] = {"files:/var/log"};
  static constexpr auto features = tsn::replays;

  tsn::Context ctx;
  tsn::Series line = ctx.series("line", {{"n", "1"}});
  std::int64_t count = ctx.config().integer("count");
  std::string fault{ctx.config().str("fault")};
  std::string token{ctx.config().str("token")};
  std::chrono::nanoseconds pause = ctx.config().duration("pause");
  std::int64_t position = 0;

  void start(std::string_view cursor) { position = cursor.empty() ? 0 : std::stoll(std::string(cursor)); }
  tsn::Status poll(tsn::Batch& out, tsn::Deadline) {
    if (fault == "std") throw std::runtime_error("cannot read \"lines\"");
    if (fault == "other") throw 7;
    if (fault == "failure") throw tsn::Failure(tsn::denied("not allowed").with_code(403));
    if (fault == "status") return tsn::retry_later("busy", std::chrono::milliseconds(250));
    for (std::int64_t i = 0; i < count; ++i) {
      out.push(ctx.now(), line, static_cast<double>(position));
      out.cursor(std::to_string(++position));
    }
    return tsn::ok;
  }
  tsn::Status reconfigure(const tsn::Config& config) {
    if (config.integer("count") != count) return tsn::needs_restart;
    token = config.str("token");
    return tsn::ok;
  }
  std::string save() { return std::string(1000, 'x') + std::to_string(position); }
  void load(std::string_view state) { position = std::stoll(std::string(state.substr(1000))); }
};

/// Every column, and what a source does with threads, timers and descriptors.
struct Columns {
  static constexpr auto id = "columns", version = "1.0.0", doc = "Every column";
  static constexpr tsn::Signal signals[] = {{.name = "*"}};
  static constexpr tsn::Route routes[] = {{.method = "POST", .path = "/push", .doc = "Push rows"}};

  tsn::Context ctx;
  tsn::Series a = ctx.series("a"), b = ctx.series("b");
  std::atomic<int> ran{0};

  void start() {
    ctx.timer(std::chrono::seconds(5), [this] { ctx.info("timer"); });
    ctx.spawn("worker", [this] {
      ++ran;
      tsn::Batch batch(ctx);
      batch.push(ctx.now(), a, 1).text("from a thread");
      if (!batch.submit().status) ctx.error("not taken");
      throw std::runtime_error("worker ends");
    });
  }
  void handle(const tsn::Request& request, tsn::Response& response) {
    if (request.body() == "full") {
      tsn::Batch batch(ctx, 2);
      batch.push(ctx.now(), a, 1);
      batch.push(ctx.now(), b, {.count = 4, .min = 1, .max = 3, .avg = 2, .sum = 8}).flags(TSN_ROW_OLD);
      batch.push(ctx.now(), a, 3).text("text").severity(17).attributes("{}").body("[]").origin("/a.log", 42, 7);
      batch.push(ctx.now(), a, 4);
      if (!batch.submit().status) throw std::runtime_error("not taken");
      response.status(202);
      return;
    }
    tsn::Batch batch(ctx);
    const auto rows = batch.reserve(3);
    // Given to this instance, but no series: a handle that nobody gave would be a breach of its own.
    const tsn_series series[] = {a.handle, ctx.session().instance, b.handle};
    for (int i = 0; i < 3; ++i) rows.ts[i] = ctx.now(), rows.value[i] = i, rows.series[i] = series[i];
    batch.commit(3);
    const auto done = batch.submit();
    std::string text = std::to_string(done.accepted);
    for (const auto& reject : done.rejects)
      text += ";" + std::to_string(reject.row) + ":" + std::to_string(reject.reason);
    response.json(202, text);
  }
};

/// Answers now, later, never, or by throwing: as the message's title says.
struct Later {
  static constexpr auto id = "later", version = "1.0.0", doc = "Answers later";
  static constexpr auto address_field = "email";
  static constexpr auto features = tsn::channels;

  tsn::Context ctx;
  std::vector<tsn::Token> kept;

  tsn::Status deliver(const tsn::Message& message, tsn::Delivered& out, tsn::Token& token, tsn::Deadline) {
    if (message.title == "throw") throw std::runtime_error(std::string(500, 'x'));
    if (message.title == "take and throw") {
      kept.push_back(std::move(token));
      throw std::runtime_error("after taking it");
    }
    if (message.title == "drop") {
      const tsn::Token dropped = std::move(token);
      return tsn::ok;
    }
    if (message.title == "echo") {
      const auto& incident = message.incident;
      out.provider_id =
          std::string(incident.alerts.at(1).labels["loader"]).append(" ").append(incident.links.at(0).href);
      out.provider_id.append(" ").append(incident.timeline.at(1).text).append(" ").append(message.group->group_key);
    }
    if (message.title == "long id") out.provider_id = std::string(300, 'i');
    if (message.title != "later") {
      if (out.provider_id.empty())
        out.provider_id = std::string(message.recipient.address) + "/" + std::string(message.key);
      return tsn::ok;
    }
    kept.push_back(std::move(token));
    ctx.timer(std::chrono::seconds(1), [this] {
      for (auto& waiting : kept)
        if (waiting) waiting.complete(tsn::ok, tsn::Delivered{"late"});
      kept.clear();
    });
    return tsn::ok;
  }
  void stop() { kept.clear(); }
  void cancel(tsn_token token) {
    for (auto& waiting : kept)
      if (waiting.id() == token) waiting.complete(tsn::cancelled("cancelled by the host"));
  }
};

struct Tickets {
  static constexpr auto id = "tickets", version = "1.0.0", doc = "Makes tickets";
  tsn::Context ctx;
  tsn::Status upsert(const tsn::Upsert& change, tsn::Ticket& out) {
    const auto known = ctx.kv().get(change.incident.correlation_id);
    out = {!known, known.value_or("OPS-1"), "https://jira.example.com/browse/OPS-1", "To Do"};
    ctx.kv().put(change.incident.correlation_id, out.key);
    return tsn::ok;
  }
};

struct Above {
  static constexpr auto id = "above", version = "1.0.0", doc = "Fires above a limit";
  static constexpr auto extension = ".rules";
  static constexpr tsn::Option rule_options[] = {
      {.key = "limit", .type = tsn::number, .flags = tsn::required, .doc = "The limit"}};
  struct Program {
    std::uint32_t column;
    double limit;
  };
  tsn::Context ctx;

  std::unique_ptr<Program> compile(const tsn::Rule& rule, tsn::Inputs& inputs) {
    return std::make_unique<Program>(
        Program{inputs.add({.aggregate = rule.aggregate(), .over = rule.over()}), rule.table().number("limit")});
  }
  tsn::Status evaluate(Program& program, const tsn::Rows& rows, tsn::Verdicts& out) {
    for (std::uint32_t row = 0; row < rows.size(); ++row) {
      const double value = rows.cell(row, program.column);
      if (value != value) {
        out.no_data(row);
      } else if (value > program.limit) {
        out.firing(row, value, program.limit, TSN_SEV_CRITICAL);
        out.message(row, std::string(rows.label_value(row, 0)) + " is above");
      }
    }
    return tsn::ok;
  }
  tsn::Status load(std::string_view, std::string_view text, tsn::RuleSink& sink) {
    if (text == "bad") return tsn::invalid("line 1: expected a rule");
    auto table = tsn::Value::table({{"name", text}, {"limit", 5}, {"by", tsn::Value::array({"host", "mount"})}});
    sink.add(table, this);
    return tsn::ok;
  }
  void unload(std::string_view file) { ctx.info("unload " + std::string(file)); }
};

}  // namespace

TOCSIN_PLUGIN(Lines, Columns, Later, Tickets, Above)
