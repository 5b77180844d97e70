// What may stand in alertmanager.yml: every key of Alertmanager 0.25 with what its value must look like.
//
// A table of our own instead of config::validate(): YAML's scalars have no types of their own, durations and matchers
// are written differently, and unknown keys must be refused at every level as Alertmanager does.
#pragma once

#include <string_view>
#include <vector>

#include "base/value.hpp"
#include "config/document.hpp"

namespace tocsin::alertmanager {

enum class Kind : std::uint8_t {
  text,
  secret,      ///< text that is never shown
  url,         ///< http:// or https:// with a host
  secret_url,  ///< the same, never shown
  host_port,
  flag,
  integer,
  duration,     ///< Prometheus': 1d12h
  go_duration,  ///< Go's: 1.5h
  texts,
  text_map,
  labels,     ///< names of labels
  label_map,  ///< names of labels to values
  regex_map,  ///< names of labels to regular expressions
  matchers,
  object,
  objects,
};

struct Shape;
struct Key {
  std::string_view name;
  Kind kind = Kind::text;
  const Shape* shape = nullptr;  ///< of an object or of each of objects
};
struct Shape {
  std::vector<Key> keys;
  const Key* find(std::string_view name) const;
};

/// The whole file.
const Shape& file_shape();

/// Reports what does not fit, each with its place and its path (`receivers[0].webhook_configs[1].url`).
void check_shape(const base::Value& root, config::Diagnostics& diagnostics);

}  // namespace tocsin::alertmanager
