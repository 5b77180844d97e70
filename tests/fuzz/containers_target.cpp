// links: logtail_objects Tocsin::testing
// libFuzzer target for the logs of containers: the first bytes choose format, joining and where the agent is killed,
// the rest is a file. Promises: reading on after a kill makes the records that reading once makes; fields are found as
// they stand. Another choice: conditions and labels on records of JSON and logfmt.
#include <algorithm>
#include <vector>

#include "log_fields/json_fields.hpp"
#include "log_fields/logfmt_fields.hpp"
#include "record_joiner.hpp"
#include "target.hpp"
#include "tocsin/testing/fake_host.hpp"
#include "utf8/utf8.hpp"

using namespace tocsin_plugins;
using namespace tocsin_plugins::logtail;
using fuzz::require;

namespace {

constexpr const char* joinings[] = {
    R"json({})json",
    R"json({"multiline": {"preset": "java"}})json",
    R"json({"multiline": {"preset": "python", "max_lines": 3}})json",
    R"json({"multiline": {"preset": "go"}})json",
    R"json({"multiline": {"start": "^[0-9]", "max_bytes": 64}})json",
    R"json({"multiline": {"continue": "^ "}})json",
};

/// Keeps what it takes; refuses now and then.
class Records final : public LineSink {
 public:
  bool take(const Line& line) override {
    if (refuse_every && ++calls_ % refuse_every == 0) return false;
    texts.push_back(std::string(line.stream) + "|" + std::string(line.text));
    return true;
  }
  std::vector<std::string> texts;
  unsigned refuse_every = 0;

 private:
  unsigned calls_ = 0;
};

constexpr FileId file{1, 2};

/// Feeds the lines from `from` on, each until it is taken. Lines count as their own offsets.
void feed(RecordJoiner& joiner, const std::vector<std::string_view>& lines, std::size_t from, std::size_t to,
          const Taken& taken) {
  static const std::string name = "/var/log/pods/a_b_c/d/0.log";
  std::optional<tsn::Time> last_time;
  for (auto i = from; i < to; ++i) {
    const fuzz::Exact text(lines[i]);
    const Line line{text.view(), name, i + 1, i + 1, last_time, {}, {}, nullptr};
    while (!joiner.take(line, file, taken, i)) continue;
  }
}

void finish(RecordJoiner& joiner) {
  std::optional<tsn::Time> last_time;
  while (!joiner.flush(true, "x", last_time)) continue;
  require(joiner.empty(), "nothing is held at the end");
}

void containers(fuzz::Input& input) {
  constexpr Format formats[] = {Format::automatic, Format::cri, Format::docker, Format::plain};
  const auto format = formats[input.below(4)];
  auto options = tsn::testing::from_json(joinings[input.below(std::size(joinings))]);
  const Multiline multiline(tsn::Config(options.view()).table("multiline"));
  const std::size_t max_line = 64 + input.byte();
  const std::size_t killed = input.byte();
  const unsigned refuse_every = input.below(4) ? 0 : 2;
  std::vector<std::string_view> lines;
  while (input.left() > 0) lines.push_back(input.line());

  Records once;
  {
    JoinShared shared(once);
    shared.format = format;
    shared.max_line = max_line;
    RecordJoiner joiner(shared, multiline);
    feed(joiner, lines, 0, lines.size(), {});
    finish(joiner);
  }
  Records twice;
  twice.refuse_every = refuse_every;
  const auto until = std::min(killed, lines.size());
  std::size_t from = until;
  Taken taken{until + 1, until + 1};
  {
    JoinShared shared(twice);
    shared.format = format;
    shared.max_line = max_line;
    RecordJoiner joiner(shared, multiline);
    feed(joiner, lines, 0, until, {});
    for (std::size_t stream = 0; stream < taken.size(); ++stream) {
      const auto* held = joiner.held(file, stream);
      if (!held) continue;
      require(held->offset == held->lines + 1 && held->offset <= until, "what is held is a line that was read");
      taken[stream] = held->offset;
      from = std::min<std::size_t>(from, held->offset - 1);
    }
  }
  {
    JoinShared shared(twice);
    shared.format = format;
    shared.max_line = max_line;
    RecordJoiner joiner(shared, multiline);
    feed(joiner, lines, from, lines.size(), taken);
    finish(joiner);
  }
  for (const auto& text : once.texts) require(text.size() <= (256 << 10) + max_line + 8, "a record is bounded");
  std::sort(once.texts.begin(), once.texts.end());
  std::sort(twice.texts.begin(), twice.texts.end());
  require(once.texts == twice.texts, "a restart makes the same records");
}

void fields(fuzz::Input& input) {
  using namespace log_match;
  std::string scratch;
  const std::string name(utf8::clean(input.line().substr(0, 64), scratch));
  const std::string wanted(utf8::clean(input.line().substr(0, 64), scratch));
  auto value = tsn::Value::table({{"v", wanted}});
  std::optional<Condition> condition;
  std::optional<FieldText> label;
  try {
    condition.emplace(name, tsn::Config(value.view())["v"], "where");
  } catch (const tsn::Failure&) {
  }
  try {
    label.emplace(wanted, "labels");
  } catch (const tsn::Failure&) {
  }
  JsonFields json;
  LogfmtFields logfmt;
  while (input.left() > 0) {
    const std::string clean(utf8::clean(input.line(), scratch));
    const fuzz::Exact line(clean);
    const bool good[] = {json.parse(line.view()), logfmt.parse(line.view())};
    Fields* all[] = {&json, &logfmt};
    for (int i = 0; i < 2; ++i) {
      FieldValue found;
      const bool there = all[i]->find({name}, found);
      require(good[i] || !there, "what is no record has no fields");
      if (there) {
        std::string copy(found.text), other;
        require(found.number || utf8::clean(copy, other).size() >= copy.size(), "a field is UTF-8");
      }
      if (condition) static_cast<void>(condition->holds(*all[i]));
      if (!label) continue;
      std::string text = "before";
      label->append(*all[i], text, 100);
      require(text.starts_with("before") && text.size() <= 106, "a label is bounded");
      require(utf8::clean(text, scratch).data() == text.data(), "a label is UTF-8 without NUL");
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  if (input.below(4) == 3)
    fields(input);
  else
    containers(input);
  return 0;
}
