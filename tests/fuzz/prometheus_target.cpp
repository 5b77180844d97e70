// links: prometheus_objects
// libFuzzer target for answers of Prometheus' API: the first byte chooses what is read and how many samples are taken.
// An answer is read or refused with a reason, and its series are pieces of its samples.
#include "answer.hpp"
#include "positions.hpp"
#include "target.hpp"

using namespace tocsin_plugins::prometheus;
using fuzz::require;

namespace {

void check(const Answer& answer, std::size_t most) {
  require(answer.samples.size() <= most, "no more samples than are taken");
  std::size_t next = 0;
  for (const auto& series : answer.series) {
    require(series.count > 0 && series.first == next, "each sample is of one series");
    next += series.count;
    for (const auto& [name, value] : series.labels) require(name != "__name__", "the name is no label");
  }
  require(next == answer.samples.size(), "each series has its samples");
  for (const auto& sample : answer.samples) require(sample.at >= 0, "a time is since 1970");
  const bool instant = answer.type == Answer::Type::vector || answer.type == Answer::Type::scalar;
  for (const auto& series : answer.series) require(!instant || series.count == 1, "an instant has one sample");
  require(!answer.failed || answer.series.empty(), "a failure has no results");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const auto choice = input.below(8);
  if (choice == 7) {
    const fuzz::Exact block(input.rest());
    if (const auto positions = read_positions(block.view()))
      require(read_positions(written(*positions)) == positions, "what is written reads the same");
    return 0;
  }
  const std::string body(input.rest());
  require(read_version(body).size() <= 64, "a version is short");
  const std::size_t most = choice == 0 ? 2 : 1000;
  Answer answer;
  bool too_many = false;
  const auto why = read_answer(body, most, answer, too_many);
  require(!too_many || !why.empty(), "too many is a reason");
  if (why.empty()) check(answer, most);
  return 0;
}
