// Patterns of a provider's requests: text with {{fields}}, each escaped for where it stands, so that no text of an
// alert can change the request it is put into.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tocsin_plugins {

struct Field {
  std::string_view name;
  std::string value;
};
using Fields = std::vector<Field>;

/// What a field's value is put into.
enum class Place {
  json,    ///< inside a JSON string
  url,     ///< a URL or a form's body: all but unreserved characters as %XX
  xml,     ///< text or attribute of XML
  header,  ///< one line
  plain    ///< as it is
};

std::string escaped(std::string_view value, Place place);
/// `pattern` with each {{name}} replaced; a name that `fields` has not becomes nothing.
std::string fill(std::string_view pattern, const Fields& fields, Place place);
/// The first {{name}} that is none of `known`, or what is wrong with the braces; empty: all are known.
std::string unknown_field(std::string_view pattern, const std::vector<std::string_view>& known);

}  // namespace tocsin_plugins
