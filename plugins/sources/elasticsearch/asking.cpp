#include "asking.hpp"

#include <algorithm>

#include "answer_json.hpp"
#include "json_text.hpp"

namespace tocsin_plugins::elasticsearch {
namespace {

using namespace std::chrono_literals;

/// "OpenSearch 2.19.6" or "Elasticsearch 8.15.0" of the answer to GET /.
std::string server_in(std::string_view body) {
  dom::parser parser;
  dom::element root;
  std::string_view number, distribution;
  if (body.empty() || nests_deep(body) || parser.parse(body.data(), body.size()).get(root) != simdjson::SUCCESS ||
      root.at_pointer("/version/number").get_string().get(number) != simdjson::SUCCESS)
    throw tsn::Failure("its answer names no version: is this Elasticsearch or OpenSearch?");
  const bool open = root.at_pointer("/version/distribution").get_string().get(distribution) == simdjson::SUCCESS &&
                    distribution == "opensearch";
  return (open ? "OpenSearch " : "Elasticsearch ") + std::string(number.substr(0, 32));
}

/// What a query comes to, in a few words.
std::string summed_up(const Answer& answer) {
  std::string text = std::to_string(answer.rows.size()) + " rows";
  if (answer.rows.size() == 1 && !answer.rows.front().summary)
    text = "1 row, " + number_text(answer.rows.front().value);
  if (answer.others > 0) text += "; " + std::to_string(answer.others) + " documents are in groups beyond max_groups";
  return text;
}

void probe_query(Servers& servers, const Settings& settings, const QuerySettings& query, tsn::Time now,
                 tsn::Deadline deadline, std::string& report) {
  const std::string who = "query \"" + query.name + "\": ";
  const auto& question = query.question;
  try {
    for (const auto& finding : fields_of(servers, question, fields_request(question, settings.limits), deadline)) {
      report += (finding.fatal ? "error: " : "warning: ") + who + finding.text + "\n";
      if (finding.fatal) return;
    }
    report += "ok: " + who + summed_up(asked_at(servers, question, settings.limits, now, deadline)) + "\n";
  } catch (const tsn::Failure& failure) {
    report += "error: " + who + failure.status().text() + "\n";
  }
}

}  // namespace

std::int64_t floor_to(std::int64_t value, std::int64_t step) {
  return value - ((value % step) + step) % step;
}

std::chrono::milliseconds server_time(tsn::Deadline deadline) {
  const auto left = std::min<std::chrono::nanoseconds>(deadline.remaining(), 1h);
  return std::max<std::chrono::milliseconds>(std::chrono::duration_cast<std::chrono::milliseconds>(left * 9 / 10), 1ms);
}

Span span_before(const Question& question, tsn::Time at) {
  const auto ms = [](std::chrono::nanoseconds duration) { return duration.count() / 1'000'000; };
  const auto end = (at - question.delay.count()) / 1'000'000;
  if (!question.has_buckets()) return {end - ms(question.over), end};
  const auto whole = floor_to(end, ms(question.bucket));
  return {whole - ms(question.bucket), whole};
}

Answer asked_at(Servers& servers, const Question& question, const Limits& limits, tsn::Time at,
                tsn::Deadline deadline) {
  std::optional<Span> span = span_before(question, at);
  if (!question.has_buckets() && question.over.count() == 0) span.reset();
  const auto request = request_for(question, limits, span, server_time(deadline));
  return read_answer(servers.ask(request, question.index, deadline), question, limits);
}

std::vector<Finding> fields_of(Servers& servers, const Question& question, const Request& request,
                               tsn::Deadline deadline) {
  try {
    return findings(servers.ask(request, question.index, deadline), question);
  } catch (const tsn::Failure& failure) {
    // An account may search and no more.
    if (failure.status().code() != 403) throw;
    return {};
  }
}

void reach(Servers& servers, tsn::Deadline deadline) {
  try {
    (void)server_in(servers.ask({"/", {}}, "", deadline));
  } catch (const tsn::Failure& failure) {
    // Who may search need not be told the version.
    if (failure.status().code() != 403) throw;
  }
}

void probe(Servers& servers, const Settings& settings, tsn::Time now, tsn::Deadline deadline, std::string& report) {
  bool any = false;
  for (std::size_t i = 0; i < servers.urls().size(); ++i) {
    const auto host = host_of(servers.urls()[i]);
    const auto share = deadline.remaining() / static_cast<std::int64_t>(servers.urls().size() - i + 1);
    try {
      const auto body = servers.ask_one(i, {"/", {}}, "", {tsn::now() + share.count()});
      report += "ok: " + host + " is " + server_in(body) + "\n";
      any = true;
    } catch (const tsn::Failure& failure) {
      // Who may search need not be told the version.
      const bool allowed = failure.status().code() != 403;
      report += (allowed ? "error: " : "warning: ") + failure.status().text() + "\n";
      any |= !allowed;
    }
  }
  if (!any) return;
  for (const auto& query : settings.queries) probe_query(servers, settings, query, now, deadline, report);
}

}  // namespace tocsin_plugins::elasticsearch
