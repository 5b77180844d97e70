// Rows and verdicts of one evaluate() on their way to a runner and back.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "plugin_host/runner/wire.hpp"
#include "tocsin/abi.h"

namespace tocsin::plugin_host::runner {

/// The agent's side: `program` as the runner knows it, rows [first, first + count) and the room there is for messages.
/// Cells and instants follow the head as they stand.
void write_rows(Writer& out, std::uint64_t program, const tsn_rows& rows, std::uint32_t first, std::uint32_t count,
                std::uint32_t text_cap);
/// The answer, into the verdicts from row `first` on. What does not fit the rows is an error (a hostile runner).
base::Result<void> read_verdicts(Reader& in, std::uint32_t first, std::uint32_t count, tsn_verdicts& verdicts);

/// The runner's side: rows read from a message and room for their verdicts. Points into itself and into the message.
class Evaluation {
 public:
  /// False: the message is not one.
  bool read(std::string_view content);
  std::uint64_t program() const { return program_; }
  tsn_rows& rows() { return rows_; }
  tsn_verdicts& verdicts() { return verdicts_; }
  void write_verdicts(Writer& out) const;

 private:
  std::uint64_t program_ = 0;
  tsn_rows rows_{};
  tsn_verdicts verdicts_{};
  std::vector<double> cells_;
  std::vector<std::int64_t> at_;
  std::vector<tsn_label> labels_;
  std::vector<const tsn_label*> label_rows_;
  std::vector<tsn_verdict> items_;
  std::string text_;
};

}  // namespace tocsin::plugin_host::runner
