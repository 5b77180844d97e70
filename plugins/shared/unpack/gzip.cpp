#include "unpack/gzip.hpp"

#include <zlib.h>

#include <algorithm>

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
  int run(char* to, std::size_t room, std::size_t& used) {
    stream_.next_out = reinterpret_cast<Bytef*>(to);
    stream_.avail_out = static_cast<uInt>(room);
    const int done = ::inflate(&stream_, Z_NO_FLUSH);
    used = room - stream_.avail_out;
    return done;
  }

 private:
  z_stream stream_{};
  bool ready_ = false;
};

}  // namespace

Unpacked gunzip(std::string_view packed, std::size_t most, std::size_t padding, std::string& out) {
  out.clear();
  Inflater inflater(packed);
  if (!inflater.ready() || packed.size() > UINT32_MAX) return Unpacked::broken;
  for (bool ended = false; !ended;) {
    const auto before = out.size();
    const auto room = std::clamp<std::size_t>(before, 16 * 1024, 4 << 20);
    std::size_t used = 0;
    out.resize(before + room);
    const int done = inflater.run(out.data() + before, room, used);
    out.resize(before + used);
    if (out.size() > most) return Unpacked::too_long;
    if (done == Z_STREAM_END)
      ended = !inflater.input_left() || !inflater.next_member();
    else if (done != Z_OK || (used == 0 && !inflater.input_left()))
      return Unpacked::broken;
  }
  out.append(padding, '\0');
  out.resize(out.size() - padding);
  return Unpacked::whole;
}

}  // namespace tocsin_plugins
