// Sound plugins that end their process when told to: for the tests of isolation.
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <fstream>
#include <tocsin/plugin.hpp>

namespace {

void crash() {
  ::signal(SIGSEGV, SIG_DFL);  // a sanitizer's own would end the process with an exit code
  ::raise(SIGSEGV);
}
void hang() {
  for (;;) {
    asm volatile("");
  }
}

/// Counts without a gap, from its cursor on. At `at` it does `what`: for ever ("crash", "hang"), or once ("crash
/// once").
struct Counter {
  static constexpr auto id = "counter", version = "1.0.0", doc = "Counts";
  static constexpr tsn::Option options[] = {
      {.key = "what", .type = tsn::string, .fallback = "\"\"", .doc = "crash, hang, crash once, metric"},
      {.key = "at", .type = tsn::integer, .fallback = "0", .doc = "When"},
      {.key = "rows", .type = tsn::integer, .fallback = "1", .doc = "Rows of a pull"}};
  static constexpr tsn::Signal signals[] = {{.name = "count", .unit = "1", .labels = "", .doc = "Counts"}};
  tsn::Context ctx;
  std::string what{ctx.config().str("what")};
  std::int64_t at = ctx.config().integer("at"), rows = ctx.config().integer("rows"), count = 0;
  tsn::Series series = ctx.series("count", {{"by", "fragile"}});

  std::string save() { return std::to_string(count); }
  void load(std::string_view state) { start(state); }
  void start(std::string_view cursor) { std::from_chars(cursor.data(), cursor.data() + cursor.size(), count); }
  tsn::Status poll(tsn::Batch& out) {
    if (count >= at && what == "crash") crash();
    if (count >= at && what == "hang") hang();
    if (count >= at && what == "crash once" && !ctx.kv().get("crashed")) {
      ctx.kv().put("crashed", "yes");
      crash();
    }
    if (what == "metric") ctx.count("pulls_total", 2, {{"kind", "test"}});
    for (std::int64_t i = 0; i < rows; ++i) out.push(tsn::now(), series, static_cast<double>(++count));
    out.cursor(std::to_string(count));
    ctx.info("counted to " + std::to_string(count));
    return tsn::ok;
  }
};

/// Answers rules: "crash", "hang", "many", or a row for each word of the question.
struct Oracle {
  static constexpr auto id = "oracle", version = "1.0.0", doc = "Answers";
  static constexpr tsn::Option options[] = {{.key = "token", .flags = tsn::secret, .doc = "never shown"}};
  static constexpr tsn::Option query_options[] = {{.key = "words", .flags = tsn::required, .doc = "what is asked"}};
  tsn::Context ctx;
  const std::string token{ctx.config().str("token")};

  tsn::Status query(const tsn::Query& question, tsn::QueryRows& out, tsn::Deadline) {
    const std::string words(question.table().str("words"));
    if (words == "crash") crash();
    if (words == "hang") hang();
    if (words == "refuse") return tsn::invalid("position 3: no such word, " + token);
    for (int i = 0; words == "many"; ++i)
      if (auto added = out.add({{"n", std::to_string(i)}}, i); !added) return added;
    return out.add({{"word", words}}, static_cast<double>(words.size()));
  }
};

/// Does what the message's title says.
struct Teller {
  static constexpr auto id = "teller", version = "1.0.0", doc = "Tells";
  static constexpr auto features = tsn::no_recipient;
  tsn::Context ctx;
  tsn::Token kept{nullptr, 0};

  tsn::Status deliver(const tsn::Message& message, tsn::Delivered& out, tsn::Token& token, tsn::Deadline) {
    if (message.title == "crash") crash();
    if (message.title == "crash once" && !message.outcome_unknown) crash();
    if (message.title == "hang") hang();
    if (message.title == "later") {
      kept = std::move(token);
      ctx.timer(std::chrono::milliseconds(1), [this] { kept.complete(tsn::ok, tsn::Delivered{"later"}); });
      return tsn::ok;
    }
    if (message.title == "refuse") return tsn::denied("not for you");
    if (message.title == "actions") {
      for (const auto& action : message.actions)
        out.provider_id += std::string(action.text) + "=" + std::string(action.href) + ";";
      return tsn::ok;
    }
    out.provider_id = std::string(message.key) + (message.outcome_unknown ? " again" : "");
    return tsn::ok;
  }
};

/// Echoes a request's body; "crash" ends it; "answer" acknowledges, and echoes what that is answered with.
struct Echo {
  static constexpr auto id = "echo", version = "1.0.0", doc = "Echoes";
  static constexpr tsn::Route routes[] = {{"POST", "/echo", "echoes"}};
  tsn::Context ctx;

