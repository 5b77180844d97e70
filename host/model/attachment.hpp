// A file kept with an incident, and what may be one: a pdf, png, jpg, txt or log of at most 10 MiB whose content is
// what its name says.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace tocsin::model {

struct Attachment {
  std::uint64_t id = 0;        ///< given by the store
  std::string key;             ///< UUIDv7: the same file written again is one row
  std::string correlation_id;  ///< of the incident
  std::string name, content_type, by;
  std::uint64_t size = 0;
  base::Time at{};
  std::shared_ptr<const std::string> content;  ///< null: not asked for. Shared, because changes are copied
};

constexpr std::size_t most_attachment = 10u << 20;  ///< bytes

/// A name without folders, hidden files, control or direction-changing characters, of at most 200 bytes.
base::Result<void> check_attachment_name(std::string_view name);
/// The type that the name's ending and the content agree on: "application/pdf", "image/png", "image/jpeg",
/// "text/plain; charset=utf-8". Fault::unsupported says what does not fit.
base::Result<std::string> attachment_type(std::string_view name, std::string_view content);

}  // namespace tocsin::model
