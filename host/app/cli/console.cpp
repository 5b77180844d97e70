#include "app/cli/console.hpp"

#include <pwd.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "api/client.hpp"
#include "base/text.hpp"

namespace tocsin::app {
namespace {

constexpr base::Duration patience = std::chrono::seconds(30);

// Width on a terminal: code points, which is right for everything we print but wide East Asian text.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string problem_text(const std::string& body, unsigned status) {
  const auto problem = nlohmann::json::parse(body, nullptr, false);
  if (problem.is_object()) {
    const std::string detail = problem.value("detail", "");
    return detail.empty() ? problem.value("title", body) : detail;
  }
  return "the agent answered " + std::to_string(status) + (body.empty() ? "" : ": " + body.substr(0, 200));
}

}  // namespace

std::string need(std::string given, std::string_view command, std::string_view what) {
  if (!given.empty()) return given;
  const std::string name(what);
  if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
    end_with(exit_usage, std::string(command) + ": " + name + " is missing (`tocsin " + std::string(command) +
                             " --help` shows the form)");
  }
  // Signals are blocked in this program; whoever is asked may leave with Ctrl-C all the same.
  sigset_t interrupt;
  sigemptyset(&interrupt);
  sigaddset(&interrupt, SIGINT);
  pthread_sigmask(SIG_UNBLOCK, &interrupt, nullptr);
  std::cerr << name << ": " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  pthread_sigmask(SIG_BLOCK, &interrupt, nullptr);
  answer = std::string(base::trim(answer));
  if (answer.empty()) end_with(exit_usage, std::string(command) + ": " + name + " is missing");
  return answer;
}

std::string read_input(const std::string& file) {
  std::ostringstream text;
  if (file == "-") {
    text << std::cin.rdbuf();
  } else {
    std::ifstream in(file, std::ios::binary);
    if (!in) end_with(exit_usage, "cannot read " + file);
    text << in.rdbuf();
  }
  return text.str();
}

void end_with(int code, std::string message) {
  throw CommandEnd{code, std::move(message)};
}

std::string Console::token() const {
  if (!token_file.empty()) {
    std::ifstream file(token_file);
    std::string token;
    if (!std::getline(file, token)) end_with(exit_usage, "cannot read a token from " + token_file);
    return token;
  }
  const char* variable = std::getenv("TOCSIN_TOKEN");
  return variable ? variable : "";
}

std::string Console::raw(std::string_view method, const std::string& target, std::string_view body) const {
  auto answer = api::call(url, method, target, body, token(), patience);
  if (!answer) end_with(exit_unreachable, answer.error().message());
  if (answer->status >= 400) end_with(exit_no, problem_text(answer->body, answer->status));
  return std::move(answer->body);
}

nlohmann::json Console::upload(const std::string& target, std::string_view content) const {
  auto answer = api::call(url, "POST", target, content, token(), patience, "application/octet-stream");
  if (!answer) end_with(exit_unreachable, answer.error().message());
  if (answer->status >= 400) end_with(exit_no, problem_text(answer->body, answer->status));
  return nlohmann::json::parse(answer->body, nullptr, false);
}

nlohmann::json Console::get(const std::string& target) const {
  return send("GET", target, nullptr);
}

nlohmann::json Console::send(std::string_view method, const std::string& target, const nlohmann::json& body) const {
  const std::string text = raw(method, target, body.is_null() ? std::string() : body.dump());
  if (text.empty()) return nullptr;
  auto parsed = nlohmann::json::parse(text, nullptr, false);
  if (parsed.is_discarded()) end_with(exit_no, url + " did not answer with JSON; is it a Tocsin agent?");
  return parsed;
}

base::Result<nlohmann::json> Console::try_send(std::string_view method, const std::string& target,
                                               const nlohmann::json& body) const {
  auto answer = api::call(url, method, target, body.is_null() ? std::string() : body.dump(), token(), patience);
  if (!answer) end_with(exit_unreachable, answer.error().message());
  if (answer->status >= 400) return base::fail(base::Fault::invalid, problem_text(answer->body, answer->status));
  auto parsed = nlohmann::json::parse(answer->body, nullptr, false);
  if (parsed.is_discarded()) end_with(exit_no, url + " did not answer with JSON; is it a Tocsin agent?");
  return parsed;
}

nlohmann::json Console::get_all(const std::string& target, std::size_t most) const {
  nlohmann::json items = nlohmann::json::array();
  std::string after;
  do {
    const std::string more = after.empty() ? "" : "&after=" + encode(after);
    auto page = get(target + (target.find('?') == target.npos ? "?" : "&") +
                    "limit=" + std::to_string(std::min<std::size_t>(most, 1000)) + more);
    for (auto& item : page["items"]) items.push_back(std::move(item));
    after = page.value("next", nlohmann::json()).is_string() ? page["next"].get<std::string>() : "";
  } while (!after.empty() && items.size() < most);
  return items;
}

void print_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()), 0);
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(widths[i] - width(row[i]) + 2, ' ');
    }
    std::cout << line << '\n';
  }
}

std::string cell(const nlohmann::json& object, std::string_view key) {
  const auto it = object.find(std::string(key));
  if (it == object.end() || it->is_null()) return "-";
  if (it->is_string()) return it->get<std::string>().empty() ? "-" : it->get<std::string>();
  if (it->is_number_float()) return base::format_number(it->get<double>());
  return it->dump();
}

std::string labels_form(const nlohmann::json& labels) {
  std::string out;
  for (const auto& [key, value] : labels.items())
    out += (out.empty() ? "" : ", ") + key + "=" + base::json_quote(value.get<std::string>());
  return out.empty() ? "-" : "{" + out + "}";
}

std::string encode(std::string_view text) {
  static constexpr char hex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) || c == '-' || c == '.' || c == '_' || c == '~') {
      out += c;
    } else {
      out += '%';
      out += hex[byte >> 4];
      out += hex[byte & 15];
    }
  }
  return out;
}

std::string incident_path(const std::string& id) {
  return "/api/v1/incidents/" + encode(id);
}

std::string ask_for(const std::string& what, const std::string& usage) {
  std::string answer;
  if (::isatty(0) && ::isatty(2)) {
    std::cerr << what << ": " << std::flush;
    std::getline(std::cin, answer);
    answer = base::trim(answer);
  }
  if (answer.empty()) end_with(exit_usage, what + " is missing: " + usage);
  return answer;
}

std::string whoami() {
  const passwd* entry = getpwuid(getuid());
  char host[256] = "localhost";
  gethostname(host, sizeof host - 1);
  return std::string(entry ? entry->pw_name : std::to_string(getuid())) + "@" + host;
}

}  // namespace tocsin::app
