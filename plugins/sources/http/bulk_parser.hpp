// The bulk push's body to rows of a batch. One parser serves one request at a time and keeps its buffers and its cache
// of series between requests.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

struct Rejection {
  std::uint32_t index = 0;  ///< of the item in "signals"
  std::string error_type, reason, name, loader, raw;
};

class BulkParser {
 public:
  explicit BulkParser(tsn::Context& ctx);
  ~BulkParser();

  /// Fills `batch` and `item_of_row`. `body` is followed by at least 64 readable bytes. Items that cannot become a
  /// signal go to `rejections`. The text says why the whole body was refused; empty: it was read to its end.
  std::string parse(std::string_view body, tsn::Time now, tsn::Batch& batch, std::vector<std::uint32_t>& item_of_row,
                    std::vector<Rejection>& rejections);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tocsin_plugins
