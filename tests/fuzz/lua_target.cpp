// links: lua_objects Tocsin::testing
// libFuzzer target for rules in Lua: a script is loaded, its rules are compiled and judged, and the budgets hold: the
// fuzzer's time limit of one input is what an endless loop would meet.
#include "target.hpp"
#include "tocsin/testing/fake_host.hpp"

using namespace tsn::testing;
using fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::Exact text({reinterpret_cast<const char*>(data), size});
  FakeHost host;
  const auto lua = host.create("lua", from_json(R"({"max_instructions": 20000, "max_memory": 1048576})"));
  std::vector<FakeInstance::LoadedRule> rules;
  const Answer loaded = lua->load_script("rules.d/x.lua", text.view(), rules);
  require(loaded.status == TSN_OK || !loaded.text.empty(), "a refusal says why");
  for (const FakeInstance::LoadedRule& rule : rules) {
    RuleSample sample;
    sample.name = "r";
    sample.by = {"loader"};
    sample.script = rule.script;
    const auto program = lua->compile(sample);
    if (program->answer.status != TSN_OK) continue;
    RowSample row;
    row.cells = {1, 2.5, 1e308};
    row.labels = {{"loader", "DAILY"}};
    row.at = host.now();
    require(lua->evaluate(*program, {row, row}).size() <= 2, "a row has one verdict");
    lua->release(*program);
  }
  require(host.violations().empty(), "the contract is kept");
  return 0;
}
