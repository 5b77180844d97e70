// Whoever gave deliveries hears what became of them.
#pragma once

#include <cstdint>

#include "tocsin/plugin.hpp"

namespace tocsin_plugins::amqp {

/// Another status than ok: the deliveries are gone, and come again.
class Settler {
 public:
  virtual ~Settler() = default;
  /// Every delivery up to `tag` that was not rejected is done.
  virtual tsn::Status acknowledge(std::uint64_t tag) = 0;
  /// This delivery is not wanted again.
  virtual tsn::Status reject(std::uint64_t tag) = 0;
};

}  // namespace tocsin_plugins::amqp
