// A Jira for the unit tests that keeps issues, answers on a loopback port, and fails on demand.
#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

class JiraStub {
  std::mutex mutex_;
  template <class F>
  auto locked(F f) {
    std::lock_guard lock(mutex_);
    return f();
  }

 public:
  struct Call {
    std::string method, path, head;
    nlohmann::json body;
    bool is(std::string_view m, std::string_view part) const { return method == m && path.find(part) != path.npos; }
  };
  struct Answer {
    int status = 200;
    nlohmann::json body;
    std::string headers;  ///< further lines, each ended by \r\n
  };

  JiraStub() {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listener_, 8) != 0) std::abort();
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~JiraStub() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    locked([&] {
      for (const int line : lines_) shutdown(line, SHUT_RDWR);
    });
    for (auto& talk : talks_) talk.join();
    for (const int line : lines_) close(line);
    close(listener_);
  }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  std::size_t issue_count() {
    return locked([&] { return issues.size(); });
  }
  std::size_t count(std::string_view method, std::string_view part) {
    return locked([&] {
      return static_cast<std::size_t>(std::ranges::count_if(calls, [&](const Call& c) { return c.is(method, part); }));
    });
  }
  Call last(std::string_view method, std::string_view part) {
    return locked([&] {
      for (auto it = calls.rbegin(); it != calls.rend(); ++it)
        if (it->is(method, part)) return *it;
      return Call{};
    });
  }

  // Set before the calls they concern.
  std::function<std::optional<Answer>(const Call&)> instead;  ///< answers in place of the stub
  int drop_creates = 0, drop_comments = 0;                    ///< done, but the line is cut instead of an answer
  int hidden_searches = 0;                                    ///< this many searches do not see the issues yet
  std::vector<nlohmann::json> issues;                         ///< {id, key, fields, comments}
  std::vector<Call> calls;

 private:
  void serve() {
    for (;;) {
      const int line = accept(listener_, nullptr, nullptr);
      if (line < 0) return;
      std::lock_guard lock(mutex_);
      lines_.push_back(line);
      talks_.emplace_back([this, line] { talk(line); });
    }
  }

  /// Keeps the line open between requests, as real servers do.
  void talk(int line) {
    while (auto call = receive(line)) {
      const auto answer = locked([&] { return act(*call); });
      if (!answer) break;
      send_answer(line, *answer);
    }
    shutdown(line, SHUT_RDWR);
  }

  static std::optional<Call> receive(int line) {
    std::string text;
    char buffer[65536];
    std::size_t need = std::string::npos, head = 0;
    while (text.size() < need) {
      const auto n = read(line, buffer, sizeof buffer);
      if (n <= 0) return std::nullopt;
      text.append(buffer, static_cast<std::size_t>(n));
      head = text.find("\r\n\r\n");
      if (head == text.npos || need != text.npos) continue;
      const auto length = text.find("Content-Length: ");
      need = head + 4 + (length < head ? std::strtoul(text.c_str() + length + 16, nullptr, 10) : 0);
    }
    const auto first = text.find(' '), second = text.find(' ', first + 1);
    return Call{text.substr(0, first), text.substr(first + 1, second - first - 1), text.substr(0, head),
                nlohmann::json::parse(text.substr(head + 4), nullptr, false)};
  }

  static void send_answer(int line, const Answer& answer) {
    const std::string body = answer.body.is_null() ? "" : answer.body.dump();
    const std::string out = "HTTP/1.1 " + std::to_string(answer.status) + " X\r\n" + answer.headers +
                            "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    (void)!write(line, out.data(), out.size());
  }

  std::optional<Answer> act(const Call& call) {
    calls.push_back(call);
    if (instead)
      if (auto answer = instead(call)) return answer;
    const auto path =
        call.path.substr(call.path.find("/rest/api/") + 11, call.path.find('?') - call.path.find("/rest/api/") - 11);
    if (path == "/issue") return create(call);
    if (path == "/search/jql" || path == "/search") return search(call);
    if (path == "/field")
      return Answer{
          200, {{{"id", "summary"}, {"name", "Summary"}}, {{"id", "customfield_10042"}, {"name", "Correlation ID"}}}};
    const auto slash = path.find('/', 7);
    for (auto& issue : issues)
      if (issue["key"] == path.substr(7, slash - 7))
        return of_issue(call, issue, slash == path.npos ? "" : path.substr(slash));
    return Answer{404,
                  {{"errorMessages", {"Issue does not exist or you do not have permission to see it."}},
                   {"errors", nlohmann::json::object()}}};
  }

  std::optional<Answer> create(const Call& call) {
    const auto number = std::to_string(issues.size() + 1);
    auto fields = call.body["fields"];
    fields["status"] = {{"name", "To Do"}, {"statusCategory", {{"key", "new"}}}};
    issues.push_back(
        {{"id", "1000" + number}, {"key", "OPS-" + number}, {"fields", fields}, {"comments", nlohmann::json::array()}});
    if (drop_creates > 0) return --drop_creates, std::nullopt;
    return Answer{201, {{"id", "1000" + number}, {"key", "OPS-" + number}}};
  }

  Answer search(const Call& call) {
    nlohmann::json found = nlohmann::json::array();
    if (hidden_searches > 0) return --hidden_searches, Answer{200, {{"issues", found}}};
    const std::string jql = call.body["jql"];
    for (const auto& issue : issues)
      for (const auto& label : issue["fields"]["labels"])
        if (jql == "project = \"OPS\" AND labels = \"" + label.get<std::string>() + "\"") found.push_back(issue);
    return {200, {{"issues", found}}};
  }

  std::optional<Answer> of_issue(const Call& call, nlohmann::json& issue, const std::string& what) {
    if (what.empty()) return Answer{200, issue};
    if (what == "/comment" && call.method == "GET") return Answer{200, {{"comments", issue["comments"]}}};
    if (what == "/comment") {
      issue["comments"].push_back(call.body);
      if (drop_comments > 0) return --drop_comments, std::nullopt;
      return Answer{201, call.body};
    }
    if (call.method == "GET") return Answer{200, {{"transitions", transitions_}}};
    for (const auto& each : transitions_)
      if (each["id"] == call.body["transition"]["id"]) issue["fields"]["status"] = each["to"];
    return Answer{204, {}};
  }

  nlohmann::json transitions_ = {
      {{"id", "21"},
       {"name", "Start work"},
       {"to", {{"name", "In Progress"}, {"statusCategory", {{"key", "indeterminate"}}}}}},
      {{"id", "31"}, {"name", "Finish"}, {"to", {{"name", "Done"}, {"statusCategory", {{"key", "done"}}}}}},
      {{"id", "41"}, {"name", "Reopen"}, {"to", {{"name", "To Do"}, {"statusCategory", {{"key", "new"}}}}}}};
  int listener_ = -1, port_ = 0;
  std::thread thread_;
  std::vector<int> lines_;  ///< closed at the end, so that no number is used twice
  std::vector<std::thread> talks_;
};
