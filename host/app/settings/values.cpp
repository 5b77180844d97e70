#include "settings/values.hpp"

#include <filesystem>

#include "config/schema.hpp"

namespace tocsin::settings {

using base::Value;

std::string text_of(const Value& table, std::string_view key, std::string_view fallback) {
  const Value* value = table.find(key);
  return value && value->string() ? *value->string() : std::string(fallback);
}

bool flag_of(const Value& table, std::string_view key, bool fallback) {
  const Value* value = table.find(key);
  return value && value->boolean() ? *value->boolean() : fallback;
}

base::Duration duration_of(const Value& table, std::string_view key, base::Duration fallback) {
  const Value* value = table.find(key);
  return value && value->integer() ? base::Duration(*value->integer()) : fallback;
}

std::vector<std::string> list_of(const Value& table, std::string_view key) {
  std::vector<std::string> out;
  const Value* value = table.find(key);
  if (!value || !value->array()) return out;
  for (const Value& item : *value->array()) {
    if (item.string()) out.push_back(*item.string());
  }
  return out;
}

base::Place place_of(const Value& table, std::string_view key) {
  const Value* value = table.find(key);
  return value && value->place.file ? value->place : table.place;
}

bool is_label_name(std::string_view name) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  for (char c : name) {
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.'))
      return false;
  }
  return true;
}

model::Labels labels_of(const Value& table, std::string_view key, const std::string& where,
                        config::Diagnostics& diagnostics) {
  model::Labels labels;
  const Value* value = table.find(key);
  if (!value || !value->table()) return labels;
  for (const Value::Member& member : *value->table()) {
    if (!is_label_name(member.key)) {
      config::error_at(
          diagnostics, member.key_place,
          where + " " + std::string(key) + ": \"" + member.key + "\" is no label name; letters, digits and _ are");
    } else if (member.value.string()) {
      labels.set(member.key, *member.value.string());
    }
  }
  return labels;
}

std::string beside(const std::string& path, const base::Place& place) {
  const std::filesystem::path given(path);
  if (path.empty() || given.is_absolute() || !place.file) return path;
  return (std::filesystem::path(*place.file).parent_path() / given).lexically_normal().string();
}

Value resolved(Value table, std::span<const base::Option> options, const std::string& where,
               const config::Environment& environment, config::Diagnostics& diagnostics) {
  config::Diagnostics found;
  table = config::resolve_secrets(std::move(table), options, environment, found);
  for (config::Diagnostic& d : found) {
    d.message = where + " " + d.message;
    diagnostics.push_back(std::move(d));
  }
  return table;
}

std::vector<const Value::Member*> named_tables(const Value& root, const std::string& section,
                                               config::Diagnostics& diagnostics) {
  std::vector<const Value::Member*> out;
  const Value* tables = root.find(section);
  if (!tables) return out;
  if (!tables->table()) {
    config::error_at(diagnostics, tables->place, section + ": write tables [" + section + ".NAME]");
    return out;
  }
  for (const Value::Member& member : *tables->table()) {
    if (!member.value.table()) {
      config::error_at(diagnostics, member.key_place,
                       "[" + section + "] " + member.key + ": expected a table [" + section + "." + member.key +
                           "], got " + std::string(member.value.type_name()) + "; keys stand in a [" + section +
                           ".NAME]");
    } else if (member.key.empty() || member.key.find_first_of(" \t\n:#/\"") != std::string::npos) {
      config::error_at(diagnostics, member.key_place,
                       "[" + section + "] \"" + member.key + "\" is no name; use letters, digits, - and _");
    } else {
      out.push_back(&member);
    }
  }
  return out;
}

}  // namespace tocsin::settings
