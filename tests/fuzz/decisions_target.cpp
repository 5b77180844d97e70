// links: tocsin_storage
// libFuzzer target for decisions as the log ahead of the embedded store keeps them; what is read is written and reads
// the same.
#include "storage/decision_codec.hpp"
#include "storage/superseded.hpp"
#include "target.hpp"

using namespace tocsin;

namespace {

std::string written(const std::vector<model::Changes>& decisions) {
  std::vector<const model::Changes*> all;
  for (const auto& each : decisions) all.push_back(&each);
  std::string out;
  storage::encode({}, all, out);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::Exact exact({reinterpret_cast<const char*>(data), size});
  auto decisions = storage::decode_decisions(exact.view());
  if (!decisions) {
    fuzz::require(decisions.error().fault() == base::Fault::corrupt, "what cannot be read is corrupt");
    return 0;
  }
  const std::string bytes = written(*decisions);
  const auto again = storage::decode_decisions(bytes);
  fuzz::require(again && written(*again) == bytes, "what is written reads as the same");
  storage::leave_out_superseded(*decisions);
  std::vector<model::Changes> twice = *decisions;
  storage::leave_out_superseded(twice);
  fuzz::require(written(twice) == written(*decisions), "what was left out once is left out");
  return 0;
}
