// links: tocsin_storage
// libFuzzer target for the JSON in which the store keeps what has no columns. The first byte chooses what it is; what
// is read is written and reads the same.
#include "storage/json.hpp"
#include "target.hpp"

using namespace tocsin;

namespace {

template <class Read>
void same_again(std::string_view text, Read read) {
  const auto value = read(text);
  if (!value) return fuzz::require(value.error().fault() == base::Fault::corrupt, "what cannot be read is corrupt");
  const std::string written = storage::json::of(*value);
  const auto again = read(written);
  fuzz::require(again && storage::json::of(*again) == written, "what is written reads as the same");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::uint32_t kind = input.below(8);
  const fuzz::Exact exact(input.rest());
  const std::string_view text = exact.view();
  using namespace storage::json;
  constexpr void (*readers[])(std::string_view) = {
      [](std::string_view t) { same_again(t, labels); },   [](std::string_view t) { same_again(t, texts); },
      [](std::string_view t) { same_again(t, links); },    [](std::string_view t) { same_again(t, alert); },
      [](std::string_view t) { same_again(t, incident); }, [](std::string_view t) { same_again(t, delivery); },
      [](std::string_view t) { same_again(t, group); },    [](std::string_view t) { same_again(t, ladder); }};
  readers[kind](text);
  return 0;
}
