// A main file and its conf.d as one tree.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "config/document.hpp"

namespace tocsin::config {
namespace {

namespace fs = std::filesystem;
using base::Value;

bool is_array_of_tables(const Value& value) {
  const Value::Array* items = value.array();
  return items && !items->empty() && std::ranges::all_of(*items, [](const Value& item) { return item.table(); });
}

/// Puts the members of `from` into `into`. `path` is what messages call the table: "source.auth".
void merge(Value& into, Value from, const std::string& path, Diagnostics& diagnostics) {
  for (Value::Member& member : *from.table()) {
    const std::string name = path.empty() ? member.key : path + "." + member.key;
    auto there = std::ranges::find(*into.table(), member.key, &Value::Member::key);
    if (there == into.table()->end()) {
      into.table()->push_back(std::move(member));
    } else if (there->value.table() && member.value.table()) {
      merge(there->value, std::move(member.value), name, diagnostics);
    } else if (is_array_of_tables(there->value) && is_array_of_tables(member.value)) {
      std::ranges::move(*member.value.array(), std::back_inserter(*there->value.array()));
    } else {
      error_at(diagnostics, member.key_place,
               name + " is given twice; it stands at " + there->key_place.text() + " already: keep one of the two");
    }
  }
}

/// `conf.d/*.toml` beside the main file, by name. Symlinks to files count: mounted ConfigMaps are made of them.
std::vector<std::string> conf_d(const std::string& main_file) {
  std::vector<std::string> files;
  std::error_code ignored;  // no directory, or not one we may read: there is nothing beside the file
  const fs::path directory = fs::path(main_file).parent_path() / "conf.d";
  for (fs::directory_iterator it(directory, fs::directory_options::skip_permission_denied, ignored), end; it != end;
       it.increment(ignored)) {
    const std::string name = it->path().filename().string();
    if (name.starts_with('.') || it->path().extension() != ".toml" || fs::is_directory(it->path(), ignored)) continue;
    files.push_back(it->path().string());
  }
  std::ranges::sort(files);
  return files;
}

base::Place start_of(const std::string& file) {
  return {std::make_shared<const std::string>(file), 0, 0};
}

class Reader {
 public:
  Reader(const Environment& environment, std::map<std::string, std::string>& last_good, Tree& tree)
      : environment_(environment), last_good_(last_good), tree_(tree) {}

  bool main(const std::string& file) {
    auto root = read(file, tree_.diagnostics);
    if (!root) return false;
    tree_.root = std::move(*root);
    return !has_errors(tree_.diagnostics);
  }

  void beside(const std::string& file, bool hold) {
    Diagnostics found;
    base::Result<Value> value = hold ? base::fail(base::Fault::invalid, "held") : read(file, found);
    if ((!value || has_errors(found)) && last_good_.contains(file)) value = keep(file, found);
    std::ranges::move(found, std::back_inserter(tree_.diagnostics));
    if (value) merge(tree_.root, std::move(*value), "", tree_.diagnostics);
  }

 private:
  /// What the file holds, also where variables of it are missing: the rest is still worth checking.
  base::Result<Value> read(const std::string& file, Diagnostics& diagnostics) {
    auto text = read_text(file);
    if (!text) {
      error_at(diagnostics, start_of(file), text.error().message());
      return base::fail(text.error());
    }
    TRY(Value root, parse_toml(*text, file, environment_, diagnostics));
    if (!has_errors(diagnostics)) last_good_[file] = std::move(*text);
    return root;
  }

  /// The file as it last was; what is wrong with it now is only a warning then.
  base::Result<Value> keep(const std::string& file, Diagnostics& found) {
    for (Diagnostic& d : found) {
      if (d.level == Diagnostic::Level::error) d.message += " (this file keeps its last good content)";
      d.level = Diagnostic::Level::warning;
    }
    Diagnostics unimportant;  // it was good once; a variable that is gone meanwhile shows in the merged tree
    return parse_toml(last_good_.at(file), file, environment_, unimportant);
  }

  const Environment& environment_;
  std::map<std::string, std::string>& last_good_;
  Tree& tree_;
};

}  // namespace

base::Result<std::string> read_text(const std::string& file) {
  constexpr std::uintmax_t limit = 8u << 20;
  std::error_code problem;
  if (fs::is_directory(file, problem)) return base::fail(base::Fault::invalid, "is a directory, not a file");
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  if (!in)
    return base::fail(base::Fault::not_found, std::string("cannot be read: ") + std::strerror(errno ? errno : EIO));
  std::string text;
  char block[64 * 1024];
  while (in.read(block, sizeof block) || in.gcount() > 0) {
    text.append(block, static_cast<std::size_t>(in.gcount()));
    if (text.size() > limit)
      return base::fail(base::Fault::exhausted, "larger than 8 MiB; a configuration file is not");
  }
  if (in.bad()) return base::fail(base::Fault::unavailable, "cannot be read to its end");
  return text;
}

Tree read_tree(const std::string& main_file, const Environment& environment,
               std::map<std::string, std::string>& last_good, const std::set<std::string>& hold) {
  Tree tree;
  Reader reader(environment, last_good, tree);
  tree.root = Value(Value::Table());
  tree.files.push_back(main_file);
  const bool usable = reader.main(main_file);
  for (const std::string& file : conf_d(main_file)) {
    tree.files.push_back(file);
    reader.beside(file, hold.contains(file) && usable);
  }
  return tree;
}

}  // namespace tocsin::config
