// links: scrape_objects
// libFuzzer target for exposition texts: the first byte chooses the format. Reading ends, every sample has a name, its
// series is a piece of the text, and labels that are taken are whole.
#include "exposition.hpp"
#include "target.hpp"
#include "utf8/utf8.hpp"

using namespace tocsin_plugins::scrape;
using fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const auto format = input.below(2) == 0 ? Exposition::Format::text : Exposition::Format::openmetrics;
  const fuzz::Exact text(input.rest());
  const std::string_view whole = text.view();
  Exposition exposition(whole, format);
  Labels labels;
  std::size_t count = 0;
  for (Sample sample;;) {
    const Exposition::Next next = exposition.next(sample);
    if (next == Exposition::Next::error) require(exposition.error().starts_with("line "), "a mistake has a line");
    if (next != Exposition::Next::sample) return 0;
    require(++count <= whole.size(), "reading ends");
    require(!sample.name.empty() && sample.series.starts_with(sample.name), "a series begins with its name");
    require(sample.series.data() >= whole.data() &&
                sample.series.data() + sample.series.size() <= whole.data() + whole.size(),
            "a series is a piece of the text");
    if (!read_labels(sample.labels, labels)) continue;
    for (const auto& [name, value] : labels) {
      std::string scratch;
      require(!name.empty() && tocsin_plugins::utf8::clean(value, scratch).data() == value.data(), "a label is whole");
    }
  }
}
