// links: tocsin_unpack
// libFuzzer target for packed bodies: the first byte chooses gzip or zstd. A body is unpacked within its bound, with
// zeros behind it, or refused; what it says of itself does not matter.
#include "unpack/unpack.hpp"

#include "target.hpp"

using namespace tocsin_plugins;
using fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t most = 256 * 1024, padding = 64;
  fuzz::Input input(data, size);
  const auto coding = input.below(2) ? Coding::zstd : Coding::gzip;
  const auto body = input.rest();
  std::string out, again;
  const auto done = unpack(coding, body, most, padding, out);
  if (done != Unpacked::whole) {
    require(out.capacity() < 8 * most, "of what is refused little is held");
    return 0;
  }
  require(out.size() <= most, "the bound is kept");
  require(std::string_view(out.data() + out.size(), padding).find_first_not_of('\0') == std::string_view::npos,
          "zeros are behind it");
  require(unpack(coding, body, out.size(), padding, again) == Unpacked::whole && out == again, "the bound may be met");
  require(out.empty() || unpack(coding, body, out.size() - 1, padding, again) == Unpacked::too_long,
          "one byte too many is seen");
  return 0;
}
