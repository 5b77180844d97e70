// tocsin-check PLUGIN.so: holds a plugin to the contract. `tocsin plugin check` starts it; authors without an agent
// build it with their tests. Exit code 0: it holds, 1: it does not, 2: wrong usage.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <set>

#include "apart.hpp"
#include "checks.hpp"
#include "defects.hpp"
#include "elf.hpp"
#include "tocsin/testing/values.hpp"

namespace {

using namespace tsn::conformance;
using nlohmann::json;

constexpr const char* usage =
    "usage: tocsin-check [--json] [--quick] [--glibc VERSION] [--cycles N] [--options FILE] PLUGIN.so\n"
    "  --json           the findings as JSON\n"
    "  --quick          100 start and stop cycles instead of 1000, unless TOCSIN_TEST_COUNT=full\n"
    "  --glibc VERSION  the newest symbol version allowed (2.36, Debian 12)\n"
    "  --cycles N       start and stop cycles\n"
    "  --options FILE   JSON: {\"type id\": {\"option\": value}}, instead of made-up options\n"
    "  --defects        list the names of what is looked for\n";

/// Wrong usage, or a file that cannot be read: exit code 2.
struct Usage : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Arguments {
  Subject subject;
  bool as_json = false;
};

void read_options(const std::string& file, Subject& subject) {
  std::ifstream in(file);
  const auto whole = json::parse(in, nullptr, false);
  if (!whole.is_object()) throw Usage(file + ": is no JSON object of type ids");
  for (const auto& [type, options] : whole.items())
    subject.options.emplace(type, tsn::testing::from_json(options.dump()));
}

Arguments read_arguments(int argc, char** argv) {
  Arguments to;
  const auto value = [&](int& i) -> std::string { return i + 1 < argc ? argv[++i] : throw Usage(usage); };
  std::string file;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--json")
      to.as_json = true;
    else if (argument == "--glibc")
      to.subject.glibc = value(i);
    else if (argument == "--cycles")
      to.subject.cycles = std::strtoul(value(i).c_str(), nullptr, 10);
    else if (argument == "--options")
      read_options(value(i), to.subject);
    else if (argument == "--quick") {
      const char* count = std::getenv("TOCSIN_TEST_COUNT");
      if (!count || std::string_view(count) != "full") to.subject.cycles = 100;
    } else if (argument.starts_with("-") || !file.empty())
      throw Usage(usage);
    else
      file = argument;
  }
  if (file.empty()) throw Usage(usage);
  std::error_code missing;
  to.subject.path = std::filesystem::canonical(file, missing);
  if (missing) throw Usage(file + ": " + missing.message() + "\n");
  return to;
}

struct Result {
  std::string check, remark;
  std::vector<Finding> findings;
  double seconds = 0;
};

class Gathered : public Findings {
 public:
  void add(Finding finding) override { all.push_back(std::move(finding)); }
  std::vector<Finding> all;
};

void show(const Result& result) {
  const bool left_out = result.remark.starts_with("left out");
  std::cout << (left_out ? "skip  " : result.findings.empty() ? "ok    " : "FAIL  ") << result.check;
  if (!result.remark.empty()) std::cout << " (" << result.remark << ")";
  std::cout << "\n";
  for (const auto& finding : result.findings) {
    const auto& about = defect(finding.defect);
    std::cout << "      " << finding.defect << ": " << (finding.where.empty() ? "" : finding.where + ": ")
              << finding.what << "\n        why: " << about.why << "\n        do:  " << about.remedy << "\n";
  }
  std::cout.flush();
}

json to_json(const Finding& finding) {
  const auto& about = defect(finding.defect);
  return {{"defect", finding.defect},
          {"where", finding.where},
          {"what", finding.what},
          {"why", about.why},
          {"remedy", about.remedy}};
}

/// The suite over one file: results in order, each finding once.
class Run {
 public:
  explicit Run(const Arguments& arguments) : subject_(arguments.subject), as_json_(arguments.as_json) {}

