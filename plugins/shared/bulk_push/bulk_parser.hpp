// Signals as JSON (the body of the bulk push) to rows of a batch. One parser serves one body at a time and keeps its
// buffers and its cache of series between bodies.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tocsin/plugin.hpp"

namespace tocsin_plugins {

struct Rejection {
  std::uint32_t index = 0;  ///< of the item in "signals", or of the line
  std::string error_type, reason, name, loader, raw;
  bool by_host = false;  ///< refused when it was submitted: the host has counted it
};

class BulkParser {
 public:
  enum class Form {
    push,   ///< {"signals": […]}
    any,    ///< that, an array of signals, or one signal
    lines,  ///< a signal on each line (NDJSON); a line that is no JSON is refused alone
  };
  /// Rejections of one body that are listed; beyond it they are counted only. What a body costs is then bounded by its
  /// size: three bytes are enough for an item that is refused. As many rows as tsn::Batch describes of those refused.
  static constexpr std::size_t most_listed = 4096;

  explicit BulkParser(tsn::Context& ctx);
  ~BulkParser();

  /// Fills `batch` and `item_of_row`. `body` is followed by at least 64 readable bytes. Items that cannot become a
  /// signal go to `rejections`. The text says why the whole body was refused; empty: it was read to its end.
  std::string parse(std::string_view body, tsn::Time now, tsn::Batch& batch, std::vector<std::uint32_t>& item_of_row,
                    std::vector<Rejection>& rejections, Form form = Form::push);

  /// By error_type, how many items of the last body were refused beyond those listed.
  const std::map<std::string, std::uint32_t, std::less<>>& unlisted() const;

  /// Gives back what a body of more than `most` bytes needed; the series that are known stay.
  void shrink(std::size_t most);

  /// What parse() would say of the whole body; takes nothing. For those whose batch holds other rows already.
  std::string check(std::string_view body, Form form);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tocsin_plugins
