// Routes of a plugin under the agent's listener: a request and the response to it.
#pragma once

#include <cstdint>
#include <string_view>

#include "tocsin/status.hpp"

namespace tsn {

/// Borrowed until handle() returns. `body` is followed by at least 64 readable bytes (for parsers that read ahead).
class Request {
 public:
  explicit Request(const tsn_request* source) : from_(detail::read_struct(source)) {}
  std::string_view method() const noexcept { return view(from_.method); }
  std::string_view path() const noexcept { return view(from_.path); }
  std::string_view query() const noexcept { return view(from_.query); }
  std::string_view remote() const noexcept { return view(from_.remote); }
  std::string_view user() const noexcept { return view(from_.user); }  ///< empty: not authenticated
  /// Subject of the client's certificate, verified against [http] tls.client_ca; empty: none, or the host does not say.
  std::string_view certificate() const noexcept { return view(from_.certificate); }
  std::string_view body() const noexcept { return view(from_.body); }
  std::uint32_t body_padding() const noexcept { return from_.body_padding; }
  /// `name` in lower case; empty when it is missing.
  std::string_view header(std::string_view name) const noexcept {
    for (std::uint32_t i = 0; i < from_.header_count; ++i) {
      const auto header = detail::read_element(from_.headers, from_.header_stride, i);
      if (view(header.name) == name) return view(header.value);
    }
    return {};
  }

 private:
  tsn_request from_;
};

/// Filled while handle() runs, or, when its Token was taken, until that is completed. Cheap to copy. [any]
class Response {
 public:
  explicit Response(tsn_response* to) noexcept : to_(to) {}
  Response& status(std::uint32_t http_status) noexcept { return to_->status = http_status, *this; }
  Response& header(std::string_view name, std::string_view value) noexcept {
    return to_->header(to_, str(name), str(value)), *this;
  }
  /// Appends.
  Response& body(std::string_view bytes) noexcept { return to_->body(to_, {bytes.data(), bytes.size()}), *this; }
  Response& json(std::uint32_t http_status, std::string_view text) noexcept {
    return status(http_status).header("content-type", "application/json").body(text);
  }

 private:
  tsn_response* to_;
};

}  // namespace tsn