  bool all() {
    for (const auto& check : static_checks()) here(check);
    if (loadable()) {
      allowed_ = declared();
      for (const auto& checks : {dynamic_checks(), hostile_checks(), text_checks()})
        for (const auto& check : checks) apart(check);
    }
    finish();
    return names_.empty();
  }

 private:
  using Clock = std::chrono::steady_clock;

  /// What the loader or the agent would refuse is not run: it would prove nothing about the code.
  bool loadable() const {
    for (const char* name : {"not_a_plugin", "no_export", "no_note", "odd_note"})
      if (names_.contains(name)) return false;
    return true;
  }
  Allowed declared() const {
    Allowed allowed;
    const auto note = json::parse(read_elf(subject_.path).note, nullptr, false);
    for (const auto& type : note["types"])
      for (const auto& need : type.value("needs", json::array())) {
        allowed.network |= need == "network";
        allowed.processes |= need == "processes";
      }
    return allowed;
  }
  void here(const Check& check) {
    Result result{check.name, {}, {}, 0};
    Gathered found;
    try {
      result.remark = check.run(subject_, found);
    } catch (const std::exception& error) {
      found.add({"not_a_plugin", subject_.path, error.what()});
    }
    result.findings = std::move(found.all);
    keep(std::move(result));
  }
  void apart(const Check& check) {
    // What hung twice hangs in every call of its kind: the rest would only be waited for.
    if (hangs_ == 2) return keep({check.name, "left out: it hangs", {}, 0});
    const auto begun = Clock::now();
    auto outcome = run_apart(check, subject_, allowed_, limits_);
    // What hung once will hang again: the rest is not waited for as long.
    if (outcome.hung) ++hangs_, limits_.call = std::chrono::milliseconds(1200);
    for (const auto& finding : outcome.findings)
      if (finding.defect == "never_completes") subject_.patience = std::chrono::milliseconds(50);
    keep({check.name, outcome.remark, std::move(outcome.findings),
          std::chrono::duration<double>(Clock::now() - begun).count()});
  }
  void keep(Result result) {
    std::vector<Finding> fresh;
    for (auto& finding : result.findings) {
      names_.insert(finding.defect);
      if (seen_.insert({finding.defect, finding.where}).second)
        fresh.push_back(std::move(finding));
      else if (fresh.empty() && result.remark.empty())
        result.remark = finding.defect + " again";
    }
    const bool failed = !result.findings.empty();
    result.findings = std::move(fresh);
    if (!as_json_) show(result);
    checks_.push_back({{"check", result.check},
                       {"holds", !failed && !result.remark.starts_with("left out")},
                       {"remark", result.remark},
                       {"seconds", result.seconds}});
    for (const auto& finding : result.findings) findings_.push_back(to_json(finding));
  }
  void finish() const {
    const auto& path = subject_.path;
    if (as_json_) {
      const json whole{{"path", path}, {"holds", names_.empty()}, {"checks", checks_}, {"findings", findings_}};
      std::cout << whole.dump(2, ' ', false, json::error_handler_t::replace) << "\n";
      return;
    }
    std::cout << "\n" << path << (names_.empty() ? ": holds the contract" : ": does not hold the contract:");
    for (const auto& name : names_) std::cout << " " << name;
    std::cout << "\n";
  }

  Subject subject_;
  bool as_json_;
  Allowed allowed_;
  Limits limits_;
  int hangs_ = 0;
  std::set<std::string> names_;
  std::set<std::pair<std::string, std::string>> seen_;
  json checks_ = json::array(), findings_ = json::array();
};

void list_defects() {
  for (const auto& each : defects()) std::cout << each.name << ": " << each.why << "; " << each.remedy << "\n";
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc == 2 && std::string_view(argv[1]) == "--defects") return list_defects(), 0;
    if (argc == 2 && std::string_view(argv[1]) == "--help") return std::cout << usage, 0;
    const auto arguments = read_arguments(argc, argv);
    return Run(arguments).all() ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << "tocsin-check: " << error.what() << std::endl;
    return 2;
  }
}
