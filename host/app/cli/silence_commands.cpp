// tocsin silence …: who is not told, for how long, and why.
#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "app/cli/commands.hpp"
#include "base/text.hpp"
#include "incidents/recurrence.hpp"
#include "model/matcher.hpp"

namespace tocsin::app {
namespace {

using nlohmann::json;

constexpr const char* all = "/api/v1/silences";

struct SilenceArguments {
  std::vector<std::string> matchers, except, ids;
  std::string id, duration, comment, author, start, end, every, length, zone, state, file;
  bool until_resolved = false, expired = false, quiet = false, force = false;
};

std::string silence_path(const std::string& id) {
  return std::string(all) + "/" + encode(id);
}

/// As amtool takes them: a word without an operator is an alert's name.
json matchers_of(const std::vector<std::string>& texts) {
  json out = json::array();
  for (const std::string& text : texts) {
    const bool name = text.find_first_of("=~") == text.npos;
    auto matcher = name ? model::Matcher::make("alertname", model::MatchOp::equal, text) : model::Matcher::parse(text);
    if (!matcher) end_with(exit_usage, matcher.error().message());
    out.push_back(matcher->text());
  }
  return out;
}

std::string words_of(const json& texts) {
  std::string out;
  for (const json& text : texts) out += (out.empty() ? "" : " ") + text.get<std::string>();
  return out.empty() ? "-" : out;
}

/// "until resolved", "fri 22:00 for 4h Asia/Riyadh", or when it ends.
std::string lasts(const json& silence) {
  std::string out;
  if (cell(silence, "every") != "-") {
    out = cell(silence, "every") + " for " + cell(silence, "for");
    if (cell(silence, "zone") != "-") out += " " + cell(silence, "zone");
  } else if (silence.value("until_resolved", false) && cell(silence, "state") != "expired") {
    out = "when resolved";
  }
  const std::string end = cell(silence, "ends_at");
  if (end == "-") return out.empty() ? "-" : out;
  return out.empty() ? end : out + ", until " + end;
}

void print_silences(const json& items) {
  std::vector<std::vector<std::string>> rows{{"ID", "STATE", "MATCHERS", "ENDS", "CREATED BY", "COMMENT"}};
  for (const json& item : items) {
    std::string state = cell(item, "state");
    if (state == "active" && !item.value("holds", true)) state = "between";
    std::string matchers = words_of(item.value("matchers", json::array()));
    if (!item.value("except", json::array()).empty()) matchers += " except " + words_of(item["except"]);
    rows.push_back({cell(item, "id"), state, matchers, lasts(item), cell(item, "created_by"), cell(item, "comment")});
  }
  print_table(rows);
}

/// The answer to setting one: its id alone, for scripts; a warning goes to standard error.
void print_set(const Console& console, const json& answer) {
  if (console.json) {
    std::cout << answer.dump(2) << '\n';
    return;
  }
  std::cout << cell(answer, "id") << '\n';
  if (cell(answer, "warning") != "-") std::cerr << "tocsin: warning: " << cell(answer, "warning") << '\n';
}

/// An instant for the API: dates and times without an offset are those of the zone.
std::string instant(const std::string& text, const std::string& zone) {
  const bool civil = text.size() >= 10 && text[4] == '-' && text[7] == '-';
  const auto parsed =
      civil ? incidents::parse_local_time(text, zone) : base::parse_instant(text, base::SystemClock().now());
  if (!parsed) end_with(exit_usage, parsed.error().message());
  return base::format_rfc3339(*parsed);
}

void put_if(json& body, const char* key, const std::string& value) {
  if (!value.empty()) body[key] = value;
}

/// What the options say, without asking for anything.
json body_of(const SilenceArguments& args) {
  json body = json::object();
  if (!args.matchers.empty()) body["matchers"] = matchers_of(args.matchers);
  if (!args.except.empty()) body["except"] = matchers_of(args.except);
  if (!args.start.empty()) body["starts_at"] = instant(args.start, args.zone);
  if (!args.end.empty()) body["ends_at"] = instant(args.end, args.zone);
  put_if(body, "duration", args.duration);
  put_if(body, "comment", args.comment);
  put_if(body, "created_by", args.author);
  put_if(body, "every", args.every);
  put_if(body, "for", args.length);
  put_if(body, "zone", args.zone);
  if (args.until_resolved) body["until_resolved"] = true;
  return body;
}

void add_times(CLI::App& command, SilenceArguments& args) {
  auto* span = command.add_option("-d,--duration", args.duration, "how long: 30m, 2h, 7d");
  command.add_option("--end,--until", args.end, "until when: RFC 3339, or \"2027-01-01 06:00\" in --zone")
      ->excludes(span);
  command.add_option("--start", args.start, "from when; default now");
  command.add_option("--zone", args.zone, "the time zone of --every, --start and --until; default UTC");
  command.add_option("--every", args.every, "it repeats: \"fri 22:00\", \"mon-fri 18:30\", \"22:00\"");
  command.add_option("--for", args.length, "how long each lasts, with --every");
}

void add_add(CLI::App& group, Console& console) {
  auto args = std::make_shared<SilenceArguments>();
  auto* command = group.add_subcommand("add", "Silence the alerts that match all of the matchers");
  command->add_option("matcher", args->matchers, "label=value, also != =~ !~; a word alone is an alert's name");
  add_times(*command, *args);
  command->add_flag("--until-resolved", args->until_resolved, "it ends when no firing alert matches any more");
  command->add_option("--except", args->except, "a matcher; what fits it is told all the same; repeat for more");
  command->add_option("-c,--comment", args->comment, "why");
  command->add_option("-a,--author", args->author, "who; default user@host");
  command->callback([&console, args] {
    if (args->matchers.empty())
      args->matchers.push_back(ask_for("matcher", "tocsin silence add MATCHER… -d 2h -c COMMENT"));
    if (args->author.empty()) args->author = whoami();
    const bool ends = !args->duration.empty() || !args->end.empty() || args->until_resolved || !args->every.empty();
    if (!ends) args->duration = ask_for("duration", "give -d 2h, --until TIME, --until-resolved or --every WHEN");
    if (args->comment.empty()) args->comment = ask_for("comment", "give -c COMMENT: why nobody is to be told");
    print_set(console, console.send("POST", all, body_of(*args)));
  });
}

void add_update(CLI::App& group, Console& console) {
  auto args = std::make_shared<SilenceArguments>();
  auto* command = group.add_subcommand("update", "Change a silence: another end or comment keeps its id");
  command->add_option("id", args->id, "the silence's id");
  add_times(*command, *args);
  command->add_option("-c,--comment", args->comment, "why");
  command->add_option("-a,--author", args->author, "who");
  command->callback([&console, args] {
    if (args->id.empty()) args->id = ask_for("id", "tocsin silence update ID -d 2h");
    json body = body_of(*args);
    if (body.empty()) end_with(exit_usage, "nothing to change: give -d, --until, -c or another option");
    body["id"] = args->id;
    print_set(console, console.send("POST", all, body));
  });
}

void add_query(CLI::App& group, Console& console) {
  auto args = std::make_shared<SilenceArguments>();
  auto* command = group.add_subcommand("query", "Silences: active by end, pending by start, expired newest first");
  command->add_option("matcher", args->matchers, "only those whose own matchers have this value");
  command->add_option("--state", args->state, "active, pending, expired; several with commas")
      ->default_val("active,pending");
  command->add_flag("--expired", args->expired, "the expired ones");
  command->add_flag("-q,--quiet", args->quiet, "ids only");
  command->callback([&console, args] {
    std::string target = std::string(all) + "?state=" + encode(args->expired ? "expired" : args->state);
    for (const json& matcher : matchers_of(args->matchers)) target += "&match=" + encode(matcher.get<std::string>());
    const json items = console.get_all(target, 100'000);
    if (console.json) {
      std::cout << items.dump(2) << '\n';
    } else if (args->quiet) {
      for (const json& item : items) std::cout << cell(item, "id") << '\n';
    } else {
      print_silences(items);
    }
  });
}

void add_preview(CLI::App& group, Console& console) {
  auto args = std::make_shared<SilenceArguments>();
  auto* command = group.add_subcommand("preview", "Which firing alerts a silence would mean; nothing is set");
  command->add_option("matcher", args->matchers, "as of add");
  command->add_option("--except", args->except, "as of add");
  command->callback([&console, args] {
    if (args->matchers.empty()) args->matchers.push_back(ask_for("matcher", "tocsin silence preview MATCHER…"));
    const json answer = console.send("POST", std::string(all) + "/preview", body_of(*args));
    if (console.json) {
      std::cout << answer.dump(2) << '\n';
      return;
    }
    std::cout << "matches " << cell(answer, "matching") << " of " << cell(answer, "firing") << " firing alerts\n";
    if (cell(answer, "warning") != "-") std::cout << "warning: " << cell(answer, "warning") << '\n';
    std::vector<std::vector<std::string>> rows;
    for (const json& alert : answer.value("alerts", json::array()))
      rows.push_back({"  " + cell(alert, "severity"), cell(alert, "title"), cell(alert, "fired_at")});
    print_table(rows);
  });
}

void add_expire(CLI::App& group, Console& console) {
  auto args = std::make_shared<SilenceArguments>();
  auto* command = group.add_subcommand("expire", "End silences now");
  command->add_option("id", args->ids, "ids, as of `tocsin silence query -q`");
  command->callback([&console, args] {
    if (args->ids.empty()) args->ids.push_back(ask_for("id", "tocsin silence expire ID…"));
    json answers = json::array();
    for (const std::string& id : args->ids) {
      auto answer = console.try_send("DELETE", silence_path(id), {{"by", whoami()}});
      if (answer) {
        answers.push_back(std::move(*answer));
        continue;
      }
      std::cerr << "tocsin: " << answer.error().message() << '\n';
      console.exit_code = exit_no;
    }
    if (console.json) std::cout << answers.dump(2) << '\n';
  });
}

std::string text_of(const json& object, const char* key, const char* other) {
  for (const char* name : {key, other}) {
    const auto found = object.find(name);
    if (found != object.end() && found->is_string()) return found->get<std::string>();
  }
  return {};
}

/// A matcher as Alertmanager writes it, {"name", "value", "isRegex", "isEqual"}, or as text.
std::string imported_matcher(const json& matcher) {
  if (matcher.is_string()) return matcher.get<std::string>();
  if (!matcher.is_object()) return {};
  const bool regex = matcher.value("isRegex", false), equal = matcher.value("isEqual", true);
  const auto op = regex ? (equal ? model::MatchOp::match : model::MatchOp::not_match)
                        : (equal ? model::MatchOp::equal : model::MatchOp::not_equal);
  auto made = model::Matcher::make(text_of(matcher, "name", "name"), op, text_of(matcher, "value", "value"));
  return made ? made->text() : std::string();
}

/// A silence of `amtool silence query -o json` or of `tocsin silence query --json`, as a body.
json imported(const json& silence) {
  json body = json::object();
  body["matchers"] = json::array();
  for (const json& matcher : silence.value("matchers", json::array()))
    body["matchers"].push_back(imported_matcher(matcher));
  for (const auto& [ours, theirs] : {std::pair("starts_at", "startsAt"),
                                     {"ends_at", "endsAt"},
                                     {"created_by", "createdBy"},
                                     {"comment", "comment"},
                                     {"every", "every"},
                                     {"for", "for"},
                                     {"zone", "zone"}}) {
    put_if(body, ours, text_of(silence, ours, theirs));
  }
  for (const char* key : {"except", "annotations", "until_resolved"}) {
    if (silence.contains(key) && !silence[key].is_null()) body[key] = silence[key];
  }
  return body;
}

json read_silences(const std::string& file) {
  std::ostringstream text;
  if (file.empty() || file == "-") {
    text << std::cin.rdbuf();
  } else {
    std::ifstream in(file, std::ios::binary);
    if (!in) end_with(exit_usage, "cannot read " + file);
    text << in.rdbuf();
  }
  json parsed = json::parse(text.str(), nullptr, false);
  if (!parsed.is_array()) {
    end_with(exit_usage, (file.empty() ? "standard input" : file) +
                             " is not a JSON array of silences, as `amtool silence query -o json` writes it");
  }
  return parsed;
}

void import_silences(Console& console, const SilenceArguments& args) {
  const json silences = read_silences(args.file);
  std::set<std::string> known;
  if (!args.force) {
    for (const json& one : console.get_all(std::string(all) + "?state=active,pending", 100'000))
      known.insert(cell(one, "id"));
  }
  const base::Time now = base::SystemClock().now();
  json ids = json::array();
  std::size_t over = 0, refused = 0;
  for (const json& silence : silences) {
    json body = silence.is_object() ? imported(silence) : json::object();
    const auto end = base::parse_rfc3339(body.value("ends_at", ""));
    if (end && *end != base::no_time && *end <= now) {
      ++over;
      continue;
    }
    // One that this agent knows is updated; all others are made anew.
    const std::string id = silence.is_object() ? text_of(silence, "id", "id") : "";
    if (known.contains(id)) body["id"] = id;
    auto answer = console.try_send("POST", all, body);
    if (answer) {
      ids.push_back((*answer)["id"]);
      continue;
    }
    ++refused;
    std::cerr << "tocsin: " << (id.empty() ? "a silence" : id) << ": " << answer.error().message() << '\n';
  }
  if (console.json) {
    std::cout << json{{"imported", ids}, {"expired", over}, {"refused", refused}}.dump(2) << '\n';
  } else {
    for (const json& id : ids) std::cout << id.get<std::string>() << '\n';
    if (over > 0) std::cerr << "tocsin: " << over << " had expired and were left out\n";
  }
  if (refused > 0) console.exit_code = exit_no;
}

void add_import(CLI::App& group, Console& console) {
  auto args = std::make_shared<SilenceArguments>();
  auto* command = group.add_subcommand("import", "Silences from a JSON file, as amtool exports them");
  command->add_option("file", args->file, "default: standard input");
  command->add_flag("-f,--force", args->force, "always make new ones, whatever their ids");
  command->callback([&console, args] { import_silences(console, *args); });
}

}  // namespace

void add_silence_commands(CLI::App& app, Console& console) {
  auto& group = *app.add_subcommand("silence", "Silences: alerts that nobody is told of for a while");
  group.require_subcommand(1);
  add_add(group, console);
  add_query(group, console);
  add_preview(group, console);
  add_update(group, console);
  add_expire(group, console);
  add_import(group, console);
}

}  // namespace tocsin::app
