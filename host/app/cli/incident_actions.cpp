// tocsin incident ack, start, assign, …: what changes an incident.
#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "app/cli/commands.hpp"

namespace tocsin::app {
namespace {

using nlohmann::json;

struct Arguments {
  std::vector<std::string> ids, words, more;
  std::string id, text, to, span, file;
};
using Shared = std::shared_ptr<Arguments>;

void brief(const Console& console, const json& incident) {
  if (console.json) {
    std::cout << incident.dump(2) << '\n';
    return;
  }
  std::cout << "incident " << cell(incident, "number") << ": " << cell(incident, "status");
  if (cell(incident, "snoozed_until") != "-") std::cout << ", snoozed until " << cell(incident, "snoozed_until");
  if (cell(incident, "ack_expires_at") != "-") std::cout << " until " << cell(incident, "ack_expires_at");
  std::cout << '\n';
}

/// One command for one incident: `run` gets its number.
template <class Run>
CLI::App* add(CLI::App& group, const char* name, const char* help, const Shared& args, Run run) {
  auto* command = group.add_subcommand(name, help);
  command->add_option("incident", args->id, "number or correlation id");
  command->callback([args, run, whole = std::string("incident ") + name] {
    args->id = need(args->id, whole, "incident number");
    run();
  });
  return command;
}

json by_me(json body = json::object()) {
  body["by"] = whoami();
  return body;
}

/// A change of status; a refusal of one of several does not keep the others from theirs.
void change_status(Console& console, const std::vector<std::string>& ids, const json& body) {
  json changed = json::array();
  for (const auto& id : ids) {
    try {
      changed.push_back(console.send("PUT", incident_path(id) + "/status", body));
    } catch (const CommandEnd& end) {
      if (ids.size() == 1 || end.code != exit_no) throw;
      std::cerr << "tocsin: " << end.message << std::endl;
      console.exit_code = exit_no;
      continue;
    }
    if (!console.json) brief(console, changed.back());
  }
  if (console.json) std::cout << (ids.size() == 1 ? changed.front() : changed).dump(2) << '\n';
}

void add_ack(CLI::App& group, Console& console) {
  auto args = std::make_shared<Arguments>();
  auto* command = group.add_subcommand("ack", "Acknowledge: stops the ladder");
  command->add_option("incident", args->ids, "numbers or correlation ids");
  command->add_option("--for", args->span, "it expires after this time (1h), with a reminder, and the ladder goes on");
  command->add_option("--notes", args->text, "why, for the record");
  command->callback([&console, args] {
    if (args->ids.empty()) args->ids = {need("", "incident ack", "incident number")};
    json body = by_me({{"status", "ACKNOWLEDGED"}});
    if (!args->span.empty()) body["for"] = args->span;
    if (!args->text.empty()) body["notes"] = args->text;
    change_status(console, args->ids, body);
  });
}

/// `option`: what the status needs said, and the member of the body it becomes.
void add_status(CLI::App& group, Console& console, const char* name, const char* help, const char* status,
                const char* option = nullptr, const char* key = nullptr) {
  auto args = std::make_shared<Arguments>();
  auto* command = add(group, name, help, args, [&console, args, name, status, option, key] {
    json body = by_me({{"status", status}});
    if (key) body[key] = need(args->text, std::string("incident ") + name, option);
    change_status(console, {args->id}, body);
  });
  if (option) command->add_option(option, args->text, "why, for the record");
}

void add_assign_and_note(CLI::App& group, Console& console) {
  auto args = std::make_shared<Arguments>();
  auto* assign = add(group, "assign", "Give it an owner", args, [&console, args] {
    const auto owner = args->file.empty() ? need(args->text, "incident assign", "owner") : std::string();
    brief(console, console.send("PUT", incident_path(args->id) + "/assign", by_me({{"owner", owner}})));
  });
  assign->add_option("owner", args->text, "who");
  assign->add_flag_callback("--nobody", [args] { args->file = "nobody"; }, "take the owner away");

  auto words = std::make_shared<Arguments>();
  auto* note = add(group, "note", "Add a note to its timeline", words, [&console, words] {
    const auto text = need(words->text, "incident note", "text");
    brief(console, console.send("POST", incident_path(words->id) + "/notes", by_me({{"text", text}})));
  });
  note->add_option("text", words->text, "the note");
}

void add_pace(CLI::App& group, Console& console) {
  auto snooze = std::make_shared<Arguments>();
  auto* command = add(group, "snooze", "Pause its ladder for a time", snooze, [&console, snooze] {
    json body = by_me();
    if (snooze->to.empty())
      body["for"] = need(snooze->span, "incident snooze", "how long (30m)");
    else
      body["until"] = snooze->to;
    brief(console, console.send("POST", incident_path(snooze->id) + "/snooze", body));
  });
  command->add_option("for", snooze->span, "how long: 30m, 2h");
  command->add_option("--until", snooze->to, "or until when: 2026-11-20T10:00:00Z");

  auto wake = std::make_shared<Arguments>();
  add(group, "unsnooze", "Wake it now", wake,
      [&console, wake] { brief(console, console.send("POST", incident_path(wake->id) + "/unsnooze", by_me())); });
  auto escalate = std::make_shared<Arguments>();
  add(group, "escalate", "Take the ladder's next step now", escalate, [&console, escalate] {
    brief(console, console.send("POST", incident_path(escalate->id) + "/escalate", by_me()));
  });
  auto page = std::make_shared<Arguments>();
  auto* paging = add(group, "page", "Tell somebody now, besides the ladder", page, [&console, page] {
    if (page->words.empty()) page->words = {need("", "incident page", "--to")};
    json body = by_me({{"to", page->words}});
    if (!page->text.empty()) body["text"] = page->text;
    brief(console, console.send("POST", incident_path(page->id) + "/page", body));
  });
  paging->add_option("--to", page->words, "a target: sms:contact.first, group.platform, slack:#pay; repeat for more")
      ->allow_extra_args(false);
  paging->add_option("--text", page->text, "what to say besides");
}

void add_tag_and_link(CLI::App& group, Console& console) {
  auto tags = std::make_shared<Arguments>();
  auto* tag = add(group, "tag", "Add and remove tags", tags, [&console, tags] {
    if (tags->words.empty() && tags->more.empty()) tags->words = {need("", "incident tag", "tag")};
    const json body = by_me({{"add", tags->words}, {"remove", tags->more}});
    const auto changed = console.send("POST", incident_path(tags->id) + "/tags", body);
    if (console.json) return brief(console, changed);
    std::cout << "incident " << cell(changed, "number") << ":";
    for (const auto& each : changed["tags"]) std::cout << ' ' << each.get<std::string>();
    std::cout << '\n';
  });
  tag->add_option("tag", tags->words, "tags to add");
  tag->add_option("--remove", tags->more, "a tag to remove; repeat for more")->allow_extra_args(false);

  auto link = std::make_shared<Arguments>();
  auto* linking = add(group, "link", "Add a link", link, [&console, link] {
    json body = by_me({{"href", need(link->to, "incident link", "address")}});
    if (!link->text.empty()) body["text"] = link->text;
    brief(console, console.send("POST", incident_path(link->id) + "/links", body));
  });
  linking->add_option("href", link->to, "an http:// or https:// address");
  linking->add_option("--text", link->text, "what it is");
}

void add_merge(CLI::App& group, Console& console) {
  auto args = std::make_shared<Arguments>();
  auto* command = add(group, "merge", "Merge it into another, which goes on", args, [&console, args] {
    const auto into = need(args->to, "incident merge", "into which incident");
    brief(console, console.send("POST", incident_path(args->id) + "/merge", by_me({{"into", into}})));
  });
  command->add_option("into", args->to, "the incident that goes on");
}

void add_files(CLI::App& group, Console& console) {
  auto up = std::make_shared<Arguments>();
  auto* attach = add(group, "attach", "Attach a file (pdf, png, jpg, txt, log; at most 10 MiB)", up, [&console, up] {
    const auto file = need(up->file, "incident attach", "file");
    std::string name = up->text;
    if (name.empty()) name = file.substr(file.rfind('/') == file.npos ? 0 : file.rfind('/') + 1);
    const auto kept = console.upload(
        incident_path(up->id) + "/attachments?name=" + encode(name) + "&by=" + encode(whoami()), read_input(file));
    if (console.json)
      std::cout << kept.dump(2) << '\n';
    else
      std::cout << "attachment " << cell(kept, "id") << ": " << cell(kept, "name") << '\n';
  });
  attach->add_option("file", up->file, "the file, or - for standard input with --name");
  attach->add_option("--name", up->text, "its name there");

  auto list = std::make_shared<Arguments>();
  add(group, "attachments", "Its files", list, [&console, list] {
    const auto items = console.get_all(incident_path(list->id) + "/attachments", 1000);
    if (console.json) {
      std::cout << items.dump(2) << '\n';
      return;
    }
    std::vector<std::vector<std::string>> rows{{"ID", "NAME", "TYPE", "SIZE", "BY", "AT"}};
    for (const auto& item : items) {
      rows.push_back({cell(item, "id"), cell(item, "name"), cell(item, "content_type"), cell(item, "size"),
                      cell(item, "by"), cell(item, "at")});
    }
    print_table(rows);
  });

  auto down = std::make_shared<Arguments>();
  auto* download = add(group, "download", "Get one of its files", down, [&console, down] {
    const auto which = need(down->text, "incident download", "attachment");
    const auto content = console.raw("GET", incident_path(down->id) + "/attachments/" + encode(which), "");
    if (down->file.empty() || down->file == "-") {
      std::cout << content << std::flush;
      return;
    }
    std::ofstream out(down->file, std::ios::binary);
    if (!(out << content).flush()) end_with(exit_no, "cannot write " + down->file);
  });
  download->add_option("attachment", down->text, "its number, as `tocsin incident attachments` shows it");
  download->add_option("-o,--output", down->file, "where to; default: standard output");
}

}  // namespace

void add_incident_actions(CLI::App& group, Console& console) {
  add_ack(group, console);
  add_status(group, console, "start", "Work has begun", "IN_PROGRESS");
  add_status(group, console, "resolve", "It is over", "RESOLVED", "--notes", "notes");
  add_status(group, console, "reopen", "It is not over", "OPEN");
  add_status(group, console, "close", "Close a resolved incident", "CLOSED", "--reason", "reason");
  add_assign_and_note(group, console);
  add_pace(group, console);
  add_tag_and_link(group, console);
  add_merge(group, console);
  add_files(group, console);
}

}  // namespace tocsin::app
