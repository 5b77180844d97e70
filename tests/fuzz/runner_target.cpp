// links: tocsin_plugin_host
// libFuzzer target for the wire between agent and runner: what a hostile plugin may write into the memory it shares.
// The first byte chooses: the pipe itself with positions of its own, a message of any kind, an answer.
#include <climits>
#include <cstddef>

#include "base/text.hpp"
#include "plugin_host/runner/evaluation.hpp"
#include "plugin_host/runner/remote_instance.hpp"
#include "target.hpp"

using namespace tocsin;
using namespace tocsin::plugin_host;
using namespace tocsin::plugin_host::runner;
using fuzz::require;

namespace {

class NullPort final : public Port {
 public:
  const base::Clock& clock() const override { return clock_; }
  model::SeriesTable& series() override { return series_; }
  base::Result<Taken> take(std::shared_ptr<model::SignalBatch> batch) override {
    return Taken{static_cast<std::uint32_t>(batch->rows()), batch->first_seq};
  }
  void rejected(model::RejectedSignal) override {}
  void log(const std::string&, int level, std::string_view text) override {
    require(level >= 0 && level <= 3 && text.size() <= 4096, "a line of a runner has a level and an end");
  }
  void metric(const std::string&, tsn_metric_kind, const std::string&, const model::Labels&, double) override {}
  base::Result<std::optional<std::string>> kv_get(const std::string&, const std::string& key) override {
    require(!key.empty() && key.size() <= 256, "a key has 1 to 256 bytes");
    return std::nullopt;
  }
  base::Result<void> kv_put(const std::string&, const std::string& key, std::string value) override {
    require(!key.empty() && key.size() <= 256 && value.size() <= 64 * 1024, "an entry has a bounded size");
    return {};
  }
  base::Result<void> exchange(const std::string&, model::Exchange exchange) override {
    for (const std::string* text : {&exchange.request, &exchange.response, &exchange.target, &exchange.error}) {
      require(text->size() <= 16 * 1024 && base::valid_utf8(*text), "what is kept of a call is text of bounded size");
    }
    return {};
  }
  runtime::Reactor& reactor() override { return reactor_; }
  runtime::Executor& pool() override { return now_; }

 private:
  struct Now final : runtime::Executor {
    void post(runtime::Task task) override { task(); }
  };
  base::SystemClock clock_;
  model::SeriesTable series_;
  runtime::Reactor reactor_{"reactor"};
  Now now_;
};

/// The agent's side of a runner that does not exist. Nothing here is started or ended.
struct World {
  NullPort port;
  std::shared_ptr<Process> process;
  std::shared_ptr<RemoteInstance> instance;
  World() {
    auto region = SharedRegion::make();
    require(region.has_value(), "there is memory to share");
    // No process has this number, and no descriptor is -1: ending it does nothing.
    process = std::make_shared<Process>(std::move(*region), -1, INT_MAX, -1, port.reactor());
    RemoteInstance::Parts parts;
    parts.settings.name = "source.fuzz";
    parts.type.id = "fuzz";
    parts.settings.max_series = 16;
    parts.port = &port;
    parts.poisoned = [](const Poison&) {};
    instance = std::make_shared<RemoteInstance>(std::move(parts));
  }
};

void pipe_bytes_of_its_own(fuzz::Input& input) {
  static Region region;
  const auto written = input.take<std::uint32_t>();
  const auto taken = input.take<std::uint16_t>();
  region.up.written = taken + (input.byte() < 250 ? written % 65536 : std::uint64_t{written} << 16);
  region.up.taken = taken;
  const std::string_view bytes = input.rest();
  for (std::size_t i = 0; i < bytes.size() && i < pipe_bytes; ++i) region.up_data[(taken + i) % pipe_bytes] = bytes[i];
  Link link(Link::Side::agent, region);
  link.close();  // what is there is read, nothing is waited for
  Frame frame;
  Link::Content content;
  for (int i = 0; i < 64 && link.next(frame, content); ++i)
    require(content.bytes == frame.bytes && frame.bytes <= max_frame_bytes, "a frame has the content it says");
}

void message(World& world, fuzz::Input& input) {
  Frame frame;
  frame.kind = static_cast<std::uint16_t>(static_cast<unsigned>(Kind::answer) + input.below(16));
  frame.slot = input.byte() % (slot_count + 2);
  frame.id = input.byte();
  const std::string_view rest = input.rest();
  Link::Content content;
  content.words.resize((rest.size() + 7) / 8 + 1);
  std::memcpy(content.words.data(), rest.data(), rest.size());
  content.bytes = rest.size();
  frame.bytes = static_cast<std::uint32_t>(rest.size());
  world.instance->receive(*world.process, frame, content.view());
}

void answer(fuzz::Input& input) {
  const auto shape = input.below(4);
  Reader in(input.rest());
  if (shape == 0) {
    base::Value value;
    in(value);
    if (!in.good()) return;
    Writer again;
    again(value);
    base::Value copy;
    Reader(again.bytes)(copy);
    require(base::to_json(copy) == base::to_json(value), "a value that was read is written as it was");
  } else if (shape == 1) {
    if (!read_outcome(in)) return;
    std::vector<ScriptRule> rules;
    in(rules);
  } else if (shape == 2) {
    Instance::Response response;
    in(response);
  } else {
    constexpr std::uint32_t rows = 8;
    tsn_verdict items[rows]{};
    char text[64];
    tsn_verdicts verdicts{sizeof verdicts, sizeof(tsn_verdict), items, text, sizeof text, 16};
    if (!read_verdicts(in, 2, 4, verdicts)) return;
    require(verdicts.text_used <= sizeof text, "messages stay within their room");
    for (const tsn_verdict& one : items) {
      require(one.state <= TSN_VERDICT_AGAIN && one.severity <= TSN_SEV_CRITICAL, "a verdict is one that there is");
      require(one.message_n == 0 || one.message_at + one.message_n <= verdicts.text_used, "a message lies in the text");
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static auto& world = *new World;
  fuzz::Input input(data, size);
  switch (input.below(3)) {
    case 0:
      pipe_bytes_of_its_own(input);
      break;
    case 1:
      message(world, input);
      break;
    default:
      answer(input);
  }
  return 0;
}
