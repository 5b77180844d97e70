#include <zlib.h>

#include "unpack/growing.hpp"

namespace tocsin_plugins {
namespace {

class Inflater {
 public:
  explicit Inflater(std::string_view packed) {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
    stream_.avail_in = static_cast<uInt>(packed.size());
    ready_ = inflateInit2(&stream_, 16 + MAX_WBITS) == Z_OK;  // 16: the gzip header, and its checksum
  }
  Inflater(const Inflater&) = delete;
  ~Inflater() {
    if (ready_) inflateEnd(&stream_);
  }
  bool ready() const noexcept { return ready_; }
  bool input_left() const noexcept { return stream_.avail_in > 0; }
  bool next_member() { return inflateReset(&stream_) == Z_OK; }
  /// What zlib answers; `used` is how much of the room is filled then.
  int run(std::span<char> room, std::size_t& used) {
    stream_.next_out = reinterpret_cast<Bytef*>(room.data());
    stream_.avail_out = static_cast<uInt>(room.size());
    const int done = ::inflate(&stream_, Z_NO_FLUSH);
    used = room.size() - stream_.avail_out;
    return done;
  }

 private:
  z_stream stream_{};
  bool ready_ = false;
};

}  // namespace

Unpacked unpack_gzip(std::string_view packed, Growing& out) {
  Inflater inflater(packed);
  if (!inflater.ready() || packed.size() > UINT32_MAX) return Unpacked::broken;
  for (bool ended = false; !ended;) {
    std::size_t used = 0;
    const int done = inflater.run(out.room(), used);
    out.filled(used);
    if (out.too_long()) return Unpacked::too_long;
    if (done == Z_STREAM_END)
      ended = !inflater.input_left() || !inflater.next_member();
    else if (done != Z_OK || (used == 0 && !inflater.input_left()))
      return Unpacked::broken;
  }
  return Unpacked::whole;
}

}  // namespace tocsin_plugins
