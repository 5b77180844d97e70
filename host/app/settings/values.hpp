// Reading validated tables: after config::validate() every key has the declared type or is missing.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/option.hpp"
#include "base/value.hpp"
#include "config/document.hpp"
#include "model/labels.hpp"

namespace tocsin::settings {

/// What an array of texts is declared to hold.
inline const std::vector<base::Option> strings = {{.key = "[]", .type = base::OptionType::string}};

std::string text_of(const base::Value& table, std::string_view key, std::string_view fallback = "");
bool flag_of(const base::Value& table, std::string_view key, bool fallback = false);
base::Duration duration_of(const base::Value& table, std::string_view key, base::Duration fallback = {});
std::vector<std::string> list_of(const base::Value& table, std::string_view key);
/// Where the key's value stands; the table's place when it is missing.
base::Place place_of(const base::Value& table, std::string_view key);

/// A table of strings; a name that is no label name is reported.
model::Labels labels_of(const base::Value& table, std::string_view key, const std::string& where,
                        config::Diagnostics& diagnostics);
bool is_label_name(std::string_view name);

/// `path` as seen from the folder of the file that `place` is in.
std::string beside(const std::string& path, const base::Place& place);

/// config::resolve_secrets() with `where` before its messages: "[notifier.mail] password: …".
base::Value resolved(base::Value table, std::span<const base::Option> options, const std::string& where,
                     const config::Environment& environment, config::Diagnostics& diagnostics);

/// The members of a section that holds named tables ([contact.first]); anything else in it is reported.
std::vector<const base::Value::Member*> named_tables(const base::Value& root, const std::string& section,
                                                     config::Diagnostics& diagnostics);

}  // namespace tocsin::settings
