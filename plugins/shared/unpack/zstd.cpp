#include <zstd.h>

#include <memory>

#include "unpack/growing.hpp"

namespace tocsin_plugins {
namespace {

constexpr int most_window_log = 23;  // 8 MiB

struct Free {
  void operator()(ZSTD_DCtx* context) const noexcept { ZSTD_freeDCtx(context); }
};

}  // namespace

Unpacked unpack_zstd(std::string_view packed, Growing& out) {
  const std::unique_ptr<ZSTD_DCtx, Free> context(ZSTD_createDCtx());
  if (!context || ZSTD_isError(ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, most_window_log)))
    return Unpacked::broken;
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  for (bool ended = packed.empty(); !ended;) {
    const auto room = out.room();
    ZSTD_outBuffer to{room.data(), room.size(), 0};
    const auto before = in.pos;
    const auto wanted = ZSTD_decompressStream(context.get(), &to, &in);
    if (ZSTD_isError(wanted)) return Unpacked::broken;
    out.filled(to.pos);
    if (out.too_long()) return Unpacked::too_long;
    ended = wanted == 0 && in.pos == in.size;  // wanted 0: a frame ended here
    const bool stuck = to.pos == 0 && in.pos == before;
    if (wanted != 0 && ((in.pos == in.size && to.pos < to.size) || stuck)) return Unpacked::broken;
  }
  return packed.empty() ? Unpacked::broken : Unpacked::whole;
}

}  // namespace tocsin_plugins
