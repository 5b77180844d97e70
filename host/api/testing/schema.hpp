// Holds a value against a schema of the OpenAPI document: type, nullable, enum, properties, required, items, oneOf,
// $ref. A property that the schema does not name is a violation, so that the document cannot fall behind the answers.
#pragma once

#include <string>

#include "base/value.hpp"

namespace tocsin::api::testing {

inline std::string check(const base::Value& schemas, const base::Value& schema, const base::Value& value,
                         std::string at);

inline std::string check_object(const base::Value& schemas, const base::Value& schema, const base::Value& value,
                                const std::string& at) {
  if (value.table() == nullptr) return at + ": no object";
  const base::Value *properties = schema.find("properties"), *more = schema.find("additionalProperties");
  if (const base::Value* required = schema.find("required")) {
    for (const base::Value& name : *required->array()) {
      if (value.find(*name.string()) == nullptr) return at + ": lacks " + *name.string();
    }
  }
  for (const base::Value::Member& member : *value.table()) {
    const base::Value* known = properties == nullptr ? more : properties->find(member.key);
    if (known == nullptr && (properties != nullptr || more != nullptr)) return at + ": unknown " + member.key;
    if (known == nullptr) continue;
    std::string why = check(schemas, *known, member.value, at + "." + member.key);
    if (!why.empty()) return why;
  }
  return {};
}

inline std::string check_words(const base::Value& schema, const base::Value& value, const std::string& at) {
  if (value.string() == nullptr) return at + ": no string";
  const base::Value* words = schema.find("enum");
  if (words == nullptr) return {};
  for (const base::Value& word : *words->array()) {
    if (*word.string() == *value.string()) return {};
  }
  return at + ": \"" + *value.string() + "\" is none of the words";
}

inline std::string check(const base::Value& schemas, const base::Value& schema, const base::Value& value,
                         std::string at) {
  if (const base::Value* ref = schema.find("$ref")) {
    return check(schemas, *schemas.find(ref->string()->substr(21)), value, at);
  }
  if (const base::Value* choices = schema.find("oneOf")) {
    std::string why;
    for (const base::Value& choice : *choices->array()) {
      std::string one = check(schemas, choice, value, at);
      if (one.empty()) return {};
      why += one + "; ";
    }
    return why;
  }
  const base::Value* nullable = schema.find("nullable");
  if (value.is_null()) return nullable != nullptr && *nullable->boolean() ? "" : at + ": null";
  const std::string& type = *schema.find("type")->string();
  if (type == "object") return check_object(schemas, schema, value, at);
  if (type == "string") return check_words(schema, value, at);
  if (type == "boolean") return value.boolean() != nullptr ? "" : at + ": no boolean";
  if (type == "integer") return value.integer() != nullptr ? "" : at + ": no integer";
  if (type == "number") return value.integer() != nullptr || value.real() != nullptr ? "" : at + ": no number";
  if (value.array() == nullptr) return at + ": no array";
  for (const base::Value& item : *value.array()) {
    std::string why = check(schemas, *schema.find("items"), item, at + "[]");
    if (!why.empty()) return why;
  }
  return {};
}

/// Empty: the value is what the schema says; else what is wrong, and where.
inline std::string violation(const base::Value& document, const std::string& name, const base::Value& value) {
  const base::Value& schemas = *document.find("components")->find("schemas");
  return check(schemas, *schemas.find(name), value, name);
}

}  // namespace tocsin::api::testing
