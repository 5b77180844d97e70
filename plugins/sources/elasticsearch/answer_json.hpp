// Members of a server's answer. What is missing or of another type is a failure, or nothing.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tocsin_plugins::elasticsearch {

namespace dom = simdjson::dom;
using Element = dom::element;

/// Throws tsn::Failure: this is no answer of the search API.
[[noreturn]] void odd(const std::string& what);

std::optional<Element> find(Element from, std::string_view key);
/// Throws where there is none.
Element need(Element from, std::string_view key);
/// Empty where there is none.
std::string_view text_at(Element from, std::string_view key);
bool is_true(Element from, std::string_view key);
/// NaN: null, a text as "NaN", or not there.
double number_at(Element from, std::string_view key);
/// A whole number from 0; throws where there is none.
std::uint64_t count_at(Element from, std::string_view key);
/// A bucket's key as a label; throws where it has none.
std::string text_of_key(Element bucket);

}  // namespace tocsin_plugins::elasticsearch
