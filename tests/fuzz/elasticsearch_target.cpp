// links: elasticsearch_objects
// libFuzzer target for the answers of Elasticsearch and OpenSearch: the first bytes choose what was asked. Reading
// ends, rows are finite, within the limit of buckets and can be told apart, and a refusal says why.
#include <cmath>
#include <set>

#include "answer.hpp"
#include "failure.hpp"
#include "mapping.hpp"
#include "positions.hpp"
#include "target.hpp"
#include "tocsin/config.hpp"

using namespace tocsin_plugins::elasticsearch;
using fuzz::require;

namespace {

Question asked(fuzz::Input& input) {
  Question out;
  out.index = "logs-*";
  out.over = std::chrono::minutes(5);
  const auto shape = input.byte();
  out.metric.kind = static_cast<Metric::Kind>(input.below(8));
  out.metric.labelled = (shape & 1) != 0;
  if (out.metric.kind != Metric::Kind::count) out.metric.field = "ms";
  if (shape & 2) out.group_by.push_back({"service", "service"});
  if (shape & 4) out.group_by.push_back({"host.name", "host"});
  if (shape & 8) out.bucket = std::chrono::minutes(1);
  if (shape & 16) out.aggs = "{}";
  out.refuse_others = (shape & 32) != 0;
  return out;
}

/// What `read` refuses has a text that the ABI can carry to a person.
template <class Read>
void refused_well(const Read& read) {
  try {
    read();
  } catch (const tsn::Failure& failure) {
    require(!failure.status().is_ok() && !failure.status().text().empty(), "a refusal says why");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const auto question = asked(input);
  Limits limits;
  limits.max_buckets = 50;
  const fuzz::Exact body(input.rest());
  refused_well([&] {
    const auto answer = read_answer(body.view(), question, limits);
    std::set<std::pair<std::int64_t, Labels>> seen;
    for (const auto& row : answer.rows) {
      require(row.summary || std::isfinite(row.value), "a row has a value");
      require(seen.emplace(row.bucket, row.labels).second, "rows can be told apart");
    }
    if (question.aggs.empty() && question.metric.kind != Metric::Kind::percentiles)
      require(answer.rows.size() <= 50, "there are no more rows than buckets");
    require(!question.refuse_others || answer.others == 0, "others are refused");
  });
  refused_well([&] {
    for (const auto& finding : findings(body.view(), question)) require(!finding.text.empty(), "a finding has a text");
  });
  tocsin_plugins::HttpAnswer answer;
  answer.status = 400;
  answer.body = body.view();
  const auto status = failure_of(answer, {"http://es", "logs-*", "{\"query\":{\"match_all\":{}}}"}, 0);
  require(!status.is_ok() && status.text().starts_with("http://es"), "a failure says who failed");
  require(status.text().find_first_of("\r\n") == std::string::npos, "a failure is one line");
  if (const auto read = read_positions(body.view())) require(read_positions(written(*read)) == read, "positions stay");
  return 0;
}
