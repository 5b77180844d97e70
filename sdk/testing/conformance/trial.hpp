// A loaded plugin under the fake host, with made-up configuration.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tocsin/testing/fake_host.hpp"

namespace tsn::conformance {

/// The marker that SECRET options are set to.
inline constexpr std::string_view secret_marker = "tsn-conformance-s3cret";

/// A value that type-checks for an option: addresses and paths that lead nowhere, the marker for secrets.
Value made_up(const tsn_option& option);
/// Values for the REQUIRED options; with `secrets` for the SECRET ones too.
Value made_up_config(const tsn_type& type, bool secrets = false);
bool has_required(const tsn_type& type);

/// Makes an instance bypassing the host's validation; null when create() refuses, with its answer in `answer`.
std::unique_ptr<testing::FakeInstance> try_create(testing::FakeHost& host, const tsn_type& type, const Value& config,
                                                  testing::Answer& answer);

/// Runs `each` for every type of the plugin in `path`.
void for_each_type(const std::string& path, const std::function<void(const tsn_plugin*, const tsn_type&)>& each);

/// Calls whatever the type can do, once, and returns every text that came out (errors, logs, bodies, ids).
std::string exercise(testing::FakeHost& host, testing::FakeInstance& instance);

}  // namespace tsn::conformance
