// Secrets: what `env:NAME`, `file:PATH` and `${file:PATH}` stand for. No message ever holds a secret's value.
#include <algorithm>
#include <array>
#include <filesystem>

#include "config/schema.hpp"

namespace tocsin::config {
namespace {

using base::Option;
using base::Value;

constexpr std::array<std::string_view, 4> secret_words = {"secret", "token", "password", "bearer"};
constexpr std::string_view all_secret = "secrets";  ///< a table whose every value is one

std::string path_beside(const std::string& path, const base::Place& place) {
  const std::filesystem::path given(path);
  if (given.is_absolute() || !place.file) return path;
  return (std::filesystem::path(*place.file).parent_path() / given).string();
}

class Resolver {
 public:
  /// `environment` null: nothing is read, only the files are collected.
  Resolver(const Environment* environment, Diagnostics& diagnostics)
      : environment_(environment), diagnostics_(diagnostics) {}

  void table(Value& value, std::span<const Option> options, const std::string& path) {
    const bool all = options.empty() && (path == all_secret || path.ends_with("." + std::string(all_secret)));
    for (Value::Member& member : *value.table()) {
      auto option = std::ranges::find(options, member.key, &Option::key);
      if (option == options.end()) option = std::ranges::find(options, "*", &Option::key);
      const std::string name = path.empty() ? member.key : path + "." + member.key;
      const bool word = std::ranges::find(secret_words, member.key) != secret_words.end();
      const bool undeclared = all || (options.empty() && word);
      if (option != options.end())
        resolve(member.value, option->children, option->secret, name);
      else
        resolve(member.value, {}, undeclared, name);
    }
  }

  std::vector<std::string> files;

 private:
  void resolve(Value& value, std::span<const Option> children, bool secret, const std::string& path) {
    if (value.table()) return table(value, children, path);
    if (Value::Array* items = value.array()) {
      for (Value& item : *items) resolve(item, children, secret, path);
    } else if (std::string* text = value.string()) {
      *text = secret ? whole(*text, value.place, path) : inside(*text, value.place, path);
    }
  }

  std::string whole(const std::string& text, const base::Place& place, const std::string& path) {
    if (text.starts_with("file:")) return file(text.substr(5), place, path);
    if (text.starts_with("env:")) return variable(text.substr(4), place, path);
    if (text.starts_with("store:")) {
      error_at(diagnostics_, place,
               path + ": secrets in the store are not available in this version; use file:PATH or env:NAME");
      return {};
    }
    if (text.find("${file:") != text.npos) return inside(text, place, path);
    if (environment_ && place.file && !text.empty()) {
      warn_at(diagnostics_, place, path + " holds a secret in the clear; better \"file:PATH\" or \"env:NAME\"");
    }
    return text;
  }

  std::string inside(std::string_view text, const base::Place& place, const std::string& path) {
    std::string out;
    while (!text.empty()) {
      const std::size_t open = text.find("${file:");
      const std::size_t close = open == text.npos ? open : text.find('}', open);
      out += text.substr(0, open);
      if (open == text.npos) break;
      if (open > 0 && text[open - 1] == '$') {  // `$${file:…}` is literal
        out += "{file:";
        text.remove_prefix(open + 7);
      } else if (close == text.npos) {
        error_at(diagnostics_, place, path + ": \"${file:\" without \"}\"");
        out += text.substr(open);
        break;
      } else {
        out += file(std::string(text.substr(open + 7, close - open - 7)), place, path);
        text.remove_prefix(close + 1);
      }
    }
    return out;
  }

  std::string file(const std::string& given, const base::Place& place, const std::string& path) {
    const std::string name = path_beside(given, place);
    files.push_back(name);
    if (!environment_) return {};
    auto text = read_text(name);
    if (!text) {
      error_at(diagnostics_, place, path + ": the secret's file \"" + name + "\" " + text.error().message());
      return {};
    }
    if (text->ends_with('\n')) text->pop_back();
    if (text->ends_with('\r')) text->pop_back();
    if (text->empty()) error_at(diagnostics_, place, path + ": the secret's file \"" + name + "\" is empty");
    return std::move(*text);
  }

  std::string variable(const std::string& name, const base::Place& place, const std::string& path) {
    auto value = environment_ && *environment_ ? (*environment_)(name) : std::nullopt;
    if (!value && environment_) {
      error_at(diagnostics_, place, path + ": the environment variable " + name + " is not set");
    }
    return value.value_or("");
  }

  const Environment* environment_;
  Diagnostics& diagnostics_;
};

}  // namespace

Value resolve_secrets(Value table, std::span<const Option> options, const Environment& environment,
                      Diagnostics& diagnostics) {
  if (table.table()) Resolver(&environment, diagnostics).table(table, options, "");
  return table;
}

std::vector<std::string> secret_files(const Value& table, std::span<const Option> options) {
  Diagnostics unimportant;
  Resolver resolver(nullptr, unimportant);
  Value copy = table;
  if (copy.table()) resolver.table(copy, options, "");
  std::ranges::sort(resolver.files);
  const auto doubled = std::ranges::unique(resolver.files);
  resolver.files.erase(doubled.begin(), doubled.end());
  return std::move(resolver.files);
}

}  // namespace tocsin::config
