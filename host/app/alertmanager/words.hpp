// What the scalars of alertmanager.yml mean.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/value.hpp"
#include "model/matcher.hpp"

namespace tocsin::alertmanager {

/// Prometheus' durations: whole numbers of y w d h m s ms, in this order; `0`.
base::Result<base::Duration> parse_duration(std::string_view text);
/// Go's: signed, with fractions, in any order, of h m s ms us ns; `0`.
base::Result<base::Duration> parse_go_duration(std::string_view text);
/// YAML 1.1: true yes on y, false no off n, in lower case, capitals or with one capital.
std::optional<bool> parse_flag(std::string_view text);
/// One line of `matchers`: `a="b"`, or several with commas, with or without braces.
base::Result<model::Matchers> parse_matchers(std::string_view line);
/// As Alertmanager sorts them: by label, value, operator. The order is part of a group's key.
void sort(model::Matchers& matchers);
bool label_name(std::string_view name);

/// scheme://[user[:password]@]host[:port][/…] of http and https. User and password are decoded.
struct Url {
  std::string user, password;
  std::string without_user;  ///< the URL without user and password
  bool has_user = false;
};
base::Result<Url> parse_url(std::string_view text);
/// `%40` as `@`; anything that is no such triple stays.
std::string percent_decoded(std::string_view text);

// --- reading of a tree whose shape was checked ---

/// The text under the key; empty where it is missing or null.
std::string text_of(const base::Value& table, std::string_view key);
bool flag_of(const base::Value& table, std::string_view key, bool fallback);
std::optional<base::Duration> duration_of(const base::Value& table, std::string_view key);
std::vector<std::string> texts_of(const base::Value& table, std::string_view key);
/// The tables of a list; none where it is missing.
std::vector<const base::Value*> objects_of(const base::Value& table, std::string_view key);
/// The table under the key, or null.
const base::Value* object_of(const base::Value& table, std::string_view key);
/// Where the key's value stands; the table's place where it is missing.
base::Place place_of(const base::Value& table, std::string_view key);
/// Adds a member to a table and says where it comes from.
void put(base::Value& table, std::string key, base::Value value, const base::Place& place);
/// The matchers of `<prefix>match`, `<prefix>match_re` and `<prefix>matchers` ("source_"), sorted.
model::Matchers matchers_of(const base::Value& table, const std::string& prefix);

}  // namespace tocsin::alertmanager
