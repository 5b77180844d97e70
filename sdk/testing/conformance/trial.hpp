// A loaded plugin under the fake host, with made-up configuration.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "checks.hpp"
#include "tocsin/testing/fake_host.hpp"

namespace tsn::conformance {

/// The marker that SECRET options are set to.
inline constexpr std::string_view secret_marker = "tsn-conformance-s3cret";

/// A value that type-checks for an option: addresses and paths that lead nowhere, the marker for secrets.
Value made_up(const tsn_option& option);
/// The subject's options for the type, or made-up values for the REQUIRED ones; SECRET ones become the marker where
/// they are given, with `secrets` everywhere.
Value config_for(const Subject& subject, const tsn_type& type, bool secrets = false);
bool has_required(const tsn_type& type);
std::string id_of(const tsn_type& type);

/// One type of a loaded plugin and a host to run it in.
struct Trial {
  Trial(const Subject& of, const tsn_plugin* its_plugin, const tsn_type& its);

  /// Null when create() refuses, which is told in `answer`; or `answer.text` says why it may.
  std::unique_ptr<testing::FakeInstance> create(bool secrets = false);
  std::unique_ptr<testing::FakeInstance> create(const Value& config);

  const Subject& subject;
  const tsn_plugin* plugin;
  const tsn_type& type;
  testing::FakeHost host;
  testing::Answer answer;
};

/// Runs `each` for every type of the plugin, and adds what its host has against it. Stops where the plugin does not
/// load.
using EachType = std::function<void(Trial&)>;
void for_each_type(const Subject& subject, Findings& found, const EachType& each);
const tsn_plugin* load(const Subject& subject);

/// One call of what the type is for, with a deadline of a second; returns every text that came out.
std::string call_once(testing::FakeInstance& instance);
/// Starts it, calls whatever it can do, lets a minute pass, stops it; returns every text that came out (errors, logs,
/// bodies, ids).
std::string exercise(Trial& trial, testing::FakeInstance& instance);

}  // namespace tsn::conformance
