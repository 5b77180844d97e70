// A request's body of one's own: a template whose values are escaped for what the Content-Type says that it is.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "template/template.hpp"
#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

/// By the media type; without one JSON if the body begins with { or [, else a form. `content_type` is filled in then.
Escape body_escape(std::string_view body, std::string& content_type);

class WebhookBody {
 public:
  /// Reads the option `body`. Throws a Failure that names it: for a template that cannot be compiled, and for one that
  /// does not make JSON of every kind of message where it should.
  WebhookBody(const tsn::Config& config, std::string content_type);

  /// Nothing where the filled template is no JSON, or more than its budget: the caller then sends what it would without
  /// a template, since a message that says too much is better than none.
  std::optional<std::string> write(const tsn::Message& message, tsn::Time now) const;
  const std::string& content_type() const { return content_type_; }

 private:
  std::string content_type_;
  std::optional<Template> body_;
};

}  // namespace tocsin_plugins
