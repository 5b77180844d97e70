// For fuzz targets: the bytes of an input taken as values, and promises that end the program when they are broken.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace fuzz {

/// Ends the program, which is how a fuzzer and the replay learn of a defect.
inline void require(bool holds, const char* promise) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

/// Values off the front of an input; zeros and empty text when it has ended.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

  template <class T>
  T take() {
    T value{};
    const std::size_t n = rest_.size() < sizeof value ? rest_.size() : sizeof value;
    if (n > 0) std::memcpy(&value, rest_.data(), n);
    rest_.remove_prefix(n);
    return value;
  }
  std::uint8_t byte() { return take<std::uint8_t>(); }
  /// A number below `end`.
  std::uint32_t below(std::uint32_t end) { return take<std::uint8_t>() % end; }
  std::string_view bytes(std::size_t most) {
    const std::string_view taken = rest_.substr(0, most);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  /// Up to the next newline, which goes too.
  std::string_view line() {
    const std::size_t end = rest_.find('\n');
    const std::string_view taken = rest_.substr(0, end);
    rest_.remove_prefix(end == rest_.npos ? rest_.size() : end + 1);
    return taken;
  }
  std::string_view rest() { return std::exchange(rest_, {}); }
  std::size_t left() const { return rest_.size(); }

 private:
  std::string_view rest_;
};

/// A copy in a heap block of exactly its size, so that AddressSanitizer sees a read of one byte past its end. Aligned
/// as operator new aligns.
class Exact {
 public:
  explicit Exact(std::string_view text) : size_(text.size()), bytes_(new char[size_]) {
    if (size_ > 0) std::memcpy(bytes_.get(), text.data(), size_);
  }
  std::string_view view() const { return {bytes_.get(), size_}; }
  char* data() const { return bytes_.get(); }

 private:
  std::size_t size_;
  std::unique_ptr<char[]> bytes_;
};

}  // namespace fuzz
