// What agent and runner say to each other: frames, and a plain binary coding of their contents. Both are the same
// build, so numbers go as they stand in memory; what a runner sends is checked all the same, because a plugin shares
// its memory.
#pragma once

#include <concepts>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "model/labels.hpp"

namespace tocsin::plugin_host::runner {

/// One message. `bytes` of content follow, padded to a multiple of 8.
struct Frame {
  std::uint32_t bytes = 0;
  std::uint16_t kind = 0;
  std::uint16_t slot = 0;      ///< where the answer goes, from 1; 0: none is waited for
  std::uint64_t id = 0;        ///< of the call
  std::uint32_t instance = 0;  ///< number of the instance it is about
  std::uint32_t reserved = 0;
};

constexpr std::uint32_t max_frame_bytes = (256u << 20) + (1u << 20);  ///< the largest batch and its cursor

enum class Kind : std::uint16_t {
  // Agent → runner. Each is answered; the content is that of the struct in messages.hpp or of Instance's function.
  load = 1,  ///< a library, whose descriptor follows on the control socket
  create,
  start,
  stop,
  destroy,
  reconfigure,
  save,
  restore,
  pull,
  load_script,
  unload_script,
  compile,
  release,
  evaluate,
  deliver,  ///< answered by `done`, later
  upsert,   ///< answered by `done`, later
  handle,   ///< answered by `done`, later
  sync,
  probe,
  query,
  // Runner → agent.
  answer = 64,  ///< to a call whose answer does not fit into its slot
  done,         ///< what came of a deliver, upsert or handle; id is the call's
  series,
  submit,
  reject,
  log,
  metric_name,  ///< what a slot of the shared metrics is called
  kv_get,
  kv_put,
  receipt,
  person_answer,
  add_input,  ///< during compile and evaluate; id is that of the call it belongs to
  exchange,   ///< not answered
};

template <class T>
concept Plain = std::is_arithmetic_v<T> || std::is_enum_v<T>;

/// Appends values. Structs are written by the `fields(archive, struct)` found for them.
class Writer {
 public:
  static constexpr bool reads = false;
  std::string bytes;

  template <class... T>
  Writer& operator()(const T&... values) {
    (put(values), ...);
    return *this;
  }
  void raw(const void* from, std::size_t n) { bytes.append(static_cast<const char*>(from), n); }

 private:
  template <Plain T>
  void put(T value) {
    raw(&value, sizeof value);
  }
  void put(std::string_view text) {
    put(static_cast<std::uint32_t>(text.size()));
    bytes.append(text);
  }
  void put(const std::string& text) { put(std::string_view(text)); }
  void put(const char* text) { put(std::string_view(text)); }
  void put(base::Time time) { put(base::to_ns(time)); }
  void put(base::Duration duration) { put(static_cast<std::int64_t>(duration.count())); }
  void put(const model::Labels& labels) {
    put(static_cast<std::uint32_t>(labels.size()));
    for (const auto& pair : labels) put(pair);
  }
  template <class A, class B>
  void put(const std::pair<A, B>& pair) {
    put(pair.first), put(pair.second);
  }
  template <class T>
  void put(const std::vector<T>& items) {
    put(static_cast<std::uint32_t>(items.size()));
    for (const auto& item : items) put(item);
  }
  template <class T>
    requires std::is_class_v<T>
  void put(const T& value) {
    fields(*this, const_cast<T&>(value));  // NOLINT: one function for both directions; a writer only reads
  }
};

/// Takes values off the front. After a value that is not there `good()` is false and everything reads as empty.
class Reader {
 public:
  static constexpr bool reads = true;
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  template <class... T>
  Reader& operator()(T&... values) {
    (get(values), ...);
    return *this;
  }
  /// The next `n` bytes where they stand, valid as long as the message.
  std::string_view raw(std::size_t n) {
    if (n > rest_.size()) {
      fail();
      return {};
    }
    const std::string_view out = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return out;
  }
  /// A text where it stands.
  std::string_view text() {
    std::uint32_t n = 0;
    get(n);
    return raw(n);
  }
  template <Plain T>
  T value() {
    T out{};
    get(out);
    return out;
  }
  bool good() const { return good_; }
  bool at_end() const { return rest_.empty(); }
  std::size_t left() const { return rest_.size(); }
  void fail() { good_ = false, rest_ = {}; }
  /// Guards a recursive value; false: too deep.
  bool deeper() { return ++depth_ <= 64 || (fail(), false); }
  void shallower() { --depth_; }

 private:
  template <Plain T>
  void get(T& out) {
    if constexpr (std::same_as<T, bool>) {
      out = value<std::uint8_t>() != 0;
    } else {
      const std::string_view bytes = raw(sizeof out);
      if (bytes.size() == sizeof out) std::memcpy(&out, bytes.data(), sizeof out);
    }
  }
  void get(std::string& out) { out = text(); }
  void get(base::Time& out) { out = base::from_ns(value<std::int64_t>()); }
  void get(base::Duration& out) { out = base::Duration(value<std::int64_t>()); }
  void get(model::Labels& out) {
    std::vector<model::Labels::Pair> pairs;
    get(pairs);
    out = model::Labels(std::move(pairs));
  }
  template <class A, class B>
  void get(std::pair<A, B>& pair) {
    get(pair.first), get(pair.second);
  }
  template <class T>
  void get(std::vector<T>& items) {
    // Every item has at least a byte, so a wrong count cannot ask for more than the message is long.
    const auto n = value<std::uint32_t>();
    if (n > rest_.size()) return fail();
    items.clear();
    items.reserve(n < 4096 ? n : 4096);
    for (std::uint32_t i = 0; i < n && good_; ++i) get(items.emplace_back());
  }
  template <class T>
    requires std::is_class_v<T>
  void get(T& value) {
    fields(*this, value);
  }

  std::string_view rest_;
  bool good_ = true;
  int depth_ = 0;
};

}  // namespace tocsin::plugin_host::runner
