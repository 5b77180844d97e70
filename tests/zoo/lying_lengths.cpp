// Says that it wrote more than the host's buffers hold; writes nothing outside of them.
#include "outputs.hpp"

namespace {

struct Lie {
  ZOO_NAMES(lying_lengths, "Says that it wrote more than the buffer holds");
  static constexpr auto tracker_id = "lying_lengths_tracker";
  static void err(tsn_err* out) { out->n = 1'000'000; }
  static void delivered(tsn_delivered* out) { out->id_n = 1'000'000; }
  static void ticket(tsn_ticket* out) { out->key_n = out->url_n = out->status_n = 1'000'000; }
  static void verdicts(tsn_verdicts* out, std::uint32_t rows) {
    out->text_used = ~std::uint32_t{0};
    for (std::uint32_t row = 0; row < rows; ++row) {
      auto& item = *reinterpret_cast<tsn_verdict*>(reinterpret_cast<unsigned char*>(out->items) +
                                                   std::size_t{row} * out->stride);
      item.state = TSN_VERDICT_FIRING;
      item.message_at = row % 2 ? 4 : ~std::uint32_t{0} - 2;
      item.message_n = 1'000'000;
    }
  }
};

}  // namespace

ZOO_OUTPUTS(Lie)
