// What a provider's answers mean, and what stands in its JSON and forms.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http_client/http_client.hpp"
#include "phone/provider.hpp"

namespace tocsin_plugins {

/// ok; TSN_INVALID for `permanent`; everything else is retried, after Retry-After where it is given. `what` begins the
/// text: "sms: POST to https://middleware.corp".
tsn::Status send_verdict(const SendTable& send, const HttpAnswer& answer, std::string_view what, tsn::Time now);

/// Names and values of a form (application/x-www-form-urlencoded), as valid UTF-8.
std::vector<std::pair<std::string, std::string>> form_fields(std::string_view body);

/// A body that came in or was answered: JSON, or a form as an object of texts where `content_type` says so.
class Document {
 public:
  Document(std::string_view body, std::string_view content_type);
  ~Document();
  /// The text, number or truth value at a JSON Pointer; nothing where there is none.
  std::optional<std::string> at(const std::string& pointer) const;
  explicit operator bool() const noexcept { return valid_; }

 private:
  struct Tree;
  std::unique_ptr<Tree> tree_;
  bool valid_ = false;
};

}  // namespace tocsin_plugins
