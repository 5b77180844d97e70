// Writes 64 bytes behind the end of each of the host's buffers.
#include <cstring>

#include "outputs.hpp"

namespace {

// volatile: the compiler must not see how long the struct is.
template <class Struct>
void overrun(Struct* out) {
  auto* volatile end = reinterpret_cast<unsigned char*>(out) + sizeof(Struct);
  std::memset(end, 'x', 64);
}

struct Lie {
  ZOO_NAMES(overruns_buffers, "Writes behind the end of the host's buffers");
  static constexpr auto tracker_id = "overruns_buffers_tracker";
  static void err(tsn_err* out) { overrun(out); }
  static void delivered(tsn_delivered* out) { overrun(out); }
  static void ticket(tsn_ticket* out) { overrun(out); }
  static void verdicts(tsn_verdicts* out, std::uint32_t) {
    auto* volatile end = out->text + out->text_cap;
    std::memset(end, 'x', 64);
  }
};

}  // namespace

ZOO_OUTPUTS(Lie)
