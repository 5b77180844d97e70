// The one error carrier of the host. A function that can fail returns Result<T>; exceptions of libraries are caught in
// the room that owns the library and become an Error there.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace tocsin::base {

/// What kind of fault it was. Closed: callers switch on it, people read the message.
enum class Fault : std::uint8_t {
  invalid,      ///< the request can never succeed as it stands
  not_found,    ///< there is no such thing
  conflict,     ///< it collides with what is there (state, version, duplicate)
  denied,       ///< authentication or permission
  unavailable,  ///< the other side is not there, overloaded or too slow; a retry may help
  deadline,     ///< the time was up; the outcome may be unknown
  exhausted,    ///< a limit was reached (queue, memory, cardinality, rate)
  unsupported,  ///< not something this build or peer can do
  corrupt,      ///< data that was ours is damaged
  cancelled,    ///< stopping
  internal,     ///< a defect of ours or of a plugin
};

std::string_view to_string(Fault fault);

/// A failure: what failed, on what, why, and what to do. Never holds a secret.
class Error {
 public:
  Error(Fault fault, std::string message) : fault_(fault), message_(std::move(message)) {}

  Fault fault() const { return fault_; }
  const std::string& message() const { return message_; }
  /// Whether the same call may succeed later.
  bool retryable() const {
    return fault_ == Fault::unavailable || fault_ == Fault::deadline || fault_ == Fault::exhausted;
  }

  /// The same error with "context: " before its message.
  Error in(std::string_view context) const { return Error(fault_, std::string(context) + ": " + message_); }

 private:
  Fault fault_;
  std::string message_;
};

template <class T = void>
using Result = std::expected<T, Error>;

/// `return fail(Fault::invalid, "…")` from any function that returns a Result.
inline std::unexpected<Error> fail(Fault fault, std::string message) {
  return std::unexpected<Error>(Error(fault, std::move(message)));
}
inline std::unexpected<Error> fail(Error error) {
  return std::unexpected<Error>(std::move(error));
}

}  // namespace tocsin::base

// Unwraps a Result or returns its error: TRY(auto x, f()); TRY_VOID(g());
#define TOCSIN_CAT_(a, b) a##b
#define TOCSIN_CAT(a, b) TOCSIN_CAT_(a, b)
#define TRY_IMPL_(tmp, declaration, ...)                                           \
  auto tmp = (__VA_ARGS__);                                                        \
  if (!tmp) return std::unexpected<::tocsin::base::Error>(std::move(tmp).error()); \
  declaration = std::move(*tmp)
#define TRY(declaration, ...) TRY_IMPL_(TOCSIN_CAT(try_result_, __LINE__), declaration, __VA_ARGS__)
#define TRY_VOID(...)                                                                                \
  do {                                                                                               \
    auto try_result_ = (__VA_ARGS__);                                                                \
    if (!try_result_) return std::unexpected<::tocsin::base::Error>(std::move(try_result_).error()); \
  } while (false)
