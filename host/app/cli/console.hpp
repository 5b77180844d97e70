// What every command shares: where the agent is, how to ask it, how to show an answer, how to end.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace tocsin::app {

/// Exit codes of every command.
enum Exit : int { exit_done = 0, exit_no = 1, exit_usage = 2, exit_unreachable = 3 };

/// Ends a command from wherever it is; caught once, in main.
struct CommandEnd {
  int code = exit_done;
  std::string message;  ///< to standard error
};

class Console {
 public:
  std::string url;         ///< --url, TOCSIN_URL, http://127.0.0.1:7676
  std::string token_file;  ///< --token-file
  bool json = false;       ///< --json
  int exit_code = exit_done;

  /// Asks the agent. An answer that is a problem document ends the command: 1 for a refusal, 3 when it is unreachable.
  nlohmann::json get(const std::string& target) const;
  nlohmann::json send(std::string_view method, const std::string& target, const nlohmann::json& body) const;
  std::string raw(std::string_view method, const std::string& target, std::string_view body) const;
  /// The same where the command goes on after a refusal: its text is the error. Unreachable still ends it.
  base::Result<nlohmann::json> try_send(std::string_view method, const std::string& target,
                                        const nlohmann::json& body) const;
  /// The same with a body that is no JSON.
  nlohmann::json upload(const std::string& target, std::string_view content) const;
  /// Every page of a list.
  nlohmann::json get_all(const std::string& target, std::size_t most) const;

 private:
  std::string token() const;
};

/// Columns aligned by their widest cell; the first row is the heading.
void print_table(const std::vector<std::vector<std::string>>& rows);
/// A JSON member as people read it: strings bare, null as "-".
std::string cell(const nlohmann::json& object, std::string_view key);
/// Labels as a selector has them: `{a="1", b="2"}`; "-": none.
std::string labels_form(const nlohmann::json& labels);
/// Percent-encodes a query value or path segment (RFC 3986, unreserved kept).
std::string encode(std::string_view text);
/// Where the API has an incident.
std::string incident_path(const std::string& id);
/// What an argument says, or what the person at the terminal answers; off a terminal its absence ends the command
/// with 2.
std::string need(std::string given, std::string_view command, std::string_view what);
/// Everything of a file, or of standard input for "-".
std::string read_input(const std::string& file);
[[noreturn]] void end_with(int code, std::string message);
/// Asks for an argument that is missing: on a terminal; off it the command ends with 2, saying `usage`.
std::string ask_for(const std::string& what, const std::string& usage);
/// "user@host" of the person at the terminal: who acted.
std::string whoami();

}  // namespace tocsin::app
