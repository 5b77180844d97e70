#include "plugin_host/runner/start.hpp"

#include <charconv>

namespace tocsin::plugin_host::runner {

using base::fail;
using base::Fault;

std::vector<std::string> start_arguments(const Start& start) {
  std::vector<std::string> out{start.name, std::to_string(start.agent), std::to_string(start.sandbox.memory_bytes)};
  if (start.sandbox.allowed.network) out.emplace_back("network");
  if (start.sandbox.allowed.processes) out.emplace_back("processes");
  for (const std::string& path : start.sandbox.allowed.files) out.push_back("files:" + path);
  return out;
}

base::Result<Start> parse_start(const std::vector<std::string>& arguments) {
  const auto number = [](const std::string& text, auto& out) {
    return std::from_chars(text.data(), text.data() + text.size(), out).ptr == text.data() + text.size();
  };
  Start out;
  if (arguments.size() < 3 || !number(arguments[1], out.agent) || !number(arguments[2], out.sandbox.memory_bytes)) {
    return fail(Fault::invalid, "is started by the agent, where a plugin has isolation = \"process\"; not by hand");
  }
  out.name = arguments[0];
  TRY(out.sandbox.allowed, permissions_of({arguments.begin() + 3, arguments.end()}));
  return out;
}

}  // namespace tocsin::plugin_host::runner
