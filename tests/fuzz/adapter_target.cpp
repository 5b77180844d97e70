// links: tocsin_phone Tocsin::testing
// libFuzzer target for what a provider says to a Lua adapter: JSON and forms become tables and texts again, whatever
// came.
#include "phone/lua_adapter.hpp"
#include "target.hpp"
#include "tocsin/testing/fake_host.hpp"

struct AdapterStage {
  static constexpr auto id = "stage", version = "1.0.0", doc = "Of the fuzz target";
  tsn::Context ctx;
  static inline const tsn::Context* last = nullptr;
  AdapterStage() { last = &ctx; }
  tsn::Status deliver(const tsn::Message&) { return tsn::ok; }
};
TOCSIN_PLUGIN(AdapterStage)

namespace {

constexpr auto script = R"(
function send(message)
  local body = message.body or ''  -- an empty one is not there
  local fields = form.decode(body)
  local again = form.decode(form.encode(fields))
  for name, value in pairs(fields) do assert(again[name] == value, name) end
  local read, value = pcall(json.decode, body)
  if read then
    local text = json.encode(value)
    assert(json.encode(json.decode(text)) == text)
  end
  return #body
end
)";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::Exact text({reinterpret_cast<const char*>(data), size});
  tsn::testing::FakeHost host;
  const auto stage = host.create();
  tocsin_plugins::HttpClient client{{}};
  tocsin_plugins::LuaAdapter adapter(*AdapterStage::last, client, {"adapter.lua", script, {}}, false);
  std::string id;
  const auto status = adapter.send({{"body", std::string(text.view())}}, {}, id);
  const bool spent = status.text().find("budget") != std::string::npos;
  fuzz::require(spent || (status && id == std::to_string(size)), "what was read is written again");
  return 0;
}
