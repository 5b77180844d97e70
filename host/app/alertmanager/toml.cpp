#include "alertmanager/toml.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace tocsin::alertmanager {
namespace {

using base::Value;

constexpr std::size_t widest = 110;  ///< characters of a list on one line

std::string key_text(const std::string& key) {
  const auto bare = [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  return !key.empty() && std::ranges::all_of(key, bare) ? key : base::json_quote(key);
}

/// Environment variables are replaced in every text of agent.toml.
std::string without_variables(std::string text) {
  for (std::size_t at = 0; (at = text.find("${", at)) != text.npos; at += 2) {
    if (text.compare(at, 7, "${file:") == 0) continue;
    text.insert(at++, "$");
  }
  return text;
}

std::string quoted(const std::string& given) {
  const std::string text = without_variables(given);
  const bool simple = std::ranges::none_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f || c == '\''; });
  // Matchers and regular expressions are easier to read without backslashes.
  if (simple && text.find_first_of("\"\\") != text.npos) return "'" + text + "'";
  std::string out = base::json_quote(text);
  for (std::size_t at = 0; (at = out.find('\x7f', at)) != out.npos; at += 6) out.replace(at, 1, "\\u007F");
  return out;
}

bool of_tables(const Value& value) {
  return value.array() && !value.array()->empty() && value.array()->front().table();
}

class Writer {
 public:
  explicit Writer(const Remarks& remarks) : remarks_(remarks) {}

  std::string run(const Value& root) {
    remarks("");
    for (const Value::Member& member : *root.table()) {
      if (of_tables(member.value))
        array_of_tables(key_text(member.key), member.key, member.value);
      else if (named_tables(member.value))
        for (const Value::Member& each : *member.value.table())
          section(key_text(member.key) + "." + key_text(each.key), member.key + "." + each.key, each.value, "[", "]");
      else
        section(key_text(member.key), member.key, member.value, "[", "]");
    }
    return std::move(out_);
  }

 private:
  /// [notifier.*]: a table of tables alone.
  static bool named_tables(const Value& value) {
    return value.table() && !value.table()->empty() &&
           std::ranges::all_of(*value.table(), [](const Value::Member& m) { return m.value.table() != nullptr; });
  }

  void remarks(const std::string& name) {
    auto found = remarks_.find(name);
    if (found == remarks_.end()) return;
    for (const std::string& text : found->second) {
      std::string line = text;
      std::ranges::replace_if(line, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
      out_ += "# " + line + "\n";
    }
  }

  void section(const std::string& path, const std::string& name, const Value& table, const char* open,
               const char* close) {
    if (!out_.empty()) out_ += '\n';
    remarks(name);
    out_ += open + path + close + std::string("\n");
    std::size_t width = 0;
    for (const Value::Member& member : *table.table()) {
      if (!of_tables(member.value)) width = std::max(width, key_text(member.key).size());
    }
    for (const Value::Member& member : *table.table()) {
      if (of_tables(member.value)) continue;
      const std::string key = key_text(member.key);
      out_ += key + std::string(width - key.size(), ' ') + " = " + value(member.value) + "\n";
    }
    for (const Value::Member& member : *table.table()) {
      if (of_tables(member.value))
        array_of_tables(path + "." + key_text(member.key), name + "." + member.key, member.value);
    }
  }

  void array_of_tables(const std::string& path, const std::string& name, const Value& list) {
    for (const Value& table : *list.array()) section(path, name, table, "[[", "]]");
  }

  static std::string value(const Value& value) {
    if (const bool* flag = value.boolean()) return *flag ? "true" : "false";
    if (const auto* number = value.integer()) return std::to_string(*number);
    if (value.real()) return base::format_number(*value.real());
    if (value.string()) return quoted(*value.string());
    if (value.array()) return list(*value.array());
    std::string out = "{";
    if (value.table()) {
      for (const Value::Member& member : *value.table())
        out += (out.size() > 1 ? ", " : " ") + key_text(member.key) + " = " + Writer::value(member.value);
    }
    return out + (out.size() > 1 ? " }" : "}");
  }

  static std::string list(const Value::Array& items) {
    std::string line = "[", lines = "[\n";
    for (const Value& item : items) {
      const std::string text = value(item);
      line += (line.size() > 1 ? ", " : "") + text;
      lines += "  " + text + ",\n";
    }
    return line.size() <= widest ? line + "]" : lines + "]";
  }

  const Remarks& remarks_;
  std::string out_;
};

}  // namespace

std::string to_toml(const Value& root, const Remarks& remarks) {
  return Writer(remarks).run(root);
}

}  // namespace tocsin::alertmanager
