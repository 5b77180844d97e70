// Reading JSON that came from outside: nothing here throws on what is missing, of another type, or hostile.
#pragma once

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "tocsin/context.hpp"

namespace tocsin_plugins::jira {

/// Discarded where it is no JSON, or nests so deep that copying or printing it would overflow the stack.
nlohmann::json parsed(const std::string& body);

/// One line of JSON; bytes that are no UTF-8 are replaced.
std::string printed(const nlohmann::json& value);

/// A member of a member, null where one is missing or of another type.
const nlohmann::json& member(const nlohmann::json& from, std::initializer_list<const char*> path);

/// The text at a path; empty where there is none.
std::string text_at(const nlohmann::json& from, std::initializer_list<const char*> path);

/// An id, which Jira writes as text or as a number: at most 64 of [A-Za-z0-9._:-], else empty.
std::string id_at(const nlohmann::json& from, std::initializer_list<const char*> path);

/// The whole number at a path; `fallback` where there is none.
std::int64_t number_at(const nlohmann::json& from, std::initializer_list<const char*> path, std::int64_t fallback = 0);

/// The elements of the array at a path; none where there is no array.
const nlohmann::json& list_at(const nlohmann::json& from, std::initializer_list<const char*> path);

/// "2026-11-20T10:00:00.123+0300" as Jira writes it; 0: no time.
tsn::Time time_of(const std::string& text);

/// Whether `text` has the form of an issue's key, "OPS-17".
bool is_issue_key(std::string_view text);

}  // namespace tocsin_plugins::jira