  tsn::Status handle(const tsn::Request& request, tsn::Response& response) {
    if (request.body() == "crash") crash();
    if (request.body() == "answer") return answer(response);
    response.header("x-path", request.path());
    if (!request.certificate().empty()) response.header("x-certificate", request.certificate());
    response.body(request.body());
    return tsn::ok;
  }
  tsn::Status answer(tsn::Response& response) {
    tsn::PersonAnswer given;
    given.id = "reply-1";
    given.incident = "1042";
    given.address = "+966500000001";
    given.way = "SMS reply";
    tsn::Answered became;
    const auto taken = ctx.feedback().answer(given, &became);
    const auto told = ctx.feedback().receipt({.state = TSN_RECEIPT_FAILED, .key = "k-1", .detail = "UNDELIV"});
    response.body(taken && told ? became.text : std::string(taken ? told.text() : taken.text()));
    return tsn::ok;
  }
};

/// A tracker that says what it was asked; the option `does` makes it crash or hang when it looks.
struct Asked {
  static constexpr auto id = "asked", version = "1.0.0", doc = "Is asked";
  static constexpr tsn::Option options[] = {
      {.key = "does", .type = tsn::string, .fallback = "\"\"", .doc = "crash, hang"},
      {.key = "token", .flags = tsn::secret, .doc = "never shown"}};
  tsn::Context ctx;
  const std::string does{ctx.config().str("does")}, token{ctx.config().str("token")};

  tsn::Status upsert(const tsn::Upsert& change, tsn::Ticket& out, tsn::Deadline) {
    out.key = "OPS-1";
    out.status = change.owner_email;
    return tsn::ok;
  }
  tsn::Status sync(tsn::Deadline) {
    if (does == "crash") crash();
    const std::string target = "/search?token=" + token;
    tsn::Exchange call;
    call.method = "GET";
    call.target = target;
    call.status = 200;
    return ctx.log_exchange(call);
  }
  tsn::Status probe(const tsn::Upsert* dry_run, std::string& report, tsn::Deadline) {
    if (does == "crash") crash();
    if (does == "hang") hang();
    report = dry_run ? "ok: POST " + std::string(dry_run->incident.title) : "error: 401 for " + token;
    return tsn::ok;
  }
};

/// Fires above the limit of its rule; a cell of 666 ends it. Scripts of one rule: the text is its name.
struct Judge {
  static constexpr auto id = "judge", version = "1.0.0", doc = "Judges";
  static constexpr auto extension = ".judge";
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
      if (value == 666) crash();
      if (value > program.limit) {
        out.firing(row, value, program.limit, TSN_SEV_HIGH);
        out.message(row, std::string(rows.label_value(row, 0)) + " is above");
      }
    }
    return tsn::ok;
  }
  tsn::Status load(std::string_view, std::string_view text, tsn::RuleSink& sink) {
    if (text == "bad") return tsn::invalid("line 1: bad");
    auto table = tsn::Value::table({{"name", text}, {"limit", 5}});
    sink.add(table, this);
    return tsn::ok;
  }
};

/// Tries what its option `probe` says at every pull and logs "allowed" or "refused".
template <class Self>
struct Probe {
  static constexpr auto version = "1.0.0", doc = "Tries what it may";
  static constexpr tsn::Option options[] = {{.key = "probe",
                                             .type = tsn::string,
                                             .fallback = "\"\"",
                                             .doc = "network, fork, exec, read PATH, write PATH, kill"}};
  static constexpr tsn::Signal signals[] = {{.name = "none"}};
  tsn::Context ctx;
  std::string probe{ctx.config().str("probe")};

  bool allowed() {
    if (probe == "network") {
      const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
      return fd >= 0 && ::close(fd) == 0;
    }
    if (probe == "fork") {
      const pid_t pid = ::fork();
      if (pid == 0) ::_exit(0);
      return pid > 0 && ::waitpid(pid, nullptr, 0) == pid;
    }
    if (probe == "thread") {
      const auto id = ctx.spawn("probe", [] {});
      ctx.join(id);
      return true;
    }
    if (probe == "kill") return ::kill(::getppid(), 0) == 0;
    if (probe == "environment") return std::ifstream("/proc/" + std::to_string(::getppid()) + "/environ").good();
    const bool write = probe.starts_with("write ");
    const int fd = ::open(probe.substr(probe.find(' ') + 1).c_str(), write ? O_WRONLY | O_CREAT : O_RDONLY, 0600);
    return fd >= 0 && ::close(fd) == 0;
  }
  tsn::Status poll(tsn::Batch&) {
    ctx.info(allowed() ? "allowed" : "refused");
    return tsn::ok;
  }
};
struct Bare : Probe<Bare> {
  static constexpr auto id = "bare";
};
struct Networked : Probe<Networked> {
  static constexpr auto id = "networked";
  static constexpr const char* needs[] = {"network"};
};

}  // namespace

TOCSIN_PLUGIN(Counter, Oracle, Teller, Echo, Asked, Judge, Bare, Networked)
