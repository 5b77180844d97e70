// The suite: named checks of one plugin file. A check adds what it finds; what it finds is one of defects.hpp.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tocsin/testing/fake_host.hpp"

namespace tsn::conformance {

/// What is held against what.
struct Subject {
  std::string path;                          ///< of the .so, absolute
  std::string glibc = "2.36";                ///< newest symbol version allowed: Debian 12's
  std::string libstdcxx = "3.4.30";          ///< GLIBCXX_, the same
  std::size_t cycles = 1000;                 ///< start and stop
  std::chrono::milliseconds patience{1500};  ///< for an answer that is PENDING; calls get a deadline of a second
  std::map<std::string, Value> options;      ///< by type id, instead of made-up ones
};

struct Finding {
  std::string defect, where, what;
};

/// Thrown where a check cannot go on.
struct Stop {
  Finding finding;
};

/// Gathers findings; in a child they go to the parent at once, so that a crash later loses none.
class Findings {
 public:
  virtual ~Findings() = default;
  virtual void add(Finding finding) = 0;
  void expect(bool holds, const char* defect, const std::string& where, const std::string& what) {
    if (!holds) add({defect, where, what});
  }
  void breaches(const testing::FakeHost& host, const std::string& where) {
    for (const auto& breach : host.breaches()) add({breach.defect, where, breach.text});
  }
};

struct Check {
  const char* name;  ///< a sentence without its subject: "exports one symbol"
  /// Returns a remark ("skipped: …") or nothing.
  std::function<std::string(const Subject&, Findings&)> run;
};

/// Read the file only.
std::vector<Check> static_checks();
/// Load the plugin and run it as a host does; each is run in a process of its own.
std::vector<Check> dynamic_checks();
/// The same as a bad host, or one of another version, would.
std::vector<Check> hostile_checks();
/// Incidents whose texts were made to break what shows them.
std::vector<Check> text_checks();

}  // namespace tsn::conformance
