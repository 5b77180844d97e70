#include "alertmanager/import.hpp"

#include "alertmanager/document.hpp"
#include "alertmanager/toml.hpp"
#include "alertmanager/translation.hpp"
#include "alertmanager/words.hpp"

namespace tocsin::alertmanager {
namespace {

using base::Value;

class Files final : public Secrets {
 public:
  explicit Files(std::map<std::string, std::string>& files) : files_(files) {}
  std::string whole(const std::string& name, const std::string& value) override { return "file:" + keep(name, value); }
  std::string inside(const std::string& name, const std::string& value) override {
    return "${file:" + keep(name, value) + "}";
  }

 private:
  std::string keep(const std::string& name, const std::string& value) {
    std::string file = "secrets/" + name;
    for (int i = 2; files_.contains(file) && files_[file] != value; ++i)
      file = "secrets/" + name + "-" + std::to_string(i);
    files_[file] = value;
    return file;
  }
  std::map<std::string, std::string>& files_;
};

Value section(std::initializer_list<std::pair<const char*, Value>> members) {
  Value table{Value::Table()};
  for (const auto& [key, value] : members) put(table, key, value, {});
  return table;
}

/// What Alertmanager is by itself: its API, and no rules.
Value with_own_sections(Value translated) {
  Value root{Value::Table()};
  Value source{Value::Table()};
  put(source, "alertmanager", Value(Value::Table()), {});
  put(root, "source", std::move(source), {});
  put(root, "rules", section({{"pack", "none"}}), {});
  for (Value::Member& member : *translated.table()) root.table()->push_back(std::move(member));
  return root;
}

}  // namespace

Imported import_document(std::string_view text, const std::string& file_name) {
  Imported out;
  const Value document = read_document(text, file_name, out.diagnostics);
  if (config::has_errors(out.diagnostics)) return out;
  Files secrets(out.secrets);
  Translation translation = translate(document, secrets, true);
  for (auto& finding : translation.diagnostics) out.diagnostics.push_back(std::move(finding));
  auto& remarks = translation.remarks;
  remarks[""].insert(remarks[""].begin(),
                     "Made by `tocsin import` of " + file_name + ". `tocsin check` finds what is still missing.");
  remarks["source.alertmanager"] = {"Prometheus sends its alerts here: /api/v2 of the agent's own port, [http] listen"};
  remarks["rules"] = {"The shipped rules are off, as there were none; pack = \"default\" turns them on"};
  remarks["severity"] = {
      "Matchers compare the label severity as it was sent; [severity] map says what it means for incidents"};
  remarks["route"].insert(remarks["route"].begin(),
                          "tier = false: who has no receiver is told of nothing; without it, severities decide whom");
  if (!out.secrets.empty())
    remarks[""].push_back("Secrets were taken out into files under secrets/ beside this file: " +
                          std::to_string(out.secrets.size()));
  out.toml = to_toml(with_own_sections(std::move(translation.root)), remarks);
  return out;
}

}  // namespace tocsin::alertmanager
