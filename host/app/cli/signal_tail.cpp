// tocsin signal tail: signals as they are taken in, until interrupted.
#include <signal.h>
#include <time.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "app/cli/commands.hpp"
#include "base/text.hpp"

namespace tocsin::app {
namespace {

using nlohmann::json;

struct TailArguments {
  std::string selector, since, output;
  std::size_t last = 10;
};

constexpr std::size_t widest_name = 48, widest_value = 24;  ///< of what is longer the columns after it move

bool stopped_within(int seconds) {
  sigset_t set;
  sigemptyset(&set);
  for (const int each : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, each);
  const timespec most{seconds, 0};
  return sigtimedwait(&set, nullptr, &most) > 0;
}

std::string value_of(const json& signal) {
  if (signal.value("stale", false)) return "stale";
  if (!signal.contains("count")) return cell(signal, "value");
  std::string out;
  for (const char* part : {"count", "min", "max", "avg", "sum"})
    out += (out.empty() ? "" : " ") + std::string(part) + "=" + cell(signal, part);
  return out;
}

/// Lines whose columns grow with what has come.
class Lines {
 public:
  void print(const json& signal) {
    const std::string name = cell(signal, "name"), value = value_of(signal);
    name_ = std::max(name_, std::min(name.size(), widest_name));
    value_ = std::max(value_, std::min(value.size(), widest_value));
    std::cout << cell(signal, "at") << "  " << padded(name, name_) << "  " << padded(value, value_) << "  "
              << labels_form(signal.value("labels", json::object()));
    if (signal.contains("text")) {
      std::string text = signal["text"].get<std::string>();
      std::ranges::replace(text, '\n', ' ');
      std::cout << "  " << text;
    }
    std::cout << '\n';
  }

 private:
  static std::string padded(std::string text, std::size_t width) {
    if (text.size() < width) text.append(width - text.size(), ' ');
    return text;
  }
  std::size_t name_ = 0, value_ = 0;
};

class Tail {
 public:
  Tail(const Console& console, const TailArguments& args)
      : console_(console), json_(console.json || args.output == "json"), args_(args) {
    if (!args.selector.empty()) select_ = "&selector=" + encode(args.selector);
  }

  void run() {
    begin(args_.last, args_.since);
    bool gone = false;
    // An agent that restarts is waited for; an output nobody reads any more ends it.
    while (std::cout && !stopped_within(gone ? 1 : 0)) {
      try {
        // Short enough that an interruption is noticed.
        show(console_.get("/api/v1/signals/tail?limit=1000&wait=1s&after=" + encode(cursor_) + select_));
        gone = false;
      } catch (const CommandEnd& end) {
        if (end.code != exit_unreachable) throw;
        if (!std::exchange(gone, true)) std::cerr << "tocsin: " << end.message << "; waiting for it" << std::endl;
      }
    }
  }

 private:
  void begin(std::size_t last, const std::string& since) {
    std::string target = "/api/v1/signals/tail?limit=1" + select_;
    if (last > 0) target += "&last=" + std::to_string(last);
    if (!since.empty()) target += "&since=" + encode(since);
    show(console_.get(target));
  }

  void show(const json& answer) {
    if (!answer["lost"].is_number())
      std::cerr << "tocsin: the agent restarted, or nothing was asked for a while: signals may be missing here\n";
    else if (const auto lost = answer["lost"].get<std::uint64_t>(); lost > 0)
      std::cerr << "tocsin: " << lost << " signals came faster than they were read, and are not shown\n";
    for (const auto& signal : answer["items"]) {
      if (json_)
        std::cout << signal.dump() << '\n';
      else
        lines_.print(signal);
    }
    std::cout << std::flush;
    cursor_ = answer["next"].get<std::string>();
  }

  const Console& console_;
  const bool json_;
  const TailArguments& args_;
  std::string select_, cursor_;
  Lines lines_;
};

}  // namespace

void add_signal_tail(CLI::App& group, Console& console) {
  auto args = std::make_shared<TailArguments>();
  auto* command = group.add_subcommand("tail", "Signals as the agent takes them in, until interrupted");
  command->add_option("selector", args->selector, "which: a name, with * at its end, or etl.run{status=\"FAILED\"}");
  auto* last = command->add_option("-n,--lines", args->last, "begin with the last ones, so many at most")
                   ->check(CLI::Range(0, 1000))
                   ->capture_default_str();
  command->add_option("--since", args->since, "begin with those since then: -5m, or RFC 3339; 1000 at most");
  command->add_option("-o,--output", args->output, "json: a JSON object a line, as --json")
      ->check(CLI::IsMember({"text", "json"}));
  command->callback([&console, args, last] {
    if (!args->since.empty()) {
      if (last->count() == 0) args->last = 1000;
      if (base::parse_duration(args->since)) args->since = "-" + args->since;
      const auto since = base::parse_instant(args->since, base::SystemClock().now());
      if (!since) end_with(exit_usage, "--since: " + since.error().message());
    }
    Tail(console, *args).run();
  });
}

}  // namespace tocsin::app
