// Validation of a table against declared options: unknown keys with the nearest known one, types, bounds, defaults.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/option.hpp"
#include "config/document.hpp"

namespace tocsin::config {

/// Checks `table` against `options` and returns it with defaults filled in, durations and sizes as integers
/// (nanoseconds, bytes), numbers as reals. `where` is what messages call it: "[source.auth]". All problems are
/// reported, none throws; what is wrong is left out of the answer (its default stands in).
///
/// Children describe the keys of a table, or of the tables in an array. A child with the key `*` describes every key
/// that no other child names; one with the key `[]` describes the items of an array that are no tables.
base::Value validate(const base::Value& table, std::span<const base::Option> options, const std::string& where,
                     Diagnostics& diagnostics);

/// Resolves `env:NAME`, `file:PATH` (one trailing newline trimmed) in values of secret options and `${file:PATH}`
/// inside strings of any option. Relative paths are relative to the file the value stands in. In a table whose keys are
/// not declared, `secret`, `token`, `password` and `bearer` count as secret, and everything where it is named
/// `secrets`. A secret given in the clear is a warning.
base::Value resolve_secrets(base::Value table, std::span<const base::Option> options, const Environment& environment,
                            Diagnostics& diagnostics);
/// The files that resolve_secrets() reads for `table`: what to watch, since a secret counts anew when its file changes.
std::vector<std::string> secret_files(const base::Value& table, std::span<const base::Option> options);

/// The reference page of options in Markdown: a table of key, type, default, what.
std::string reference(std::span<const base::Option> options);
/// A commented TOML sample.
std::string sample(const std::string& section, std::span<const base::Option> options);

/// "string", "duration", … for messages and pages.
std::string_view type_name(base::OptionType type);

}  // namespace tocsin::config
