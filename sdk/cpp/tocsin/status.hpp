// What a call answers: a status and, if it failed, a text; and the exception that carries one.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "tocsin/abi.h"

namespace tsn {

constexpr tsn_str str(std::string_view text) noexcept {
  return {text.data(), static_cast<std::uint32_t>(text.size())};
}
constexpr std::string_view view(tsn_str text) noexcept {
  return text.p ? std::string_view(text.p, text.n) : std::string_view();
}
inline std::string_view view(tsn_bytes bytes) noexcept {
  return bytes.p ? std::string_view(static_cast<const char*>(bytes.p), bytes.n) : std::string_view();
}

/// Statuses without a text of their own. `tsn::ok` converts to Status.
enum class Code : tsn_status {
  ok = TSN_OK,
  retry = TSN_RETRY,
  needs_restart = TSN_NEEDS_RESTART,
  end = TSN_END,
  failed = TSN_FAILED,
  invalid = TSN_INVALID,
  cardinality = TSN_CARDINALITY,
  unsupported = TSN_UNSUPPORTED,
  cancelled = TSN_CANCELLED,
  denied = TSN_DENIED,
  deadline = TSN_DEADLINE,
  unknown = TSN_UNKNOWN
};
inline constexpr Code ok = Code::ok;                        ///< done
inline constexpr Code retry = Code::retry;                  ///< not now, the caller tries again
inline constexpr Code needs_restart = Code::needs_restart;  ///< reconfigure(): make a new instance
inline constexpr Code end = Code::end;                      ///< poll(): the input is at its end

class [[nodiscard]] Status {
 public:
  constexpr Status(Code code) noexcept : value_(static_cast<tsn_status>(code)) {}
  Status(tsn_status value, std::string text, int code = 0, std::uint32_t retry_after_ms = 0)
      : value_(value), code_(code), retry_after_ms_(retry_after_ms), text_(std::move(text)) {}
  /// What a call through the ABI answered.
  Status(tsn_status value, const tsn_err& err)
      : Status(value, std::string(err.msg, err.n < sizeof err.msg ? err.n : sizeof err.msg), err.code,
               err.retry_after_ms) {}

  bool is_ok() const noexcept { return value_ == TSN_OK; }
  explicit operator bool() const noexcept { return is_ok(); }
  tsn_status value() const noexcept { return value_; }
  const std::string& text() const noexcept { return text_; }
  int code() const noexcept { return code_; }
  std::uint32_t retry_after_ms() const noexcept { return retry_after_ms_; }
  bool operator==(Code code) const noexcept { return value_ == static_cast<tsn_status>(code); }

  /// The protocol's own number: an HTTP status, an SMTP reply.
  Status&& with_code(int code) && { return code_ = code, std::move(*this); }
  Status&& after(std::chrono::milliseconds wait) && {
    return retry_after_ms_ = static_cast<std::uint32_t>(wait.count()), std::move(*this);
  }

 private:
  tsn_status value_;
  int code_ = 0;
  std::uint32_t retry_after_ms_ = 0;
  std::string text_;
};

// A text says what failed, on what, why, and what to do. No secret.
inline Status fail(std::string text) {
  return {TSN_FAILED, std::move(text)};
}  ///< a retry may help
inline Status invalid(std::string text) {
  return {TSN_INVALID, std::move(text)};
}  ///< can never succeed as it stands
inline Status denied(std::string text) {
  return {TSN_DENIED, std::move(text)};
}  ///< authentication or permission
inline Status unsupported(std::string text) {
  return {TSN_UNSUPPORTED, std::move(text)};
}
inline Status cancelled(std::string text) {
  return {TSN_CANCELLED, std::move(text)};
}  ///< cancelled or stopping
inline Status timed_out(std::string text) {
  return {TSN_DEADLINE, std::move(text)};
}  ///< the deadline passed
inline Status unknown(std::string text) {
  return {TSN_UNKNOWN, std::move(text)};
}  ///< it may have happened: an answer was lost
inline Status retry_later(std::string text, std::chrono::milliseconds wait = {}) {
  return Status(TSN_RETRY, std::move(text)).after(wait);
}

/// Throw it anywhere in a plugin: the barrier turns it into its status and text. Other exceptions become TSN_FAILED.
class Failure : public std::runtime_error {
 public:
  explicit Failure(Status status) : std::runtime_error(status.text()), status_(std::move(status)) {}
  explicit Failure(std::string text) : Failure(fail(std::move(text))) {}
  const Status& status() const noexcept { return status_; }

 private:
  Status status_;
};

namespace detail {

/// Copies min(size, own size) of a struct of the other side into a zeroed local.
template <class Struct>
Struct read_struct(const Struct* from) noexcept {
  Struct local;
  std::memset(static_cast<void*>(&local), 0, sizeof local);
  if (from) std::memcpy(static_cast<void*>(&local), from, from->size < sizeof local ? from->size : sizeof local);
  return local;
}

/// Element `index` of an array whose elements are `stride` bytes apart, zero-filled where the other side knows less.
template <class Struct>
Struct read_element(const Struct* first, std::uint32_t stride, std::size_t index) noexcept {
  Struct local;
  std::memset(static_cast<void*>(&local), 0, sizeof local);
  const auto* bytes = reinterpret_cast<const unsigned char*>(first) + index * stride;
  std::memcpy(static_cast<void*>(&local), bytes, stride < sizeof local ? stride : sizeof local);
  return local;
}

/// The longest prefix of `text` that fits `cap` bytes and ends between two UTF-8 characters.
inline std::size_t fitting(std::string_view text, std::size_t cap) noexcept {
  if (text.size() <= cap) return text.size();
  while (cap > 0 && (static_cast<unsigned char>(text[cap]) & 0xc0) == 0x80) --cap;
  return cap;
}

inline void write_error(tsn_err* err, std::string_view text, int code, std::uint32_t retry_after_ms) noexcept {
  if (!err || err->size < offsetof(tsn_err, msg)) return;
  const std::size_t room = err->size - offsetof(tsn_err, msg);
  const std::size_t used = fitting(text, room < sizeof err->msg ? room : sizeof err->msg);
  err->code = code;
  err->retry_after_ms = retry_after_ms;
  err->n = static_cast<std::uint32_t>(used);
  if (used) std::memcpy(err->msg, text.data(), used);
}

inline tsn_status report(const Status& status, tsn_err* err) noexcept {
  if (!status.is_ok()) write_error(err, status.text(), status.code(), status.retry_after_ms());
  return status.value();
}

inline tsn_err empty_err() noexcept {
  tsn_err err{};
  err.size = sizeof err;
  return err;
}

/// Lets a function return Status, Code or nothing.
template <class Call>
Status as_status(Call&& call) {
  if constexpr (std::is_void_v<decltype(call())>) {
    call();
    return ok;
  } else {
    return call();
  }
}

/// The exception barrier: nothing leaves `call` but a status and a text.
template <class Call>
tsn_status barrier(tsn_err* err, Call&& call) noexcept {
  try {
    return report(as_status(call), err);
  } catch (const Failure& failure) {
    return report(failure.status(), err);
  } catch (const std::exception& error) {
    write_error(err, error.what(), 0, 0);
  } catch (...) {
    write_error(err, "the plugin threw something that is no std::exception", 0, 0);
  }
  return TSN_FAILED;
}

}  // namespace detail
}  // namespace tsn
