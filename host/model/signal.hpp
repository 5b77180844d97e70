// Signals in columns: what travels from a source to the journal, to detection and into history.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "model/labels.hpp"

namespace tocsin::model {

/// Index of a series in the agent's SeriesTable; dense from 0, never reused while the process lives.
using SeriesId = std::uint32_t;

struct SeriesKey {
  std::string name;
  Labels labels;  ///< with the agent's and the instance's labels
  bool operator==(const SeriesKey&) const = default;
};

/// count, min, max, avg, sum of a summary signal.
struct Summary {
  double count = 0, min = 0, max = 0, avg = 0, sum = 0;
};

/// Where a log record was read.
struct Origin {
  std::string file;
  std::uint64_t offset = 0;
  std::uint64_t line = 0;
};

enum RowFlag : std::uint32_t { row_stale = 1u, row_old = 2u };

/// Rows of one submit by one source instance, validated. Immutable once in the pipeline; shared by reference.
/// Optional columns are either empty or as long as `ts`.
struct SignalBatch {
  std::uint64_t position = 0;   ///< of its journal record; 0: not journalled
  std::uint64_t first_seq = 0;  ///< per instance, without gaps
  base::Time arrived{};         ///< by the agent's clock; kept in the journal, so re-reading sees the first arrival
  std::string instance;         ///< "source.auth"
  std::string source;           ///< the plugin's id, upper case where the spec's tables show it: "http", "logtail"
  std::vector<std::int64_t> ts;
  std::vector<double> value;  ///< NaN where the row is a summary
  std::vector<SeriesId> series;
  std::vector<std::uint32_t> flags;
  std::vector<std::string> text;
  std::vector<Summary> summary;       ///< count NaN: none in this row
  std::vector<std::uint64_t> line;    ///< origin line
  std::vector<std::uint64_t> offset;  ///< origin offset
  std::vector<std::uint32_t> file;    ///< index into files
  std::vector<std::string> files;
  std::string cursor;  ///< opaque, of the source
  bool has_cursor = false;

  std::size_t rows() const { return ts.size(); }
};
using SharedBatch = std::shared_ptr<const SignalBatch>;

/// Input that could not become a signal: kept with validation_status FAILED.
struct RejectedSignal {
  base::Time at{};
  std::string instance, source, error_type, reason, name, loader, raw;
  std::uint32_t count = 1;
};

}  // namespace tocsin::model
